"""The command with worker processes, in processes of its own, and what it says."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

from tests.running import PATIENCE, ROOT

APPLICATION = """
import os, time

VERSION = 1

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        print("called", flush=True)
        time.sleep(0.3)
    if environ["PATH_INFO"] == "/hang":
        import ctypes
        ctypes.PyDLL(None).sleep(60)  # and nobody else gets the GIL
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %d %r" % (os.getpid(), VERSION, environ["wsgi.multiprocess"])]
"""


class Supervised:
    """A supervisor that is starting, or ready."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        self.lines: list[str] = []
        self.ready: dict[str, str] = {}
        self._said = threading.Condition()
        self._threads = [threading.Thread(target=self._read, args=(each,)) for each in (process.stdout, process.stderr)]
        for thread in self._threads:
            thread.start()

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            with self._said:
                self.lines.append(line.rstrip("\n"))
                self._said.notify_all()

    def said(self, pattern: str, after: int = 0) -> str:
        """Wait until a line says something, and return it; the first ``after`` lines are not looked at."""
        deadline = time.monotonic() + PATIENCE
        with self._said:
            while True:
                found = [line for line in self.lines[after:] if re.search(pattern, line)]
                if found:
                    return found[0]
                left = deadline - time.monotonic()
                assert left > 0, f"{pattern!r} was not said in: {self.lines}"
                self._said.wait(left)

    def await_ready(self, after: int = 0) -> None:
        words = self.said("event=ready", after).split()
        self.ready = dict(word.partition("=")[::2] for word in words)

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def connect(self) -> HTTPConnection:
        host, _, port = self.ready["listen"].partition(",")[0].removeprefix("http://").rpartition(":")
        return HTTPConnection(host, int(port), timeout=PATIENCE)

    def ask(self, target: str = "/") -> tuple[int, int, str]:
        """Return the worker that answered on a new connection, the version of the code, and wsgi.multiprocess."""
        with closing(self.connect()) as connection:
            return answer(connection, target)

    def workers(self) -> list[int]:
        return children_of(self.process.pid)

    def await_workers(self, count: int, but: Sequence[int] = ()) -> list[int]:
        """Wait until exactly so many processes serve, none of them among ``but``, and each has answered."""
        deadline = time.monotonic() + PATIENCE
        answered: set[int] = set()
        while True:
            workers = self.workers()
            if len(workers) == count and not set(workers) & set(but):
                if set(workers) <= answered:
                    return workers
                answered.add(self.ask()[0])
            assert time.monotonic() < deadline, f"there are {workers}; {self.lines}"
            time.sleep(0.01)  # nobody tells

    def await_workers_but(self, old: list[int]) -> None:
        """Wait until none of these processes is left."""
        deadline = time.monotonic() + PATIENCE
        while set(self.workers()) & set(old):
            assert time.monotonic() < deadline, f"there are {self.workers()}; {self.lines}"
            time.sleep(0.01)  # nobody tells

    def end(self) -> int:
        """Wait until it has ended; return its exit code."""
        code = self.process.wait(PATIENCE)
        for thread in self._threads:
            thread.join(PATIENCE)
        return code


def answer(connection: HTTPConnection, target: str = "/") -> tuple[int, int, str]:
    connection.request("GET", target)
    response = connection.getresponse()
    body = response.read().decode()
    assert response.status == 200, body
    pid, version, multiprocess = body.split()
    return int(pid), int(version), multiprocess


def children_of(process: int) -> list[int]:
    try:
        return sorted(int(each) for each in Path(f"/proc/{process}/task/{process}/children").read_text().split())
    except FileNotFoundError:
        return []


def is_alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def await_end_of(*processes: int) -> None:
    deadline = time.monotonic() + PATIENCE
    while any(map(is_alive, processes)):
        assert time.monotonic() < deadline
        time.sleep(0.01)  # they are not our children


@contextmanager
def supervised(
    *words: str, code: str = APPLICATION, ready: bool = True, python: str = sys.executable
) -> Iterator[Supervised]:
    """Run the command in the current folder until the block ends. Then nothing of it must be left."""
    Path("shop.py").write_text(code)
    Path("shop.py").chmod(0o644)  # whoever workers become may read it, whatever the umask here
    environment = {name: value for name, value in os.environ.items() if not name.startswith("EHTTPD_")}
    with subprocess.Popen(
        [python, "-m", "ehttpd", "shop:application", "--bind", "127.0.0.1:0", "--workers", "2", *words],
        env={**environment, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        running = Supervised(process)
        try:
            if ready:
                running.await_ready()
            yield running
            process.terminate()
            running.end()
        finally:
            try:
                os.killpg(process.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            running.end()
