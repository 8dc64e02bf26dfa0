"""Django's live server on ours, under Django's own runner and under pytest-django."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest_plugins = ("pytester",)

SETTINGS = """
SECRET_KEY = "none"
ALLOWED_HOSTS = ["shop.example"]
MIDDLEWARE = ["django.middleware.common.CommonMiddleware"]  # looks at the host of each request
ROOT_URLCONF = "urls"
INSTALLED_APPS = ["django.contrib.contenttypes", "django.contrib.auth", "django.contrib.staticfiles"]
STATIC_URL = "/static/"
STATICFILES_DIRS = ["assets"]
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", %s}}
"""
DATABASES = {
    "memory": "'NAME': ':memory:'",
    "file": "'NAME': 'site.sqlite3', 'TEST': {'NAME': 'test.sqlite3'}, 'CONN_MAX_AGE': 600",
}
URLS = """
import threading
from django.contrib.auth.models import Group
from django.db import connections
from django.http import HttpResponse
from django.urls import path

arrived, may_go, seen, used = threading.Event(), threading.Event(), [], []

def count(request):
    used.append(connections["default"])
    return HttpResponse(str(Group.objects.count()))

def slow(request):
    arrived.set()
    may_go.wait(10)
    seen.append(Group.objects.count())
    return HttpResponse("late")

urlpatterns = [path("count", count), path("slow", slow)]
"""
# A request still runs when its test ends. It must meet the test's database: seen is 1, and never 0.
TESTS = """
import threading
from urllib.request import urlopen
from django.contrib.auth.models import Group
from urls import arrived, may_go, seen

def leave_running(url):
    arrived.clear(), may_go.clear()
    asking = threading.Thread(target=lambda: urlopen(url + "/slow").read())
    asking.start()
    assert arrived.wait(10)
    timer = threading.Timer(0.1, may_go.set)
    timer.start()
    return asking, timer

def check(url):
    Group.objects.create(name="editors")
    assert urlopen(url + "/count").read() == b"1"
    assert urlopen(url + "/static/styles.css").read() == b"p {}"
    return leave_running(url)
"""
UNITTEST = """
from ehttpd.testing.django import StaticLiveServerTestCase
from checks import check, seen

class LiveTest(StaticLiveServerTestCase):
    def test_one(self):
        check(self.live_server_url)

    def test_two(self):
        check(self.live_server_url)

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        assert seen == [1, 1], seen
"""
PYTEST = """
import pytest
from checks import check, seen
from urls import used

@pytest.mark.parametrize("number", range(3))
def test_live(ehttpd_server, ehttpd_live, number):  # what keeps the servers is older than the database
    assert str(ehttpd_live) == ehttpd_live.url
    assert len(ehttpd_live.requests) == 0
    check(ehttpd_live.url)

def test_after_them():
    assert seen == [1, 1, 1]
    assert [each.connection for each in used] == [None, None, None], "threads keep no connection"
"""


@pytest.fixture
def project(tmp_path: Path, database: str) -> Path:
    files = {
        "site_settings.py": SETTINGS % DATABASES[database],
        "urls.py": URLS,
        "checks.py": TESTS,
        "tests.py": UNITTEST,
        "test_live.py": PYTEST,
    }
    for file, text in files.items():
        (tmp_path / file).write_text(text)
    (tmp_path / "assets").mkdir()
    (tmp_path / "assets" / "styles.css").write_text("p {}")
    return tmp_path


def run(project: Path, *command: str) -> str:
    variables = {"DJANGO_SETTINGS_MODULE": "site_settings", "PYTHONPATH": str(project), "no_proxy": "*"}
    done = subprocess.run(
        [sys.executable, "-Wignore", "-m", *command],
        cwd=project,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("database", ["memory"])
def test_djangos_test_case_drains_before_the_flush(project: Path) -> None:
    assert "Ran 2 tests" in run(project, "django", "test", "tests")


@pytest.mark.parametrize("database", ["file"])
def test_the_fixture_drains_before_the_flush(project: Path) -> None:
    assert "4 passed" in run(project, "pytest", "-q", "-p", "no:cacheprovider", "test_live.py")
