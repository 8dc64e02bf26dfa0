"""Without what only POSIX systems have, as on Windows: what is promised there works, and what is not is said."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from tests.running import ROOT
from tests.server.live import PATIENCE

APPLICATION = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Length", "2")])
    return [b"hi"]
"""
EMBEDDED = """
from tests.as_on_windows import pretend
pretend()
from urllib.request import urlopen
from ehttpd.native import Response
from ehttpd.testing import MockServer, TestServer
with TestServer(lambda request: Response.text("hi")) as server:
    assert urlopen(server.url).read() == b"hi"
    with server.refuse():
        try:
            urlopen(server.url)
        except OSError:
            pass
        else:
            raise AssertionError("somebody has answered")
    assert urlopen(server.url).read() == b"hi"
with MockServer() as mock:
    mock.on("GET /").reply(200, text="mocked")
    assert urlopen(mock.url).read() == b"mocked"
from ehttpd.testing.keeper import Keeper
keeper = Keeper("the test", {}, notes_octets=True)
assert urlopen(keeper.serve(lambda request: Response.text("hi")).url).read() == b"hi"
keeper.finish()
assert keeper.verdict() is None
"""

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there is nothing to be taken away")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "app.py").write_text(APPLICATION)
    return tmp_path


@contextmanager
def run_as_on_windows(
    folder: Path, *arguments: str, stdin: int = subprocess.DEVNULL
) -> Iterator[subprocess.Popen[str]]:
    """Run the command in ``folder``; it is over when the block is."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.as_on_windows", *arguments],
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def shown_in_banner(process: subprocess.Popen[str], *names: str) -> list[str]:
    assert process.stderr is not None
    banner = process.stderr.readline()
    found = [re.search(rf"{name}=(\S+)", banner) for name in names]
    assert all(found), banner
    return [each[1] for each in found if each]


def stop(process: subprocess.Popen[str]) -> str:
    """Stop it as a terminal does; return what else it has said."""
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


def test_an_application_is_served_with_logs_and_figures(folder: Path) -> None:
    flags = ("--access-log", "lines", "--access-log-format", "json", "--admin", "127.0.0.1:0", "--log-format", "logfmt")
    with run_as_on_windows(folder, "app:application", "--bind", "127.0.0.1:0", *flags) as process:
        served, admin = shown_in_banner(process, "listen", "admin")
        for _ in range(20):
            with urlopen(served) as response:
                assert response.read() == b"hi"
        with urlopen(f"{admin}/metrics") as response:
            assert b"ehttpd_requests_total" in response.read()
        assert "error" not in stop(process)
    lines = (folder / "lines").read_bytes().splitlines()
    assert [json.loads(line)["http.response.status_code"] for line in lines] == [200] * 20


def test_a_pid_file_that_was_left_is_replaced(folder: Path) -> None:
    (folder / "server.pid").write_text("4194304")
    with run_as_on_windows(folder, "app:application", "--bind", "127.0.0.1:0", "--pid", "server.pid") as process:
        shown_in_banner(process, "listen")
        assert int((folder / "server.pid").read_text()) == process.pid
        stop(process)
        assert not (folder / "server.pid").exists()


def test_a_stop_by_command_answers_what_was_accepted(folder: Path) -> None:
    waits = APPLICATION.replace("    start", "    print(input('called'), flush=True)\n    start")
    (folder / "app.py").write_text(waits)
    flags = ("app:application", "--bind", "127.0.0.1:0", "--admin", "127.0.0.1:0")
    with run_as_on_windows(folder, *flags, stdin=subprocess.PIPE) as process, ExitStack() as stack:
        served, admin = shown_in_banner(process, "listen", "admin")
        assert process.stdin is not None and process.stdout is not None
        connection = HTTPConnection(urlsplit(served).netloc, timeout=PATIENCE)
        stack.callback(connection.close)
        connection.request("GET", "/")
        assert process.stdout.read(6) == "called"
        with urlopen(Request(f"{admin}/stop", method="POST")) as response:
            assert response.read().startswith(b"Stopping")
        process.stdin.write("\n")
        process.stdin.flush()
        assert connection.getresponse().read() == b"hi"
        assert process.wait(PATIENCE) == 0


def test_a_folder_is_served(folder: Path) -> None:
    (folder / "page").write_bytes(b"one\r\ntwo\n" * 50_000)
    with run_as_on_windows(folder, "static", ".", "--bind", "127.0.0.1:0") as process:
        (served,) = shown_in_banner(process, "listen")
        with urlopen(f"{served}/page") as response:
            assert response.read() == (folder / "page").read_bytes()
        stop(process)


def test_a_server_is_embedded_in_tests(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", EMBEDDED], cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (("--workers", "2"), 2, "this system has no worker processes"),
        (("--bind", "unix:socket"), 3, "cannot listen on unix:socket: this system has no unix sockets"),
        (("--reuse-port", "--bind", "127.0.0.1:0"), 3, "this system shares no ports"),
        (("--access-log", "syslog:"), 2, "cannot write the access log 'syslog:': this system has no such log"),
    ],
)
def test_what_the_system_has_not_is_said(folder: Path, flags: tuple[str, ...], code: int, message: str) -> None:
    with run_as_on_windows(folder, "app:application", *flags) as process:
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == code
        assert message in said
        assert "Traceback" not in said
