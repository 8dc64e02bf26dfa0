"""A server under test as the operating system sees it: start it, wait for its first answer, read its cost, stop it.

Authority: Linux, through /proc. Does not know which server it is, nor what is asked of it.
"""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")
START_TIMEOUT = 20.0
STOP_TIMEOUT = 3.0


class ServerFailed(Exception):
    """The server did not start, ended, or did not answer as it must. The message quotes its last words."""


@dataclass(frozen=True)
class Family:
    """A process and all that descend from it, asked together."""

    pid: int

    def members(self) -> list[int]:
        found = [self.pid]
        for number in found:
            for children in Path(f"/proc/{number}/task").glob("*/children"):
                with suppress(OSError):
                    found += map(int, children.read_text().split())
        return found

    def cpu_seconds(self) -> float:
        """Processor time spent so far, in the program and in the kernel for it."""
        ticks = 0
        for fields in self._read("stat"):
            user, system = fields.rpartition(")")[2].split()[11:13]
            ticks += int(user) + int(system)
        return ticks / TICKS_PER_SECOND

    def resident_bytes(self) -> int:
        """Memory in use; a page that n processes share counts for one nth in each of them."""
        lines = (line for text in self._read("smaps_rollup") for line in text.splitlines())
        return sum(int(line.split()[1]) << 10 for line in lines if line.startswith("Pss:"))

    def threads(self) -> int:
        lines = (line for text in self._read("status") for line in text.splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("Threads:"))

    def _read(self, name: str) -> Iterator[str]:
        for number in self.members():
            with suppress(OSError):  # it may have ended since it was listed
                yield Path(f"/proc/{number}/{name}").read_text()


def exit_when_terminated() -> None:
    """Make SIGTERM an ordinary exit of this program, so that no server under test is left behind."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def running(
    command: Sequence[str], port: int, *, folder: Path, environment: Mapping[str, str] | None = None
) -> Iterator[Family]:
    """Run ``command`` in ``folder`` while the block lasts; it has answered on ``port`` when the block begins.

    Raises:
        ServerFailed: it ended, or was silent for ``START_TIMEOUT`` seconds.
    """
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
        try:
            wait_for_answer(process, port, output)
            yield Family(process.pid)
        finally:
            stop(process)


def wait_for_answer(process: subprocess.Popen[bytes], port: int, output: IO[bytes]) -> None:
    deadline = time.monotonic() + START_TIMEOUT
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerFailed(f"ended with status {process.returncode}: {last_words(output)}")
        with suppress(OSError, http.client.HTTPException):
            get(port, "/", timeout=1.0)
            return
        time.sleep(0.002)
    raise ServerFailed(f"no answer within {START_TIMEOUT:.0f} seconds: {last_words(output)}")


def last_words(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip() if lines else "it wrote nothing"


def get(port: int, path: str, timeout: float = 10.0) -> bytes:
    """Return the body of the answer to one request, on a connection of its own.

    Raises:
        ServerFailed: the status is not 200.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path, headers={"Connection": "close"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    if response.status != 200:
        raise ServerFailed(f"answered {path!r} with status {response.status}")
    return body


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask the whole session to end; what is left after ``STOP_TIMEOUT`` seconds is killed."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
