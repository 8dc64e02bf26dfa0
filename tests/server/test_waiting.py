"""Requests that wait for a thread, and threads that wait for their clients."""

from __future__ import annotations

import math
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server import relief, waiting
from ehttpd.server.places import Places
from ehttpd.server.waiting import WaitingLine
from tests.server.conftest import LiveServers
from tests.server.live import Clock, Gate, LiveServer, come_true, hello, in_parallel, serving
from tests.server.test_pool import Death, block, many_switches, throw_into, waits_at, watch
from tests.server.watch import Watch

__all__ = ["many_switches", "watch"]  # fixtures

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n"


# The line itself


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(waiting, "time", clock)
    return clock


def names(*wanted: str) -> list[Any]:
    return [SimpleNamespace(name=name) for name in wanted]


def test_who_came_first_is_served_first(clock: Clock) -> None:
    line, (first, second) = WaitingLine(2, 10.0), names("first", "second")
    line.join(first)
    assert not line.full
    line.join(second)
    assert (len(line), line.full) == (2, True)
    assert [line.first(), line.first()] == [first, second]
    assert (len(line), line.full) == (0, False)


def test_nobody_in_the_line_is_overtaken(live_server: LiveServers, gate: Gate) -> None:
    served: list[str] = []

    def handler(request: Request) -> Response:
        served.append(request.path)
        if request.path == "/first":
            gate.wait()
        return Response(b"")

    server = live_server(handler, threads=1)
    server.connect().send(b"GET /first HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    peers, paths = [server.connect() for _ in range(6)], [f"/{number}" for number in range(6)]
    for peer, path in zip(peers, paths, strict=True):
        peer.send(f"GET {path} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        server.await_queued(1)
    gate.open()
    assert {peer.reply().status for peer in peers} == {200}
    assert served == ["/first", *paths]


def test_those_who_waited_for_too_long_are_told_apart(clock: Clock) -> None:
    line, (first, second, third) = WaitingLine(9, 10.0), names("first", "second", "third")
    assert line.expires == math.inf
    line.join(first)
    clock.now = 104
    line.join(second)
    clock.now = 108
    line.join(third)
    assert line.expires == 110
    assert line.expired(109.9) == []
    assert line.expired(114) == [first, second]
    assert line.expires == 118
    assert line.expired(118) == [third]
    assert line.expires == math.inf


def test_the_moment_to_look_at_is_never_too_late(clock: Clock) -> None:
    line, (first, second) = WaitingLine(9, 10.0), names("first", "second")
    line.join(first)
    line.first()
    clock.now = 105
    line.join(second)
    assert line.expires <= 115
    assert line.expired(line.expires) == []
    assert line.expires == 115


def test_everybody_leaves_a_line_that_is_abandoned(clock: Clock) -> None:
    line, both = WaitingLine(9, 10.0), names("first", "second")
    for each in both:
        line.join(each)
    assert line.abandon() == both
    assert len(line) == 0


# The line before a server


def test_many_who_wait_are_told_to_come_back_without_a_thread(
    live_server: LiveServers, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = live_server(waits_at(gate), threads=1, queue_timeout=0.05)
    server.connect().send(WAIT)
    gate.await_arrivals()
    come_true(lambda: server.lane.pool.busy == 1)
    monkeypatch.setattr(relief, "LONG_TICK", 3600.0)  # nobody relieves the leader, so no thread is needed for that
    monkeypatch.setattr(relief, "SHORT_TICK", 3600.0)
    peers = [server.connect() for _ in range(20)]
    began = time.monotonic()
    for peer in peers:
        peer.send(GET)
    for peer in peers:
        reply = peer.reply()
        assert (reply.status, reply.fields["retry-after"], reply.fields["connection"]) == (503, "1", "close")
        assert peer.ended()
    assert time.monotonic() - began >= 0.05
    assert server.lane.pool.threads == 3, "the one in the handler, the leader and the relief"
    gate.open()


def test_a_client_that_leaves_the_line_costs_nobody_anything(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate), threads=1)
    server.connect().send(WAIT)
    gate.await_arrivals()
    leaving, staying = server.connect(), server.connect()
    for peer in (leaving, staying):
        peer.send(GET)
        server.await_queued(1)
    leaving.close()
    gate.open()
    assert staying.reply().body == b"hello"


# Threads that wait for their clients


class Inside:
    """Counts how many handlers run code of theirs at once."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._running = 0
        self.most = 0

    def __enter__(self) -> None:
        with self._counting:
            self._running += 1
            self.most = max(self.most, self._running)

    def __exit__(self, *_: object) -> None:
        with self._counting:
            self._running -= 1


PIECE = b"x" * 40_000


def streams(inside: Inside, pieces: int) -> Iterator[bytes]:
    """Produce a body in pieces, each of which takes a moment."""
    for _ in range(pieces):
        with inside:
            block(0.0005)
        yield PIECE


def take_slowly(server: LiveServer, pieces: int) -> None:
    peer = server.connect(receive_buffer=4096)
    peer.send(b"GET /stream HTTP/1.0\r\n\r\n")
    peer.socket.recv(1)
    total = 1
    while data := peer.socket.recv(1 << 15):
        total += len(data)
    assert total > pieces * len(PIECE)


def ask_often(server: LiveServer, times: int) -> None:
    peer = server.connect()
    for _ in range(times):
        assert peer.ask().body == b"hello"


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_that_waited_for_their_clients_go_on_only_where_there_is_room(
    live_server: LiveServers, watch: Watch, many_switches: None, threads: int
) -> None:
    inside, pieces = Inside(), 60

    def handler(request: Request) -> Response:
        if request.target == "/stream":
            return Response.stream(streams(inside, pieces))
        with inside:
            block(0.001)
        return hello(request)

    server = live_server(handler, threads=threads, output_buffer=50_000)
    slow = [lambda: take_slowly(server, pieces)] * 4
    quick = [lambda: ask_often(server, 80)] * 3
    with in_parallel(*slow, *quick):
        pass
    assert inside.most == threads
    assert not watch.breaches
    pool = server.lane.pool
    assert server.stop()
    assert (pool.busy, pool.places.paused) == (0, 0)


@pytest.fixture
def clogged(gate: Gate) -> Iterator[LiveServer]:
    """A server with one place, which /wait has, and three threads that would go on: their clients have left."""

    def endless() -> Iterator[bytes]:
        while True:
            yield PIECE

    def handler(request: Request) -> Response:
        if request.target == "/stream":
            return Response.stream(endless())
        if request.target == "/count":
            return Response.text(f"{len(server.lane.pool.places._resuming)}")
        return waits_at(gate)(request)

    with serving(handler, threads=1, output_buffer=50_000) as server:
        pool = server.lane.pool
        slow = [server.connect(receive_buffer=4096) for _ in range(3)]
        for peer in slow:
            peer.send(b"GET /stream HTTP/1.0\r\n\r\n")
        come_true(lambda: pool.places.paused == 3)
        server.connect().send(WAIT)
        gate.await_arrivals()
        come_true(lambda: pool.busy == 1)
        for peer in slow:
            peer.close()
        come_true(lambda: len(pool.places._resuming) == 3)
        yield server
        gate.open()
    assert (pool.busy, pool.places.paused, len(pool.places._resuming)) == (0, 0, 0)


def test_threads_that_would_go_on_come_before_requests_that_wait(clogged: LiveServer, gate: Gate) -> None:
    peer = clogged.connect()
    peer.send(b"GET /count HTTP/1.1\r\nHost: here\r\n\r\n")
    clogged.await_queued(1)
    gate.open()
    assert peer.reply().body == b"0", "how many would go on when it was its turn"


def would_go_on(thread: threading.Thread) -> bool:
    frames = traceback.walk_stack(sys._current_frames()[thread.ident or 0])
    return any(frame.f_code is Places.come_back.__code__ for frame, _ in frames)


def test_an_exception_thrown_into_a_thread_that_would_go_on_costs_no_place(clogged: LiveServer, gate: Gate) -> None:
    waiting = [thread for thread in clogged.lane.pool._threads if would_go_on(thread)]
    assert len(waiting) == 3
    for thread in waiting:
        throw_into(thread, Death)
    gate.open()
    come_true(lambda: clogged.lane.pool.busy == 0)
    assert [clogged.connect().ask().body for _ in range(5)] == [b"hello"] * 5
    assert clogged.lane.pool.places.paused == 0


@pytest.mark.usefixtures("no_last_moment")
def test_a_server_that_stops_lets_threads_go_on_that_would(clogged: LiveServer, gate: Gate) -> None:
    pool = clogged.lane.pool
    assert not clogged.stop(grace=0.05), "/wait was not answered"
    assert len(pool.places._resuming) == 0
    come_true(lambda: pool.threads == 1)  # who is inside /wait
    gate.open()
    come_true(lambda: pool.threads == 0)


def test_no_more_threads_wait_for_clients_beside_the_places_than_are_allowed(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        return Response.stream([PIECE] * 100) if request.target == "/stream" else hello(request)

    server = live_server(handler, threads=1, output_buffer=50_000, queue_limit=0, max_waiting_threads=2)
    for peer in (server.connect(receive_buffer=4096) for _ in range(3)):
        peer.send(b"GET /stream HTTP/1.0\r\n\r\n")
    come_true(lambda: (server.lane.pool.places.paused, server.lane.pool.busy) == (2, 1))
    assert server.connect().ask().status == 503, "the third has the one place"
    server.peers[0].close()
    server.peers[2].close()
    come_true(lambda: server.lane.pool.busy == 0)
    assert server.connect().ask().status == 200
    server.hang_up()
