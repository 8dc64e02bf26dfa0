"""Logs that are moved away while requests are logged: USR1, and not a line is lost or doubled."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.server.live import come_true, in_parallel
from tests.test_cli import HELLO, folder, running

__all__ = ["folder"]
ROTATIONS = 8
AT_LEAST = 400


def asking(place: HTTPConnection, name: str, enough: Iterator[bool], asked: list[str]) -> None:
    for number, _ in enumerate(iter(lambda: next(enough), True)):
        place.request("GET", f"/{name}{number}")
        place.getresponse().read()
        asked.append(f"/{name}{number}")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_no_line_is_lost_or_doubled_when_logs_are_moved_under_load(folder: Path, workers: str) -> None:
    (folder / "shop.py").write_text(HELLO)
    log = folder / "access.log"
    flags = ["--access-log", str(log), "--access-log-format", "%(U)s", "--workers", workers]
    with running("shop", "-b", "127.0.0.1:0", *flags) as server:
        asked: list[list[str]] = [[], [], []]
        rotations = 0

        def enough() -> Iterator[bool]:
            while True:
                yield rotations >= ROTATIONS and sum(map(len, asked)) >= AT_LEAST

        def rotate() -> None:
            nonlocal rotations
            for number in range(ROTATIONS):
                come_true(lambda: log.exists() and log.stat().st_size > 0)
                log.rename(folder / f"access.log.{number}")
                os.kill(server.process.pid, signal.SIGUSR1)
                rotations = number + 1

        connections = [server.connect() for _ in asked]
        calls = [
            lambda place=place, name=name, each=each: asking(place, name, enough(), each)
            for place, name, each in zip(connections, "abc", asked, strict=True)
        ]
        with in_parallel(rotate, *calls):
            pass
        for connection in connections:
            connection.close()
        server.process.terminate()
        assert server.process.wait() == 0
    written = "".join(file.read_text() for file in folder.glob("access.log*"))
    assert sorted(written.splitlines()) == sorted(target for each in asked for target in each)
    assert len(list(folder.glob("access.log*"))) == ROTATIONS + 1


@pytest.mark.parametrize("flags", [(), ("--workers", "1", "--supervise")])
def test_a_log_is_opened_anew_where_it_was_whatever_the_folder_is(folder: Path, flags: tuple[str, ...]) -> None:
    below = folder / "below"
    below.mkdir()
    # An application may go elsewhere.
    (below / "shop.py").write_text(f"import os\nos.chdir('/')\n{HELLO}")
    log = below / "access.log"
    words = ("--chdir", "below", "--access-log", log.name, *flags)
    with running("shop", "-b", "127.0.0.1:0", *words) as server, closing(server.connect()) as client:

        def asked_and_written() -> bool:
            client.request("GET", "/")
            client.getresponse().read()
            return log.exists() and log.stat().st_size > 0

        come_true(asked_and_written)
        log.rename(below / "former.log")
        os.kill(server.process.pid, signal.SIGUSR1)
        come_true(asked_and_written)
        server.process.terminate()
        assert server.process.wait() == 0
    assert list(folder.glob("*.log")) == []
