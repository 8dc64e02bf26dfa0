"""Worker processes and their supervisor, as an operator sees them."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.running import PATIENCE
from tests.supervisor.supervised import (
    APPLICATION,
    Supervised,
    answer,
    await_end_of,
    children_of,
    is_alive,
    supervised,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

HOARDS = """
frugal, hoard = application, []

def application(environ, start_response):
    if len(hoard) < 100:
        hoard.append(b"x" * (1 << 20))
    return frugal(environ, start_response)
"""
BROKEN = "import nothing_of_that_name\n"
SHOWS_VARIABLES = """
import os

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [" ".join(f"{name}={os.environ[name]}" for name in "ABCD" if name in os.environ).encode()]
"""
WAITS_FOR_GO = """
print("imports", flush=True)
while not os.path.exists("go"):
    time.sleep(0.01)
"""
# The second one to be imported tells the first one to go on, and is never ready.
ONE_OF_TWO_IS_BROKEN = f"""
import os, threading, time
try:
    os.mkdir("first")
except FileExistsError:
    os.mkdir("go")
    threading.Event().wait()
{WAITS_FOR_GO}
{BROKEN}
"""


def said_of_variables(server: Supervised) -> str:
    with closing(server.connect()) as connection:
        connection.request("GET", "/")
        return connection.getresponse().read().decode()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Client:
    """Asks on connections that it keeps, without a pause, until it is told to stop. Nothing may go wrong."""

    def __init__(self, connect: Callable[[], HTTPConnection], connections: int = 4) -> None:
        self.answered = 0
        self.failures: list[BaseException] = []
        self._stop = threading.Event()
        self._news = threading.Condition()
        self._workers: set[int] = set()
        self._threads = [threading.Thread(target=self._run, args=(connect,)) for _ in range(connections)]

    def _run(self, connect: Callable[[], HTTPConnection]) -> None:
        try:
            while not self._stop.is_set():
                with closing(connect()) as connection:
                    self._answered_by(answer(connection)[0])
                    while connection.sock is not None and not self._stop.is_set():
                        self._answered_by(answer(connection)[0])
        except BaseException as failure:
            self.failures.append(failure)

    def _answered_by(self, worker: int) -> None:
        with self._news:
            self.answered += 1
            self._workers.add(worker)
            self._news.notify_all()

    def await_answers_of(self, workers: Callable[[], set[int]]) -> None:
        """Wait until one of the ``workers`` has answered."""
        with self._news:
            assert self._news.wait_for(lambda: workers() & self._workers, PATIENCE)

    def __enter__(self) -> Client:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert self.failures == []
        assert self.answered > 0


def test_workers_serve_and_a_stop_answers_what_was_accepted_and_leaves_no_process_and_no_file() -> None:
    with supervised("--pid", "server.pid", "--bind", "unix:server.sock") as server:
        assert server.ready["workers"] == "2"
        workers = server.await_workers(2)
        pid, version, multiprocess = server.ask()
        assert (pid in workers, version, multiprocess) == (True, 1, "True")
        assert Path("server.pid").read_text() == f"{server.process.pid}\n"
        assert Path("server.sock").is_socket()
        with closing(server.connect()) as slow:
            slow.request("GET", "/slow")
            server.said("called")
            server.signal(signal.SIGTERM)
            response = slow.getresponse()
            assert (response.status, response.getheader("Connection")) == (200, "close")
        assert server.end() == 0
        assert not any(map(is_alive, workers))
        assert not Path("server.pid").exists()
        assert not Path("server.sock").exists()


def test_a_second_signal_ends_everything_at_once() -> None:
    code = APPLICATION.replace("time.sleep(0.3)", "time.sleep(60)")
    with supervised(code=code) as server, closing(server.connect()) as slow:
        slow.request("GET", "/slow")
        server.said("called")
        workers = server.workers()
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGINT)
        assert server.end() in (128 + signal.SIGINT, 128 + signal.SIGTERM)  # of two at once the kernel has an order
        await_end_of(*workers)


def test_quit_ends_everything_at_once() -> None:
    with supervised() as server:
        workers = server.await_workers(2)
        server.signal(signal.SIGQUIT)
        assert server.end() == 0
        assert not any(map(is_alive, workers))
        ours = [line for line in server.lines if "was ended at once" in line]
        assert len(ours) == 2
        assert all("level=info" in line for line in ours)
        assert not any("level=error" in line for line in server.lines)


def test_an_application_that_cannot_be_imported_is_told_once() -> None:
    with supervised(code=BROKEN, ready=False) as server:
        assert server.end() == 3
        assert len([line for line in server.lines if "nothing_of_that_name" in line and "ehttpd:" not in line]) <= 2
        assert len([line for line in server.lines if line.startswith("ehttpd: ")]) == 1


def test_who_is_ended_because_another_cannot_start_has_made_no_error() -> None:
    with supervised(code=ONE_OF_TWO_IS_BROKEN, ready=False) as server:
        assert server.end() == 3
        server.said("level=info.*was ended at once")
        assert not any("SIGKILL" in line for line in server.lines)


def test_the_ready_line_counts_workers_that_were_added_during_the_start() -> None:
    with supervised(code=APPLICATION + WAITS_FOR_GO, ready=False) as server:
        server.said("imports")
        server.signal(signal.SIGTTIN)
        server.said("There are to be 3 workers")
        Path("go").touch()
        server.await_ready()
        assert server.ready["workers"] == "3"


def test_hup_brings_new_code_and_settings_and_loses_nothing() -> None:
    with supervised() as server:
        old = server.await_workers(2)
        with Client(server.connect) as client:
            Path("shop.py").write_text(APPLICATION.replace("VERSION = 1", "VERSION = 2"))
            Path("ehttpd.toml").write_text("server_header = 'new'\n")
            server.signal(signal.SIGHUP)
            server.said("Reloaded")
            server.await_workers(2, but=old)
            assert server.ask()[1] == 2
        with closing(server.connect()) as connection:
            connection.request("GET", "/")
            assert connection.getresponse().getheader("Server") == "new"
        assert client.answered > 0


def test_hup_tells_which_settings_the_supervisor_itself_has_not_read_again() -> None:
    with supervised() as server:
        Path("ehttpd.toml").write_text("admin = '127.0.0.1:0'\npid = 'server.pid'\nbacklog = 7\nthreads = 4\n")
        server.signal(signal.SIGHUP)
        server.said("The supervisor keeps its admin, pid until an upgrade")
        server.said("Addresses that were open keep their backlog until a new start")
        Path("ehttpd.toml").unlink()
        seen = len(server.lines)
        server.signal(signal.SIGHUP)
        server.said("Reloaded", after=seen)
    assert not any("keep" in line for line in server.lines[seen:])


def test_hup_sets_the_variables_that_settings_and_files_name_now_and_no_others() -> None:
    Path("ehttpd.toml").write_text("env = ['A=1', 'B=1']\nenv_file = '.env'\n")
    Path(".env").write_text("C=1\nD=1\n")
    with supervised(code=SHOWS_VARIABLES) as server:
        assert said_of_variables(server) == "A=1 B=1 C=1 D=1"
        old = server.workers()
        Path("ehttpd.toml").write_text("env = ['A=2']\nenv_file = '.env'\n")
        Path(".env").write_text("C=2\n")
        server.signal(signal.SIGHUP)
        server.said("Reloaded")
        server.await_workers_but(old)
        assert said_of_variables(server) == "A=2 C=2"


@pytest.mark.parametrize(
    "broken", ["chdir = 'nowhere'", "chdir = 'empty'", "chdir = 'empty'\nbind = 'unix:/nowhere/s'"]
)
def test_hup_that_fails_leaves_variables_and_folder_to_workers_that_are_replaced(broken: str) -> None:
    Path("empty").mkdir()
    Path("ehttpd.toml").write_text("env = ['A=1', 'B=1']\n")
    with supervised(code=SHOWS_VARIABLES) as server:
        Path("ehttpd.toml").write_text(f"env = ['A=2', 'C=2']\n{broken}\n")
        server.signal(signal.SIGHUP)
        server.said("Not reloaded")
        old = server.workers()
        for worker in old:
            os.kill(worker, signal.SIGKILL)
        server.await_workers_but(old)
        assert said_of_variables(server) == "A=1 B=1"


def test_hup_follows_the_link_by_which_the_folder_was_named(monkeypatch: pytest.MonkeyPatch) -> None:
    current, first, second = (Path.cwd() / name for name in ("current", "first", "second"))
    first.mkdir()
    second.mkdir()
    (second / "shop.py").write_text(APPLICATION.replace("VERSION = 1", "VERSION = 2"))
    current.symlink_to(first)
    monkeypatch.chdir(current)
    monkeypatch.setenv("PWD", str(current))  # as a shell does
    with supervised() as server:
        old = server.await_workers(2)
        current.unlink()
        current.symlink_to(second)
        shutil.rmtree(first)
        server.signal(signal.SIGHUP)
        server.said("Reloaded")
        server.await_workers(2, but=old)
        assert server.ask()[1] == 2


def test_hup_without_the_folder_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = Path.cwd() / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    with supervised() as server:
        old = server.await_workers(2)
        shutil.rmtree(gone)
        server.signal(signal.SIGHUP)
        server.said("Not reloaded: cannot change to the folder '.*gone': no such file or directory")
        assert server.await_workers(2) == old
        os.kill(old[0], signal.SIGKILL)
        server.said("the folder in which this was started has been removed")
        assert server.ask()[0] in old


def test_hup_with_broken_code_or_settings_changes_nothing() -> None:
    with supervised() as server:
        old = server.await_workers(2)
        Path("shop.py").write_text(BROKEN)
        server.signal(signal.SIGHUP)
        server.said("could not start.*nothing_of_that_name")
        server.said("Not reloaded: the workers that there are go on")
        assert server.await_workers(2) == old
        Path("shop.py").write_text(APPLICATION)
        Path("ehttpd.toml").write_text("threads = 'many'\n")
        server.signal(signal.SIGHUP)
        server.said("Not reloaded: ehttpd.toml:1: threads must be")
        assert server.await_workers(2) == old
        Path("ehttpd.toml").write_text("statsd_host = 'localhost'\n")
        server.signal(signal.SIGHUP)
        server.said("Not reloaded: ehttpd.toml:1: statsd_host must be")
        assert server.await_workers(2) == old
        Path("ehttpd.toml").unlink()
        server.signal(signal.SIGHUP)
        server.said("Reloaded")
        server.await_workers(2, but=old)


def test_workers_that_a_reload_has_not_replaced_yet_may_be_silent_for_as_long_as_they_were_told() -> None:
    with supervised() as server:
        old = server.await_workers(2)
        Path("shop.py").write_text(APPLICATION + WAITS_FOR_GO)
        Path("ehttpd.toml").write_text("worker_timeout = '100ms'\n")
        server.signal(signal.SIGHUP)
        server.said("has been importing the application for 0.1 s")
        assert server.ask()[0] in old
        assert not any("has not turned" in line for line in server.lines)


@pytest.mark.parametrize(
    ("number", "told"), [(signal.SIGKILL, "signal SIGKILL"), (signal.SIGQUIT, "exit code 0")], ids=["KILL", "QUIT"]
)
def test_a_worker_that_is_killed_or_ends_at_once_is_replaced(number: int, told: str) -> None:
    with supervised() as server:
        first, second = server.await_workers(2)
        os.kill(first, number)
        server.said(rf"Worker . \(pid {first}\) ended with {told}")
        assert second in server.await_workers(2, but=[first])


def test_a_worker_that_hangs_is_replaced_and_its_stacks_are_told() -> None:
    with supervised("--worker-timeout", "1") as server, closing(server.connect()) as hanging:
        hanging.request("GET", "/hang")
        found = re.search(r"\(pid (\d+)\) has not turned", server.said("has not turned for 1 s"))
        server.said(r'File ".*shop.py", line 12 in application')
        assert found is not None
        server.await_workers_but([int(found[1])])
        assert server.ask()[1] == 1


def test_more_and_fewer_workers() -> None:
    with supervised() as server:
        two = server.await_workers(2)
        server.signal(signal.SIGTTIN)
        assert set(two) < set(server.await_workers(3))
        server.signal(signal.SIGTTOU)
        assert server.await_workers(2) == two


def test_usr2_starts_another_supervisor_which_takes_over_and_loses_nothing() -> None:
    with supervised("--pid", "server.pid", "--bind", "unix:server.sock") as server:
        old = server.await_workers(2)
        with Client(server.connect):
            seen = len(server.lines)
            server.signal(signal.SIGUSR2)
            server.await_ready(after=seen)
            successor = int(server.ready["pid"])
            assert server.process.wait() == 0
            server.said(f"Process {successor} succeeds the one before")
            assert server.ask()[0] in children_of(successor)
        assert not set(children_of(successor)) & set(old)
        assert Path("server.pid").read_text() == f"{successor}\n"
        with socket.socket(socket.AF_UNIX) as connecting:
            connecting.connect("server.sock")
        os.kill(successor, signal.SIGTERM)
        await_end_of(successor)
        assert not Path("server.pid").exists()


def test_usr2_changes_nothing_when_the_new_supervisor_cannot_start() -> None:
    with supervised() as server:
        old = server.await_workers(2)
        Path("shop.py").write_text(BROKEN)
        server.signal(signal.SIGUSR2)
        server.said("Not upgraded: the new process ended with exit code 3")
        assert server.await_workers(2) == old


def test_workers_end_when_their_supervisor_is_killed() -> None:
    with supervised() as server:
        workers = server.await_workers(2)
        server.process.kill()
        await_end_of(*workers)
        server.said("The supervisor is gone.* worker=1$")
        server.said("The supervisor is gone.* worker=2$")


def test_threads_of_the_application_do_not_keep_workers_that_have_no_supervisor() -> None:
    holding = "import threading\ncalled = threading.Event()\n"
    holding += "def post_worker_init(worker): threading.Thread(None, called.wait, 'waiter').start()\n"
    with supervised("--graceful-timeout", "50ms", "--hooks", "shop", code=holding + APPLICATION) as server:
        workers = server.await_workers(2)
        server.process.kill()
        await_end_of(*workers)
        server.said("threads did not end in time and are cut off: waiter")


@pytest.mark.parametrize("words", [("--max-requests", "3"), ("--max-lifetime", "0.5"), ("--max-rss", "90")])
def test_a_worker_that_has_reached_a_limit_is_replaced(words: tuple[str, str]) -> None:
    with supervised("--worker-timeout", "2", *words, code=APPLICATION + HOARDS) as server:
        old = server.workers()
        with Client(server.connect):
            server.said("is to be replaced: " + words[0][2:].replace("-", "_"))
            server.await_workers_but(old)
