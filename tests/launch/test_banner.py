"""The banner says what is served, where and how: for a person, or for a program."""

from __future__ import annotations

import shlex
import sys
from types import SimpleNamespace

import pytest
from flask import Flask

from ehttpd import __version__
from ehttpd.launch.application import Application
from ehttpd.launch.banner import banner, source, warnings
from ehttpd.launch.cautions import Caution, cautions
from ehttpd.launch.kind import Kind
from ehttpd.settings import Given, Settings

ADDRESSES = ["127.0.0.1:8000", "unix:/run/shop.sock"]
APPLICATION = Application(lambda request: None, Kind.NATIVE, "shop", "app")

NAMED = {"threads": Given("2:8", "--threads"), "app": Given("shop:app", "pyproject.toml:2")}
SETTINGS = Settings.from_sources(NAMED)


def text(*, terminal: bool) -> str:
    return banner(APPLICATION, ADDRESSES, SETTINGS, 0.0844, terminal=terminal)


def test_a_person_reads_a_few_lines() -> None:
    head, *lines = text(terminal=True).splitlines()
    assert head.startswith(f"ehttpd {__version__}  Python 3.")
    assert [" ".join(line.split()) for line in lines] == [
        "app shop:app native handler, from pyproject.toml:2",
        "listen http://127.0.0.1:8000",
        "unix:/run/shop.sock",
        "threads 2–8 queue 512, keep-alive 5s, graceful 30s",
        "ready in 84 ms Ctrl+C stops, twice to force",
    ]


def test_a_program_reads_one_line_of_names_and_values() -> None:
    line = text(terminal=False)
    assert "\n" not in line
    values = dict(word.split("=", 1) for word in shlex.split(line))
    assert values["event"] == "ready"
    assert values["kind"] == "native handler"
    assert values["listen"] == "http://127.0.0.1:8000,unix:/run/shop.sock"
    assert values["threads"] == "2:8"
    assert values["ready_ms"] == "84"


def test_it_is_told_where_an_application_was_found_that_the_command_line_does_not_name() -> None:
    assert source(Settings()) == ", found here"
    assert source(Settings.from_sources({"app": Given("shop", "command line")})) == ""


def test_warnings_stand_above_with_their_cures() -> None:
    unusual = [Caution("DEBUG is on", "turn it off")]
    assert warnings(unusual, terminal=True) == "! DEBUG is on: turn it off.\n"
    assert warnings(unusual, terminal=False) == 'event=caution message="DEBUG is on" cure="turn it off"\n'
    assert warnings([], terminal=True) == ""


def test_debugging_aids_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    site = Flask("site")
    assert list(cautions(site, Settings())) == []
    site.debug = True
    assert [each.sentence for each in cautions(site, Settings())] == ["Flask's debug mode is on"]
    project = SimpleNamespace(configured=True, DEBUG=True, SETTINGS_MODULE="shop.settings")
    monkeypatch.setitem(sys.modules, "django.conf", SimpleNamespace(settings=project))
    assert [each.cure for each in cautions(None, Settings())] == ["set DEBUG = False in shop.settings"]
