"""Clients that leave while they are served: what handlers are told, and what becomes of the response."""

from __future__ import annotations

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehttpd.errors import ConnectionLost
from ehttpd.messages import Request, Response
from ehttpd.server.connection import Connection, Next
from ehttpd.server.lane import Lane
from ehttpd.server.poller import Poller, SelectorPoller, new_poller
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, Peer, come_true, hello
from tests.server.test_pool import block, many_switches, watch
from tests.server.watch import Watch, WatchedPoller

__all__ = ["many_switches", "watch"]  # fixtures

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
NEXT = b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n"


def close(peer: Peer) -> None:
    peer.close()


def reset(peer: Peer) -> None:
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def half_close(peer: Peer) -> None:
    peer.half_close()


WAYS_TO_LEAVE = pytest.mark.parametrize("leave", [close, reset, half_close])


class Told:
    """A handler that says when it has begun, and what it was told."""

    def __init__(self, ask: Callable[[Request], object]) -> None:
        self._ask = ask
        self.begun = threading.Semaphore(0)
        self.ended = threading.Semaphore(0)
        self.answers: list[object] = []

    def __call__(self, request: Request) -> Response:
        if request.target != "/":
            return hello(request)
        self.begun.release()
        self.answers.append(self._ask(request))
        self.ended.release()
        return hello(request)

    def await_begun(self) -> None:
        assert self.begun.acquire(timeout=PATIENCE)

    def await_answer(self) -> object:
        assert self.ended.acquire(timeout=PATIENCE)
        return self.answers[-1]


def polls(request: Request) -> float:
    """Look again and again; return how many seconds that took."""
    began = time.monotonic()
    while not request.disconnected.is_set():
        assert time.monotonic() - began < PATIENCE, "the client never left"
    assert request.disconnected(), "and it does not come back"
    return time.monotonic() - began


def waits(request: Request) -> float:
    began = time.monotonic()
    assert request.disconnected.wait(PATIENCE)
    return time.monotonic() - began


def is_called(request: Request) -> float:
    began, called = time.monotonic(), threading.Event()
    request.disconnected.add_callback(called.set)
    assert called.wait(PATIENCE)
    return time.monotonic() - began


@WAYS_TO_LEAVE
@pytest.mark.parametrize("how", [polls, waits, is_called])
def test_a_handler_is_told_at_once(
    live_server: LiveServers, watch: Watch, how: Callable[[Request], float], leave: Callable[[Peer], None]
) -> None:
    told = Told(how)
    server = live_server(told, threads=2)
    for _ in range(3):  # by then it is known that this page blocks, and it is served off the lead from the beginning
        peer = server.connect()
        peer.send(GET)
        told.await_begun()
        leave(peer)
        assert isinstance(told.await_answer(), float)
    assert server.connect().ask("/other").status == 200
    assert not watch.breaches


@pytest.mark.parametrize("how", [polls, waits, is_called])
def test_a_handler_that_waits_for_it_is_told_when_the_server_waits_no_longer_for_the_handler(
    live_server: LiveServers, how: Callable[[Request], float]
) -> None:
    told = Told(how)
    server = live_server(told)
    peer = server.connect()
    peer.send(GET)
    told.await_begun()
    assert not server.stop(grace=0.01)
    assert isinstance(told.await_answer(), float)
    assert peer.reply().status == 200


@WAYS_TO_LEAVE
def test_a_handler_on_the_lead_sees_it_without_the_lane(
    live_server: LiveServers, leave: Callable[[Peer], None]
) -> None:
    left = threading.Event()
    served_by: list[bool] = []

    def handler(request: Request) -> Response:
        if request.target == "/":
            leave(peers.pop())
            served_by.append(request.client in server.lane.pool.lease)
            if leave is not close:
                assert request.disconnected.wait(PATIENCE)
            assert request.disconnected.is_set()
            left.set()
        return hello(request)

    server = live_server(handler)
    peer = server.connect()
    peers = [peer]
    peer.send(GET)
    assert left.wait(PATIENCE)
    assert served_by == [True]


