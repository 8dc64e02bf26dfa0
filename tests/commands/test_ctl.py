"""``ehttpd ctl`` and ``ehttpd status``: a running server is told and asked."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ehttpd.commands import ctl, status
from ehttpd.errors import OperatorError, SettingsError
from ehttpd.launch.admin_client import find_admin
from ehttpd.launch.running import admin_addresses
from ehttpd.messages import Response
from tests.admin.conftest import Watch, Watched, watched
from tests.server.live import PATIENCE, come_true

__all__ = ["watched"]  # a fixture


@pytest.fixture
def it(watched: Watch, monkeypatch: pytest.MonkeyPatch) -> Watched:
    it = watched(lambda request: Response.text("hello"), {"stop": lambda: "Stopping."})
    monkeypatch.setenv("EHTTPD_ADMIN", it.address)
    it.server.connect().ask()
    come_true(lambda: it.ask("/stats.json").json["requests_count"] == 1)
    return it


def said(capsys: pytest.CaptureFixture[str], run: object, *words: str) -> str:
    assert callable(run)
    assert run(words) == 0
    return capsys.readouterr().out


def test_figures_threads_and_requests_are_shown(it: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(said(capsys, ctl.run, "stats"))["requests_count"] == 1
    assert json.loads(said(capsys, ctl.run, "requests")) == []
    assert f"pid {os.getpid()}" in said(capsys, ctl.run, "threads")


def test_commands_are_done(it: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    assert said(capsys, ctl.run, "stop") == "Stopping.\n"
    assert said(capsys, ctl.run, "log-level", "info") == "Logging from info upwards.\n"
    assert said(capsys, ctl.run, "drain", "--admin", it.address).startswith("Draining")
    assert it.server.snapshot()["state"] == "draining"


def test_what_is_refused_is_told_with_its_cure(it: Watched) -> None:
    with pytest.raises(OperatorError, match="no worker processes") as refused:
        ctl.run(["workers", "4"])
    assert refused.value.cure == "Start with --workers, or with --supervise for one."


@pytest.mark.parametrize("words", [["workers"], ["log-level"], ["stop", "now"], ["explode"], []])
def test_wrong_words_are_told(it: Watched, words: list[str]) -> None:
    with pytest.raises(SettingsError):
        ctl.run(words)


def test_the_status_is_said_once(it: Watched, capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, status.run)
    assert text.startswith("ehttpd — shop:app   ready   up ")
    assert "1 requests" in text
    assert "\x1b" not in text
    assert json.loads(said(capsys, status.run, "--json"))["state"] == "ready"
    refused = it.server.connect()
    refused.send(b"GET\r\n\r\n")
    refused.rest()
    assert "refused: bad request" in said(capsys, status.run, it.address)
    it.server.drain()
    assert status.run([]) == status.NOT_READY


def test_an_address_where_nobody_is_is_told() -> None:
    with pytest.raises(OperatorError, match=r"nobody answers at 127\.0\.0\.1:1:") as told:
        find_admin(":1").get("/stats.json")
    assert "--admin" in told.value.cure


def test_an_address_where_somebody_else_is_is_told(it: Watched) -> None:
    with pytest.raises(OperatorError, match="no admin address"):
        find_admin(it.server.addresses[0]).get("/stats.json")


def test_what_is_no_address_is_told() -> None:
    with pytest.raises(SettingsError, match="an admin address must be"):
        find_admin("somewhere")


def test_an_admin_address_may_be_a_unix_socket(watched: Watch, tmp_path: Path) -> None:
    path = f"unix:{tmp_path}/admin.sock"
    watched_here = watched(lambda request: Response.text("hello"), admin=path)
    admin = find_admin(path)
    assert admin.get("/stats.json")["state"] == "ready"
    assert admin.command("drain").startswith("Draining")
    assert watched_here.server.snapshot()["state"] == "draining"


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs proc(5)")
@pytest.mark.parametrize("given", ["--admin=127.0.0.1:0", "--admin :0", "EHTTPD_ADMIN"])
def test_a_running_server_is_found_by_its_flag_or_variable(tmp_path: Path, given: str) -> None:
    (tmp_path / "shop.py").write_text("def handler(request): pass\n")
    words = [] if given == "EHTTPD_ADMIN" else given.split()
    environment = {**os.environ, **({"EHTTPD_ADMIN": ":0"} if not words else {})}
    before = admin_addresses()
    server = subprocess.Popen(
        [sys.executable, "-m", "ehttpd", "shop:handler", "--bind", "127.0.0.1:0", *words],
        cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert server.stderr is not None
        deadline = time.monotonic() + PATIENCE
        while "event=ready" not in server.stderr.readline():
            assert time.monotonic() < deadline
        assert set(admin_addresses()) - set(before) <= {"127.0.0.1:0"}
        assert "127.0.0.1:0" in admin_addresses()
    finally:
        server.terminate()
        server.communicate()


def test_of_several_servers_one_is_to_be_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("EHTTPD_ADMIN", raising=False)
    monkeypatch.setattr("ehttpd.launch.admin_client.admin_addresses", lambda: ["127.0.0.1:1", "127.0.0.1:2"])
    with pytest.raises(OperatorError, match="several") as told:
        find_admin()
    assert "127.0.0.1:1, 127.0.0.1:2" in told.value.cure
    monkeypatch.setattr("ehttpd.launch.admin_client.admin_addresses", list)
    with pytest.raises(OperatorError, match="no running server"):
        find_admin()


