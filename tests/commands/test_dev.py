"""``ehttpd dev`` and ``--reload``: edits are served, mistakes are shown, and nobody is refused meanwhile."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.running import PATIENCE, ROOT

WORKING = """
def application(environ, start_response):
    start_response("200 OK", [])
    return [b"{}"]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("no_proxy", "*")
    return tmp_path


class Running:
    """A development server, and what it says."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def says(self, what: str) -> str:
        """Wait for a line that has ``what`` in it."""
        assert self.process.stderr is not None
        for line in self.process.stderr:
            if what in line:
                return line
        raise AssertionError(f"it ended and never said {what!r}")

    def ask(self, accept: str = "*/*") -> tuple[int, str]:
        request = Request(f"http://127.0.0.1:{self.port}/", headers={"Accept": accept})
        try:
            with urlopen(request, timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except HTTPError as error:
            with error:
                return error.code, error.read().decode()


@contextmanager
def running(*words: str, program: Sequence[str] = (sys.executable, "-m", "ehttpd")) -> Iterator[Running]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [*program, *words, "--bind", f"127.0.0.1:{port}"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    with process:
        try:
            yield Running(process, port)
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()


def test_an_edit_is_served_and_a_mistake_is_shown_until_the_next_one(folder: Path) -> None:
    module = folder / "shop.py"
    module.write_text(WORKING.format("one"))
    with running("dev", "shop") as server:
        assert "app=shop:application" in server.says("event=ready")
        assert server.ask() == (200, "one")
        module.write_text("def application(environ, start_response:\n")
        server.says("Waiting for the next edit.")
        status, page = server.ask("text/html")
        assert (status, "SyntaxError" in page, "location.reload" in page) == (500, True, True)
        module.write_text(WORKING.format("three"))
        assert " start=3 " in server.says("event=ready")
        assert server.ask() == (200, "three")
        module.write_text(WORKING.format("four").replace("return", "raise ValueError('at run time')  #"))
        server.says("event=ready")
        status, page = server.ask("text/html")
        assert (status, "ValueError: at run time" in page) == (500, True)


@pytest.mark.parametrize("words", [("dev",), ("run", "--workers", "2"), ("run", "--workers", "2", "--preload")])
def test_files_that_are_called_like_modules_of_python_are_the_applications_alone(
    folder: Path, words: Sequence[str]
) -> None:
    (folder / "shop.py").write_text(WORKING.format("one"))
    (folder / "json.py").write_text("raise RuntimeError('taken for that of Python')")
    command = Path(sys.executable).parent / "ehttpd"
    with running(*words, "shop", program=[str(command)]) as server:
        server.says("event=ready")
        assert server.ask() == (200, "one")


def test_variables_in_a_file_are_read_anew_when_it_has_changed(folder: Path) -> None:
    (folder / "shop.py").write_text(
        "import os\ndef app(environ, start_response):\n"
        "    start_response('200 OK', [])\n    return [os.environ['TEA'].encode()]\n"
    )
    (folder / "tea.env").write_text("TEA=green\n")
    with running("dev", "shop", "--env-file", "tea.env") as server:
        server.says("event=ready")
        assert server.ask() == (200, "green")
        (folder / "tea.env").write_text("TEA=black\n")
        server.says("event=ready")
        assert server.ask() == (200, "black")
        (folder / "tea.env").write_text("no variable\n")
        assert "tea.env:1: not a variable" in server.says("not a variable")
        (folder / "tea.env").write_text("TEA=white\n")
        server.says("event=ready")
        assert server.ask() == (200, "white")


def test_nobody_is_refused_while_the_application_is_started_again(folder: Path) -> None:
    module = folder / "shop.py"
    module.write_text(WORKING.format("one"))
    with running("shop", "--reload") as server:
        server.says("event=ready")
        ended = threading.Event()
        seen: list[tuple[int, str]] = []

        def keep_asking() -> None:
            while not ended.is_set():
                seen.append(server.ask())

        asking = threading.Thread(target=keep_asking)
        asking.start()
        try:
            module.write_text(WORKING.format("another"))
            server.says("event=ready")
            until = time.monotonic() + PATIENCE
            while seen[-1:] != [(200, "another")] and time.monotonic() < until:
                ended.wait(0.01)
        finally:
            ended.set()
            asking.join()
        assert set(seen) == {(200, "one"), (200, "another")}


def test_what_cannot_be_had_while_files_are_watched_is_told_and_the_pid_file_is_written(folder: Path) -> None:
    (folder / "shop.py").write_text(WORKING.format("one"))
    (folder / "ehttpd.toml").write_text("admin = '127.0.0.1:0'\n")
    with running("shop", "--reload", "--workers", "2", "--preload", "--pid", "server.pid") as server:
        assert "--reload does not heed workers, preload, admin" in server.says("event=caution")
        server.says("event=ready")
        assert Path("server.pid").read_text() == f"{server.process.pid}\n"
    assert not Path("server.pid").exists()
    with running("dev", "shop", "--supervise") as server:
        assert '"ehttpd dev does not heed supervise"' in server.says("event=caution")
        server.says("event=ready")


def test_without_development_a_mistake_is_not_shown_to_clients(folder: Path) -> None:
    (folder / "shop.py").write_text("raise ValueError('secret')")
    with running("shop", "--reload") as server:
        server.says("Waiting for the next edit.")
        assert server.ask("text/html") == (503, "The application cannot be started. The server's terminal says why.\n")


def test_a_process_that_ends_by_itself_is_told(folder: Path) -> None:
    (folder / "shop.py").write_text(WORKING.format("one").replace("start_response(", "__import__('os')._exit(7); ("))
    with running("dev", "shop") as server:
        server.says("event=ready")
        with pytest.raises(OSError):  # in whichever way it is cut off
            server.ask()
        server.says("the process ended with exit code 7.")
        assert server.ask()[0] == 500


def test_a_process_that_ends_is_told_of_though_one_that_it_forked_lives_on(folder: Path) -> None:
    os.mkfifo(folder / "ending")
    forking = "import os\nif os.fork() == 0:\n    open('ending').read()\n    os._exit(0)\n"
    (folder / "shop.py").write_text(forking + WORKING.format("one").replace("start_response(", "os._exit(7); ("))
    with running("dev", "shop") as server:
        server.says("event=ready")
        with open(folder / "ending", "w"):  # what was forked waits until this is closed
            with pytest.raises(OSError):
                server.ask()
            server.says("the process ended with exit code 7.")


def test_a_certificate_is_made_on_the_spot(folder: Path) -> None:
    (folder / "shop.py").write_text(WORKING.format("one"))
    with running("dev", "shop", "--tls") as server:
        assert "listen=https://" in server.says("event=ready")
        trusting = ssl.create_default_context()
        trusting.check_hostname, trusting.verify_mode = False, ssl.CERT_NONE
        with urlopen(f"https://127.0.0.1:{server.port}/", timeout=PATIENCE, context=trusting) as answer:
            assert answer.read() == b"one"
        (folder / "shop.py").write_text("(")
        server.says("Waiting for the next edit.")
        with pytest.raises(HTTPError), urlopen(f"https://127.0.0.1:{server.port}/", context=trusting):
            pass


def test_a_port_in_use_is_no_obstacle(folder: Path) -> None:
    (folder / "shop.py").write_text(WORKING.format("one"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [sys.executable, "-m", "ehttpd", "dev", "shop", "-b", f"127.0.0.1:{port}"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        with process:
            server = Running(process, port)
            server.says(f"! 127.0.0.1:{port} is in use: trying 127.0.0.1:{port + 1}.")
            server.says("event=ready")
            process.send_signal(signal.SIGINT)
            assert process.wait(PATIENCE) == 0


def test_the_process_ends_with_its_parent(folder: Path) -> None:
    (folder / "shop.py").write_text("import os\n" + WORKING.replace('b"{}"', "str(os.getpid()).encode()"))
    with pytest.raises(AssertionError), running("dev", "shop") as server:
        server.says("event=ready")
        child = int(server.ask()[1])
        server.process.kill()
        server.process.wait()
        until = time.monotonic() + PATIENCE
        while os.path.exists(f"/proc/{child}") and time.monotonic() < until:
            time.sleep(0.01)
        assert not os.path.exists(f"/proc/{child}")