def test_a_client_that_stays_is_not_said_to_have_left(live_server: LiveServers, watch: Watch) -> None:
    def stays(request: Request) -> object:
        began = time.monotonic()
        waited = request.disconnected.wait(0.03)
        assert time.monotonic() - began >= 0.03
        return waited or request.disconnected.is_set()

    told = Told(stays)
    peer = live_server(told).connect()
    for _ in range(3):
        assert peer.ask().body == b"hello"
    assert told.answers == [False] * 3
    assert not watch.breaches


@pytest.mark.parametrize("make_poller", [new_poller, SelectorPoller])
def test_what_is_pipelined_is_no_departure(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch, make_poller: Callable[[], Poller]
) -> None:
    monkeypatch.setattr("ehttpd.server.lane.new_poller", make_poller)
    told = Told(lambda request: request.disconnected.wait(0.03) or request.disconnected.is_set())
    peer = live_server(told).connect()
    peer.send(GET)
    told.await_begun()
    peer.send(GET, GET)
    assert [peer.reply().body for _ in range(3)] == [b"hello"] * 3
    assert told.answers == [False] * 3


@pytest.mark.skipif(not hasattr(select, "POLLRDHUP"), reason="nobody can tell here")
@pytest.mark.parametrize("how", [polls, waits, is_called])
def test_a_departure_behind_a_pipelined_request_is_noticed(
    live_server: LiveServers, watch: Watch, how: Callable[[Request], float]
) -> None:
    told = Told(how)
    server = live_server(told)
    poller = server.lane._poller
    assert isinstance(poller, WatchedPoller)
    # Others than epoll cannot watch for an end alone, and look once: the next request has to be there before.
    first, later = (GET + NEXT, b"") if isinstance(poller.watched, SelectorPoller) else (GET, NEXT)
    for _ in range(3):
        peer = server.connect()
        peer.send(first)
        told.await_begun()
        peer.send(later)
        peer.half_close()
        assert told.await_answer()
        assert [peer.reply().body for _ in range(2)] == [b"hello"] * 2
    assert not watch.breaches


def test_a_client_that_only_stops_to_send_still_gets_its_answer(live_server: LiveServers, watch: Watch) -> None:
    def handler(request: Request) -> Response:
        assert request.disconnected.wait(PATIENCE)
        return Response.stream([b"hel", b"lo"]) if request.target == "/stream" else hello(request)

    server = live_server(handler)
    for target in (b"/", b"/stream") * 2:
        peer = server.connect()
        peer.send(b"GET " + target + b" HTTP/1.1\r\nHost: here\r\n\r\n")
        peer.half_close()
        assert peer.reply().body == b"hello"
        assert peer.ended()
    assert not watch.breaches


