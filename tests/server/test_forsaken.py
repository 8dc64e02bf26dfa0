"""Applications that fork: what their processes keep of the server, and what comes back from them."""

from __future__ import annotations

import os
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from ehttpd.forks import tell_after_fork
from tests.running import PATIENCE, running
from tests.server.live import Peer, in_parallel

APPLICATION = """
import multiprocessing, os, sys, time

context = multiprocessing.get_context("fork")

def application(environ, start_response):
    path, body = environ["PATH_INFO"], str(os.getpid())
    if path == "/terminated":
        process = context.Process(target=time.sleep, args=(60,))
        process.start()
        process.terminate()
        process.join()
        body = str(process.exitcode)
    elif path == "/pool":
        with context.Pool(2) as pool:
            pool.apply_async(time.sleep, (60,))
    elif path == "/lives":
        process = context.Process(target=time.sleep, args=(60,))
        process.start()
        body = str(process.pid)
    elif path in ("/exits", "/returns", "/raises"):
        child = os.fork()
        if child:
            body = str(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        elif path == "/exits":
            sys.exit(0)
        elif path == "/raises":
            raise LookupError("on purpose")
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [body.encode()] if path != "/lives" else iter([body.encode()])
"""
ENDED = b"1"

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")


@contextmanager
def forking(folder: Path, *flags: str) -> Iterator[tuple[str, int]]:
    (folder / "forks.py").write_text(APPLICATION)
    command = (sys.executable, "-m", "ehttpd", "forks:application", "--bind", "fd:{fd}", *flags)
    with running(*command, directory=folder) as address:
        yield address


@contextmanager
def connected(address: tuple[str, int]) -> Iterator[Peer]:
    peer = Peer(socket.create_connection(address, PATIENCE))
    try:
        yield peer
    finally:
        peer.close()


@pytest.mark.parametrize("flags", [(), ("--workers", "2")], ids=["one process", "workers"])
def test_what_is_sent_to_a_child_does_not_reach_the_server(tmp_path: Path, flags: tuple[str, ...]) -> None:
    with forking(tmp_path, *flags) as address, connected(address) as peer:
        for _ in range(3):
            assert peer.ask("/terminated").body == str(-signal.SIGTERM).encode()
            assert peer.ask("/pool").status == 200


@pytest.mark.parametrize("path", ["/exits", "/returns", "/raises"])
def test_a_child_that_comes_back_from_its_handler_is_ended_and_answers_nobody(tmp_path: Path, path: str) -> None:
    with forking(tmp_path) as address, connected(address) as peer:
        server = peer.ask("/").body
        for _ in range(3):  # on the lead at first, off it later: this page blocks
            assert peer.ask(path).body == ENDED
            assert peer.ask("/").body == server


def test_many_children_disturb_nobody(tmp_path: Path) -> None:
    def ask_often() -> None:
        with connected(address) as peer:
            for path in ("/exits", "/returns", "/raises") * 5:
                assert peer.ask(path).body == ENDED

    with forking(tmp_path) as address, in_parallel(*[ask_often] * 4):
        pass


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_connection_that_is_closed_is_closed_though_a_child_lives(tmp_path: Path, version: str) -> None:
    with forking(tmp_path) as address, connected(address) as resting, connected(address) as peer:
        resting.ask("/")
        peer.send(f"GET /lives HTTP/{version}\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
        reply = peer.reply()
        try:
            assert reply.whole
            assert peer.ended()
            assert resting.ask("/", "Connection: close").status == 200
            assert resting.ended()
        finally:
            os.kill(int(reply.body), signal.SIGKILL)


def test_who_came_last_is_told_first() -> None:
    told: list[int] = []

    class Owner:
        def __init__(self, number: int) -> None:
            self.number = number

        def forsake(self) -> None:
            told.append(self.number)

    owners = [Owner(number) for number in range(3)]
    for owner in owners:
        tell_after_fork(owner)
    del owner, owners[1]
    inbox, outbox = os.pipe()
    child = os.fork()
    if not child:
        os.write(outbox, bytes(told))
        os._exit(0)
    os.waitpid(child, 0)
    os.close(outbox)
    with open(inbox, "rb") as file:
        assert file.read() == bytes([2, 0])
    assert told == []
