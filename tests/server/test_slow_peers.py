"""Peers that are slow: they hold no thread, and those that are too slow are given up."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server.connection import Connection
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, LiveServer, Peer, come_true, hello, in_parallel

LARGE = 100_000_000


def count(peer: Peer) -> int:
    """Read to the end; return how many octets there were."""
    total = 0
    while data := peer.socket.recv(1 << 20):
        total += len(data)
    return total


def begin_to_read(server: LiveServer, target: bytes = b"/large") -> Peer:
    """Connect as a client that takes little, ask, and take the first octet."""
    peer = server.connect(receive_buffer=4096)
    peer.send(b"GET " + target + b" HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert peer.socket.recv(1) == b"H"
    return peer


def test_readers_of_100_megabytes_hold_no_thread(live_server: LiveServers) -> None:
    body = bytes(LARGE)
    server = live_server(lambda request: Response(body) if request.target == "/large" else hello(request), threads=1)
    slow = [begin_to_read(server) for _ in range(3)]
    assert server.connect().ask().body == b"hello"
    come_true(lambda: server.lane.pool.busy == 0)
    slow[0].close()
    slow[1].close()
    assert count(slow[2]) > LARGE


def test_readers_of_a_large_file_hold_no_thread(live_server: LiveServers, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.touch()
    os.truncate(path, LARGE)
    server = live_server(
        lambda request: Response(path.open("rb")) if request.target == "/large" else hello(request), threads=1
    )
    slow = begin_to_read(server)
    assert server.connect().ask().body == b"hello"
    come_true(lambda: server.lane.pool.busy == 0)
    assert count(slow) > LARGE


def pour(pieces: int, size: int = 10_000, ended: threading.Event | None = None) -> Iterator[bytes]:
    try:
        for _ in range(pieces):
            yield b"x" * size
    finally:
        if ended is not None:
            ended.set()


def test_a_stream_that_fits_the_buffer_holds_no_thread(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response.stream(pour(400)), threads=1, output_buffer=10_000_000)
    slow = begin_to_read(server)
    assert server.connect().ask().status == 200
    assert count(slow) > 4_000_000


def test_a_longer_stream_waits_in_nobodys_place(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        return Response.stream(pour(2000)) if request.target == "/large" else hello(request)

    server = live_server(handler, threads=1, output_buffer=10_000)
    slow = [begin_to_read(server) for _ in range(3)]
    for _ in range(3):
        assert server.connect().ask().body == b"hello"
    pool = server.lane.pool
    come_true(lambda: (pool.busy, pool.places.paused) == (0, 3))
    assert [count(each) > 20_000_000 for each in slow] == [True] * 3
    assert server.stop()
    assert (pool.busy, pool.places.paused) == (0, 0)


def test_a_stream_holds_no_more_unsent_than_the_operator_allows(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    wait_for_room, sizes, full = Connection._wait_for_room, [], threading.Event()

    def measure(connection: Connection) -> None:
        sizes.append(connection.output.size if connection.output is not None else 0)
        full.set()
        wait_for_room(connection)

    monkeypatch.setattr(Connection, "_wait_for_room", measure)
    slow = begin_to_read(live_server(lambda request: Response.stream(pour(1000)), output_buffer=20_000))
    assert full.wait(PATIENCE)
    assert count(slow) > 10_000_000
    assert 20_000 < max(sizes) < 20_000 + 10_100, "no more than one piece above it"


def test_a_client_that_takes_nothing_is_given_up(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response(bytes(LARGE // 10)), send_timeout=0.1)
    began = time.monotonic()
    slow = begin_to_read(server)
    assert server.stop(), "nobody was given up in time"
    assert time.monotonic() - began >= 0.1
    assert count_until_lost(slow) < LARGE // 10


def count_until_lost(peer: Peer) -> int:
    try:
        return count(peer)
    except ConnectionResetError:
        return 0


def test_a_stream_whose_client_takes_nothing_is_given_up_and_closed(live_server: LiveServers) -> None:
    ended = threading.Event()
    server = live_server(lambda request: Response.stream(pour(10_000, ended=ended)), send_timeout=0.1)
    begin_to_read(server)
    assert ended.wait(PATIENCE)


def test_a_client_that_takes_less_than_the_minimum_rate_is_given_up(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response(bytes(LARGE // 10)), send_timeout=0.2, minimum_rate=1 << 30)
    slow = begin_to_read(server)
    stop = threading.Event()

    def trickle() -> None:
        try:
            while slow.socket.recv(20_000) and not stop.wait(0.01):
                pass
        except OSError:
            pass

    with in_parallel(trickle):
        assert server.stop(), "nobody was given up in time"
        stop.set()


def test_a_client_that_sends_less_than_the_minimum_rate_is_refused(live_server: LiveServers) -> None:
    server = live_server(hello, body_timeout=0.2, minimum_rate=10_000)
    peer = server.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100000\r\n\r\n")
    stop = threading.Event()

    def trickle() -> None:
        try:
            while not stop.wait(0.02):
                peer.send(b"x")
        except OSError:
            pass

    with in_parallel(trickle):
        try:
            assert peer.line() == "HTTP/1.1 408 Request Timeout"
        finally:
            stop.set()


def test_slow_senders_hold_no_thread(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response(b"%d" % len(request.body.read())), threads=1)
    slow = [server.connect() for _ in range(20)]
    for peer in slow:
        peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 20\r\n\r\n", b"x" * 10)
    assert server.connect().ask().body == b"0"
    come_true(lambda: server.lane.pool.busy == 0)
    for peer in slow:
        peer.send(b"x" * 10)
    assert [peer.reply().body for peer in slow] == [b"20"] * 20


@pytest.mark.parametrize("size", [100_000, 5_000_000])
def test_a_large_body_arrives_whole_and_leaves_whole(live_server: LiveServers, size: int) -> None:
    body = bytes(range(256)) * (size // 256)
    peer = live_server(lambda request: Response(request.body.read())).connect()
    for _ in range(2):
        assert peer.ask(method="POST", body=body).body == body


def test_many_idle_connections_hold_no_thread(live_server: LiveServers) -> None:
    server = live_server(hello, threads=1)
    peers = [server.connect() for _ in range(300)]
    for peer in peers:
        peer.ask()
    come_true(lambda: server.lane.pool.busy == 0)
    assert all(peer.ask().body == b"hello" for peer in peers)