def test_every_callback_is_called_once(live_server: LiveServers, caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    all_called = threading.Event()

    def fail() -> None:
        calls.append("failing")
        raise LookupError("on purpose")

    def ask(request: Request) -> object:
        for call in (lambda: calls.append("first"), fail, lambda: calls.append("third"), all_called.set):
            request.disconnected.add_callback(call)
        assert all_called.wait(PATIENCE)
        request.disconnected.add_callback(lambda: calls.append("late"))
        assert calls == ["first", "failing", "third", "late"], "who comes late is called at once"
        return request.disconnected.wait()

    told = Told(ask)
    peer = live_server(told).connect()
    peer.send(GET)
    told.await_begun()
    peer.close()
    assert told.await_answer() is True
    assert calls == ["first", "failing", "third", "late"]
    assert "What was to be done when the client left failed." in caplog.messages


def test_a_callback_is_not_called_once_the_request_was_answered(live_server: LiveServers, watch: Watch) -> None:
    calls: list[int] = []

    def handler(request: Request) -> Response:
        if request.target == "/first":
            request.disconnected.add_callback(lambda: calls.append(1))
            block(0.02)  # off the lead, and on it the next time
        elif request.target == "/last":
            request.disconnected.wait(PATIENCE)
            seen.set()
        return hello(request)

    server, seen = live_server(handler), threading.Event()
    peer = server.connect()
    for _ in range(2):
        assert peer.ask("/first").status == 200
    peer.send(b"GET /last HTTP/1.1\r\nHost: here\r\n\r\n")
    peer.half_close()
    assert seen.wait(PATIENCE)
    assert calls == []
    assert not watch.breaches


@pytest.mark.parametrize("body", [b"whole", bytearray(b"whole"), [b"in ", b"pieces"]])
def test_a_callback_is_not_called_between_the_answer_and_the_return_of_its_thread(
    live_server: LiveServers, gate: Gate, monkeypatch: pytest.MonkeyPatch, body: Any
) -> None:
    settle, clients, calls = Lane.settle, list[Connection](), list[int]()

    def settle_late(lane: Lane, connection: Connection, step: Next) -> None:
        gate.wait()
        settle(lane, connection, step)

    def handler(request: Request) -> Response:
        connection = request.client
        assert isinstance(connection, Connection)
        clients.append(connection)
        connection.lane.pool.step_aside(connection)
        request.disconnected.add_callback(lambda: calls.append(1))
        response = Response(b"")
        response.body = body
        return response

    monkeypatch.setattr(Lane, "settle", settle_late)
    server = live_server(handler)
    peer = server.connect()
    assert peer.ask().whole
    gate.await_arrivals()
    peer.close()
    come_true(lambda: clients[0].left)
    gate.open()
    come_true(lambda: server.lane.open_connections == 0)
    assert not [thread for thread in threading.enumerate() if thread.name == "ehttpd-departure"]
    assert calls == []


def test_a_callback_that_no_thread_can_be_had_for_is_told_and_harms_nobody(
    live_server: LiveServers, gate: Gate, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    start = threading.Thread.start

    def start_others(thread: threading.Thread) -> None:
        if thread.name == "ehttpd-departure":
            raise RuntimeError("can't start new thread")
        start(thread)

    def handler(request: Request) -> Response:
        if request.target == "/":
            request.disconnected.add_callback(lambda: None)
            gate.wait()
        return hello(request)

    monkeypatch.setattr(threading.Thread, "start", start_others)
    server = live_server(handler)
    peer = server.connect()
    peer.send(GET)
    gate.await_arrivals()
    peer.close()
    come_true(lambda: "Cannot start a thread: can't start new thread" in caplog.text)
    assert server.connect().ask("/next").body == b"hello"
    gate.open()
    assert "this is a defect" not in caplog.text


def test_a_callback_is_not_called_while_the_next_request_waits(live_server: LiveServers, gate: Gate) -> None:
    calls: list[int] = []
    clients = []
    second = Gate()

    def handler(request: Request) -> Response:
        if request.target == "/first":
            clients.append(request.client)
            request.disconnected.add_callback(lambda: calls.append(1))
            gate.wait()
        elif request.target == "/between":
            second.wait()
        return hello(request)

    server = live_server(handler, threads=1)
    pipelining, between = server.connect(), server.connect()
    pipelining.send(b"GET /first HTTP/1.1\r\nHost: here\r\n\r\n" + GET)
    gate.await_arrivals()
    between.send(b"GET /between HTTP/1.1\r\nHost: here\r\n\r\n")
    server.await_queued(1)
    gate.open()  # now /between has the one thread, and what was pipelined waits
    second.await_arrivals()
    assert pipelining.reply().status == 200
    pipelining.half_close()
    (client,) = clients
    come_true(lambda: client.left)  # type: ignore[attr-defined]
    second.open()
    assert pipelining.reply().status == 200
    assert calls == []


@pytest.mark.parametrize("leave", [close, half_close])
def test_a_request_is_told_of_a_client_that_left_while_it_waited(
    live_server: LiveServers, gate: Gate, leave: Callable[[Peer], None]
) -> None:
    def handler(request: Request) -> Response:
        if request.target == "/wait":
            gate.wait()
            return hello(request)
        return told(request)

    told = Told(lambda request: request.disconnected.is_set())
    server = live_server(handler, threads=1)
    server.connect().send(b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    leaving = server.connect()
    leaving.send(GET)
    server.await_queued(1)
    leave(leaving)
    gate.open()
    assert told.await_answer() is True


@pytest.mark.skipif(not hasattr(select, "poll"), reason="nobody can tell here")
@pytest.mark.parametrize("make_poller", [new_poller, SelectorPoller])
def test_a_client_that_resets_its_connection_gives_up_its_place_in_the_queue(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch, gate: Gate, make_poller: Callable[[], Poller]
) -> None:
    monkeypatch.setattr("ehttpd.server.lane.new_poller", make_poller)
    served: list[str] = []

    def handler(request: Request) -> Response:
        served.append(request.target)
        gate.wait()
        return hello(request)

    server = live_server(handler, threads=1, queue_limit=2)
    peers = [server.connect() for _ in range(3)]
    peers[0].send(b"GET /first HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    for peer in peers[1:]:
        peer.send(b"GET /gone HTTP/1.1\r\nHost: here\r\n\r\n")
    server.await_queued(2)
    for peer in peers[1:]:
        reset(peer)
    come_true(lambda: server.lane.open_connections == 1)
    assert server.lane.pool.queued == 0
    late = server.connect()
    late.send(b"GET /late HTTP/1.1\r\nHost: here\r\n\r\n")
    server.await_queued(1)
    gate.open()
    assert (peers[0].reply().status, late.reply().status) == (200, 200)
    assert served == ["/first", "/late"]


@pytest.mark.parametrize("leave", [close, reset])
def test_a_body_that_is_being_produced_is_closed(live_server: LiveServers, leave: Callable[[Peer], None]) -> None:
    closed = threading.Event()

    def endless() -> Iterator[bytes]:
        try:
            while True:
                yield b"x" * 1000
        finally:
            closed.set()

    server = live_server(lambda request: Response.stream(endless()), threads=1)
    peer = server.connect()
    peer.send(GET)
    assert peer.socket.recv(1)
    leave(peer)
    assert closed.wait(PATIENCE)


@pytest.mark.parametrize("leave", [close, reset])
def test_a_body_is_closed_with_the_first_piece_after_its_client_left(
    live_server: LiveServers, leave: Callable[[Peer], None]
) -> None:
    closed, made = threading.Event(), []

    def handler(request: Request) -> Response:
        def pieces() -> Iterator[bytes]:
            try:
                yield b"begun"
                assert request.disconnected.wait(PATIENCE)
                for number in range(100):
                    made.append(number)
                    yield b"late"
            finally:
                closed.set()

        return Response.stream(pieces())

    peer = live_server(handler).connect()
    peer.send(GET)
    assert peer.socket.recv(1)
    leave(peer)
    assert closed.wait(PATIENCE)
    assert len(made) <= 2  # the first makes the client's machine say that nobody is there


@pytest.mark.parametrize("leave", [close, reset])
def test_writing_to_a_client_that_left_raises(live_server: LiveServers, leave: Callable[[Peer], None]) -> None:
    def writes(request: Request) -> object:
        assert request.disconnected.wait(PATIENCE)
        write = request.client.start_response(request, 200, [])
        try:
            for _ in range(1000):
                write(b"x" * 10_000)
        except ConnectionLost as error:
            return error
        return None

    told = Told(writes)
    server = live_server(told)
    peer = server.connect()
    peer.send(GET)
    told.await_begun()
    leave(peer)
    assert isinstance(told.await_answer(), ConnectionLost)
    assert server.connect().ask("/other").status == 200


def test_many_clients_that_leave_at_any_moment_harm_nobody(
    live_server: LiveServers, watch: Watch, many_switches: None
) -> None:
    calls: list[str] = []

    def handler(request: Request) -> Response:
        if request.target != "/":
            request.disconnected.add_callback(lambda: calls.append(request.target))
            block(float(request.target.rpartition("/")[2]) / 1000)
        return hello(request)

    server = live_server(handler, threads=4)
    for each in range(120):
        peer = server.connect()
        peer.send(f"GET /{each}/{each % 12} HTTP/1.1\r\nHost: here\r\n\r\n".encode())
        (close, reset)[each % 2](peer)
    come_true(lambda: server.lane.open_connections == 0)
    assert len(calls) == len(set(calls)), "a callback was called twice"
    assert not watch.breaches
    assert server.connect().ask().body == b"hello"
