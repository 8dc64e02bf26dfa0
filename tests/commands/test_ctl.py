"""``ehttpd ctl`` and ``ehttpd status``: a running server is told and asked."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ehttpd.commands import ctl, status
from ehttpd.errors import OperatorError, SettingsError
from ehttpd.launch.admin_client import find_admin
from ehttpd.launch.running import controlled_processes
from ehttpd.messages import Response
from ehttpd.native import Server
from tests.admin.conftest import Watch, Watched, watched
from tests.running import ROOT
from tests.server.live import PATIENCE, come_true

__all__ = ["watched"]  # a fixture
Background = subprocess.Popen[str]
linux = pytest.mark.skipif(sys.platform != "linux", reason="control sockets are Linux's")


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
    assert "refused: bad request" in said(capsys, status.run, "--admin", it.address)
    it.server.drain()
    assert status.run([]) == status.NOT_READY


def test_an_address_where_nobody_is_is_told() -> None:
    with pytest.raises(OperatorError, match=r"nobody answers at 127\.0\.0\.1:1:") as told:
        find_admin(":1").get("/stats.json")
    assert "--pid" in told.value.cure


def test_an_address_where_somebody_else_is_is_told(it: Watched) -> None:
    with pytest.raises(OperatorError, match="no admin address"):
        find_admin(it.server.addresses[0]).get("/stats.json")


def test_an_address_where_somebody_else_answers_in_json_is_told() -> None:
    other = Server(lambda request: Response.json({"a": 1}), bind="127.0.0.1:0")
    with other as server, pytest.raises(OperatorError, match="is no admin address of ehttpd"):
        status.run([server.addresses[0]])


def test_a_host_that_has_no_address_is_told_in_words() -> None:
    with pytest.raises(OperatorError, match=r"nobody answers at nowhere\.invalid:1: [A-Z][a-z ]+[a-z]\."):
        find_admin("nowhere.invalid:1").get("/stats.json")


def test_a_host_whose_name_is_none_is_told() -> None:
    with pytest.raises(OperatorError, match=r"nobody answers at a\.\.b:1: "):
        find_admin("a..b:1").get("/stats.json")


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


def run_in_background(tmp_path: Path, *words: str) -> Background:
    """Start a server in a process of its own, and return it once it serves."""
    (tmp_path / "shop.py").write_text("from ehttpd.native import Response\ndef handler(r): return Response.text('.')\n")
    server = subprocess.Popen(
        [sys.executable, "-m", "ehttpd", "shop:handler", "--bind", "127.0.0.1:0", *words],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stderr is not None
    deadline = time.monotonic() + PATIENCE
    while "event=ready" not in server.stderr.readline():
        assert time.monotonic() < deadline
    return server


@pytest.fixture
def background(tmp_path: Path) -> Iterator[Callable[..., Background]]:
    """Start servers in processes of their own; they have ended at the end."""
    started: list[Background] = []

    def start(*words: str) -> Background:
        started.append(run_in_background(tmp_path, *words))
        return started[-1]

    yield start
    for server in started:
        server.terminate()
        server.communicate()


@linux
def test_a_server_is_found_and_told_with_no_flag_and_no_file(
    background: Callable[..., Background], capsys: pytest.CaptureFixture[str]
) -> None:
    server = background()
    pid = str(server.pid)
    assert server.pid in controlled_processes()
    text = said(capsys, status.run, "--pid", pid)
    assert f"pid {pid}" in text
    assert "requests are counted with --admin" in text
    assert said(capsys, ctl.run, "reopen-logs", "--pid", pid) == "Logs are opened anew.\n"
    with pytest.raises(OperatorError, match="no worker processes"):
        ctl.run(["reload", "--pid", pid])
    assert said(capsys, ctl.run, "stop", "--pid", pid).startswith("Stopping")
    assert server.wait(PATIENCE) == 0
    assert server.pid not in controlled_processes()
    with pytest.raises(OperatorError, match=f"nobody answers at unix:@ehttpd-{pid}"):
        status.run(["--pid", pid])


@linux
def test_a_supervisor_is_told(background: Callable[..., Background], capsys: pytest.CaptureFixture[str]) -> None:
    server = background("--workers", "1", "--supervise")
    assert server.stderr is not None
    pid = str(server.pid)
    assert said(capsys, ctl.run, "workers", "2", "--pid", pid) == "There are to be 2 workers.\n"
    for wrong, expected in [("99999999999", "at most 1024"), ("0", "at least 1"), ("two", "a whole number")]:
        with pytest.raises(OperatorError, match=f"workers must be {expected}, not '{wrong}'"):
            ctl.run(["workers", wrong, "--pid", pid])
    come_true(lambda: len(find_admin(process=server.pid).get("/stats.json")["worker_status"]) == 2)
    said(capsys, ctl.run, "reload", "--pid", pid)
    line = next(line for line in iter(server.stderr.readline, "") if "eload" in line)
    assert "Reloaded: 1 worker serves" in line


@linux
def test_a_server_may_take_no_commands(background: Callable[..., Background]) -> None:
    assert background("--no-control-socket").pid not in controlled_processes()


@linux
def test_of_several_servers_one_is_to_be_named(
    background: Callable[..., Background], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("EHTTPD_ADMIN", raising=False)
    servers = background(), background()
    with pytest.raises(OperatorError, match="several servers are running") as told:
        find_admin()
    for server in servers:
        assert f"pid {server.pid}  " in told.value.cure
    monkeypatch.setattr("ehttpd.launch.admin_client.controlled_processes", lambda: [servers[0].pid])
    assert find_admin().get("/stats.json")["pid"] == servers[0].pid
    monkeypatch.setattr("ehttpd.launch.admin_client.controlled_processes", list)
    with pytest.raises(OperatorError, match="no running server"):
        find_admin()


@linux
def test_a_name_that_another_process_has_taken_is_not_believed() -> None:
    with socket.socket(socket.AF_UNIX) as impostor:
        impostor.bind("\0ehttpd-1")
        impostor.listen()
        with pytest.raises(OperatorError, match="taken by another process"):
            status.run(["--pid", "1"])
