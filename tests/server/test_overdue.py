"""Handlers that exceed their deadline: what the client gets, and what becomes of the thread."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest

from ehttpd.errors import ConnectionLost
from ehttpd.messages import FedBody, Handler, Outlet, Request, Response, streaming
from ehttpd.records import Record
from ehttpd.server import overdue
from ehttpd.server.overdue import answer_overdue
from ehttpd.server.raw import Sink, Source
from tests.conftest import open_sockets
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, come_true, hello, in_parallel, serving
from tests.server.test_pool import Misbehaving, block, many_switches, watch
from tests.server.watch import Watch

__all__ = ["many_switches", "watch"]  # fixtures

TIMEOUT = 0.05
STUCK = b"GET /stuck HTTP/1.1\r\nHost: here\r\n\r\n"
OVERDUE = b"The application did not answer within %s seconds.\n"
GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def stuck_at(gate: Gate) -> Callable[[Request], Response]:
    """Return a handler that waits at ``gate`` if asked for /stuck."""

    def handler(request: Request) -> Response:
        if request.target == "/stuck":
            gate.wait()
        return hello(request)

    return handler


def await_nobody_stuck(server: LiveServer) -> None:
    come_true(lambda: not server.lane.pool.serving.stuck)


def let_deadlines_pass(server: LiveServer) -> None:
    """Have the deadline of the handler that runs pass, and wait until the lane has looked at it."""
    serving = server.lane.pool.serving
    come_true(lambda: bool(serving._expires))  # until the leader was relieved of it, nobody counts its time
    expire(server)
    come_true(lambda: serving.overdue_at > 0)


def ask_past_the_deadline(server: LiveServer, gate: Gate) -> Peer:
    """Have a request handled that is not done at its deadline, and is done then."""
    peer = server.connect()
    peer.send(GET)
    gate.await_arrivals()
    let_deadlines_pass(server)
    gate.open()
    return peer


def write_off(server: LiveServer, stuck: int = 1) -> None:
    """Have the deadlines of handlers pass until so many are stuck."""

    def so_many_are() -> bool:
        expire(server)
        return server.lane.pool.serving.stuck == stuck

    come_true(so_many_are)


def expire(server: LiveServer) -> None:
    serving = server.lane.pool.serving
    with server.lane.lock:
        serving._expires.update(dict.fromkeys(serving._expires, 0.0))
        serving.overdue_at = 0.0
    server.lane.wake()


# The client


@pytest.mark.parametrize("threads", [1, 4])
def test_the_client_gets_504_at_its_deadline_while_the_handler_still_runs(
    live_server: LiveServers, gate: Gate, threads: int
) -> None:
    server = live_server(stuck_at(gate), threads=threads, request_timeout=TIMEOUT)
    for _ in range(2):  # the second time it is known that this page blocks
        began, peer = time.monotonic(), server.connect()
        reply = peer.ask("/stuck")
        seconds = time.monotonic() - began
        assert reply.status == 504
        assert reply.fields["connection"] == "close"
        assert reply.fields["content-type"] == "text/plain; charset=utf-8"
        assert reply.body == OVERDUE % b"0.05"
        assert seconds >= TIMEOUT
        assert peer.ended()
    gate.open()


def test_a_head_request_gets_no_body(live_server: LiveServers, gate: Gate) -> None:
    peer = live_server(stuck_at(gate), request_timeout=TIMEOUT).connect()
    reply = peer.ask("/stuck", method="HEAD")
    assert reply.status == 504
    assert int(reply.fields["content-length"]) > 0
    assert peer.rest() == b""
    gate.open()


def test_a_body_that_is_produced_for_too_long_before_its_first_data_gets_504(
    live_server: LiveServers, gate: Gate
) -> None:
    closed = threading.Event()

    def pieces() -> Iterator[bytes]:
        try:
            yield b""  # nothing that could be sent
            gate.wait()
            yield b"late"
        finally:
            closed.set()

    server = live_server(lambda request: Response.stream(pieces()), request_timeout=TIMEOUT)
    peer = server.connect()
    assert peer.ask().status == 504
    assert peer.ended()
    gate.open()
    assert closed.wait(PATIENCE)


def test_a_body_is_not_cut_once_it_has_begun(live_server: LiveServers, gate: Gate) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        gate.wait()
        yield b"second"

    server = live_server(lambda request: Response.stream(pieces()), request_timeout=PATIENCE)
    peer = ask_past_the_deadline(server, gate)
    assert peer.reply().body == b"firstsecond"
    assert peer.ask().body == b"firstsecond"
    assert peer.ask(method="HEAD").status == 200


def test_a_response_that_began_before_the_handler_returned_is_not_cut(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        write = request.client.start_response(request, 200, [("Content-Length", "11")])
        write(b"first")
        gate.wait()
        write(b"second")
        return Response(b"")

    server = live_server(handler, request_timeout=PATIENCE)
    peer = ask_past_the_deadline(server, gate)
    assert peer.reply().body == b"firstsecond"
    assert peer.ask().body == b"firstsecond"


@pytest.mark.parametrize("kind", [list, iter, bytes, bytearray])
def test_a_body_of_any_kind_is_sent_in_time(live_server: LiveServers, kind: Callable[[Any], Any]) -> None:
    data: Any = b"hello" if kind in (bytes, bytearray) else [b"hel", b"lo"]
    peer = live_server(lambda request: Response(kind(data)), request_timeout=PATIENCE).connect()
    assert [peer.ask().body for _ in range(2)] == [b"hello"] * 2


def test_a_body_that_fails_before_its_first_data_is_answered_with_500(live_server: LiveServers) -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            raise LookupError("on purpose")

        def close(self) -> None:
            closed.append(self)

    peer = live_server(lambda request: Response.stream(Body()), request_timeout=PATIENCE).connect()
    assert [peer.ask().status for _ in range(2)] == [500, 500]
    assert len(closed) == 2


def test_what_is_pipelined_behind_an_overdue_request_gets_nothing_but_the_end(
    live_server: LiveServers, gate: Gate
) -> None:
    targets = []

    def handler(request: Request) -> Response:
        targets.append(request.target)
        return stuck_at(gate)(request)

    server = live_server(handler, request_timeout=TIMEOUT)
    peer = server.connect()
    peer.send(STUCK, GET, GET)
    assert peer.reply().status == 504
    assert peer.ended()
    gate.open()
    await_nobody_stuck(server)
    assert targets == ["/stuck"]


def test_a_request_behind_a_long_response_has_a_deadline_of_its_own(live_server: LiveServers, gate: Gate) -> None:
    long = Gate()

    def pieces() -> Iterator[bytes]:
        yield b"first"
        long.wait()
        yield b"second"

    def handler(request: Request) -> Response:
        return Response.stream(pieces()) if request.target == "/" else stuck_at(gate)(request)

    server = live_server(handler, request_timeout=PATIENCE)
    peer = server.connect()
    peer.send(GET, STUCK)
    long.await_arrivals()
    let_deadlines_pass(server)
    long.open()
    assert peer.reply().body == b"firstsecond"
    gate.await_arrivals()
    assert not server.lane.pool.serving.stuck
    write_off(server)
    assert peer.reply().status == 504
    gate.open()


def test_a_handler_is_told_what_is_left(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        left = request.deadline.remaining()
        return Response.text(f"{left}")

    assert 0 < float(live_server(handler, request_timeout=PATIENCE).connect().ask().body) <= PATIENCE
    assert live_server(handler).connect().ask().body == b"None"


# Either the thread answers, or the lane


@pytest.mark.parametrize("how", ["whole", "stream", "fail"])
def test_a_handler_that_ends_in_the_moment_of_its_deadline_is_answered_once(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, many_switches: None, how: str
) -> None:
    seconds, clients, rounds, step = 0.01, 4, 25, 0.0005

    def pieces(request: Request) -> Iterator[bytes]:
        until_deadline(request)
        yield b"hel"
        yield b"lo"

    def until_deadline(request: Request) -> None:
        block(max(0.0, (request.deadline.remaining() or 0) + float(request.target[1:])))

    def handler(request: Request) -> Response:
        if how == "stream":
            return Response.stream(pieces(request))
        until_deadline(request)
        if how == "fail":
            raise LookupError("on purpose")
        return hello(request)

    caplog.set_level(logging.CRITICAL, "ehttpd")  # writing down what is captured takes longer than all the rest
    server = live_server(handler, threads=clients, request_timeout=seconds, max_stuck_threads=1000)
    bodies = {200: b"hello", 500: b"Internal Server Error\n"}
    bodies[504] = OVERDUE % b"0.01"
    seen: list[int] = []

    def ask(offset: float) -> None:
        # Who was in time ends later the next time, and who was late earlier: so the race is close on any machine.
        for _ in range(rounds):
            peer = server.connect()
            peer.send(f"GET /{offset:.4f} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
            reply = peer.reply()
            assert reply.body == bodies[reply.status]
            assert peer.rest() == b"", "a second answer"
            peer.close()
            seen.append(reply.status)
            offset += -step if reply.status == 504 else step

    while len(set(seen)) < 2:  # once, unless the machine has other things to do
        with in_parallel(*(partial(ask, (which - clients / 2) * step) for which in range(clients))):
            pass
    await_nobody_stuck(server)


# The thread


def test_the_stack_of_the_thread_is_logged(
    live_server: LiveServers, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    server = live_server(stuck_at(gate), request_timeout=TIMEOUT)
    assert server.connect().ask("/stuck").status == 504
    come_true(lambda: bool(caplog.messages))
    (message,) = caplog.messages
    assert "GET '/stuck'" in message
    assert "no response within 0.05 s" in message
    assert message.index("in handler") < message.index("gate.wait()") < message.index("self._open.wait(PATIENCE)")
    gate.open()


@pytest.mark.parametrize("threads", [1, 3])
def test_threads_that_are_stuck_are_replaced(live_server: LiveServers, gate: Gate, threads: int) -> None:
    server = live_server(stuck_at(gate), threads=threads, request_timeout=PATIENCE, max_stuck_threads=20)
    pool = server.lane.pool
    for stuck in range(1, 11):
        peer = server.connect()
        peer.send(STUCK)
        gate.await_arrivals()
        write_off(server, stuck)
        assert peer.reply().status == 504
        assert server.connect().ask().body == b"hello"
    assert pool.threads <= 10 + threads + 2, (
        "the leader and the relief, besides those that are stuck and those that work"
    )
    assert server.healthy
    gate.open()
    await_nobody_stuck(server)
    assert server.connect().ask().body == b"hello"


def test_no_more_threads_are_replaced_than_the_operator_allows(caplog: pytest.LogCaptureFixture) -> None:
    gate = Gate()
    with serving(
        stuck_at(gate), threads=2, request_timeout=0.02, max_stuck_threads=3, queue_timeout=0.05, health_path="/health"
    ) as server:
        pool, health = server.lane.pool, server.connect()
        for _ in range(3):
            assert health.ask("/health").status == 200
            assert server.connect().ask("/stuck").status == 504
        assert not server.healthy
        sick = health.ask("/health")
        assert (sick.status, sick.body) == (503, b"3 threads are stuck in handlers\n")
        come_true(lambda: "3 threads are stuck in handlers, and no more will be replaced." in caplog.messages)
        for _ in range(2):  # two places are left, and these take them for good
            assert server.connect().ask("/stuck").status == 504
        threads = pool.threads
        assert threads <= 5 + 2
        for _ in range(5):
            assert server.connect().ask().status == 503
        assert pool.threads == threads
        assert health.ask("/health").status == 503
        gate.open()
        await_nobody_stuck(server)
        assert health.ask("/health").status == 200
        assert server.healthy
        pool.serving._timeout = PATIENCE  # whoever is quick is in time
        for _ in range(5):
            come_true(lambda: pool.busy == 0)
            assert server.connect().ask().body == b"hello"


def reading_or_stuck_at(gate: Gate) -> Handler:
    """Return a handler that reads the body of a POST while it arrives, and else does as `stuck_at`."""
    else_stuck = stuck_at(gate)

    @streaming
    def handler(request: Request) -> Response:
        return Response(request.body.read()) if request.method == "POST" else else_stuck(request)

    return handler


def begin_upload(server: LiveServer) -> Peer:
    """Have a handler wait for the rest of a body, in nobody's place."""
    paused = server.lane.pool.places.paused
    peer = server.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\nhalf")
    come_true(lambda: server.lane.pool.places.paused == paused + 1)
    return peer


def test_a_thread_that_waits_for_its_client_has_no_place_to_be_taken(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(reading_or_stuck_at(gate), threads=2, request_timeout=PATIENCE)
    uploads = [begin_upload(server) for _ in range(3)]
    expire(server)
    assert [peer.reply().status for peer in uploads] == [504] * 3
    assert server.lane.pool.busy == 0
    stuck = [server.connect() for _ in range(3)]
    for peer in stuck:
        peer.send(STUCK)
    gate.await_arrivals(2)
    server.await_queued(1)  # not the third handler of two
    for peer in uploads:
        peer.close()
    come_true(lambda: not server.lane.pool.serving.written_off)
    assert server.lane.pool.busy == 2
    gate.open()
    assert [peer.reply().status for peer in stuck] == [200] * 3


def test_slow_clients_do_not_make_the_server_ill(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(
        reading_or_stuck_at(gate), threads=2, request_timeout=PATIENCE, max_stuck_threads=1, health_path="/health"
    )
    uploads = [begin_upload(server) for _ in range(3)]
    expire(server)
    assert [peer.reply().status for peer in uploads] == [504] * 3
    assert server.connect().ask("/health").status == 200
    assert server.connect().ask().body == b"hello"


def test_stop_does_not_wait_for_slow_clients_that_were_answered(gate: Gate) -> None:
    server = LiveServer(reading_or_stuck_at(gate), threads=2, request_timeout=PATIENCE).start()
    try:
        upload = begin_upload(server)
        expire(server)
        assert upload.reply().status == 504
        assert server.stop(), "everything was answered"
        assert server.lane.pool.places.paused == 1
    finally:
        server.hang_up()
        come_true(lambda: not server.lane.pool.threads)


def test_a_thread_that_is_written_off_waits_for_no_place(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(reading_or_stuck_at(gate), threads=1, request_timeout=PATIENCE)
    pool, upload = server.lane.pool, begin_upload(server)
    stuck = server.connect()
    stuck.send(STUCK)
    come_true(lambda: pool.busy == 1)
    upload.send(b"of it.")
    come_true(lambda: len(pool.places._resuming) == 1)
    expire(server)
    assert (upload.reply().status, stuck.reply().status) == (504, 504)
    come_true(lambda: pool.serving.stuck == 1)
    assert pool.busy == 0
    gate.open()


def test_a_thread_that_returns_works_again_and_ends_when_nobody_needs_it(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(stuck_at(gate), threads=(1, 2), request_timeout=0.02, thread_idle_timeout=0.02)
    sockets = len(open_sockets())
    peers = [server.connect() for _ in range(5)]
    for peer in peers:
        assert peer.ask("/stuck").status == 504
        assert peer.ended()
        peer.close()
    assert len(open_sockets()) - sockets == 5, "each thread keeps its connection"
    gate.open()
    await_nobody_stuck(server)
    come_true(lambda: server.lane.pool.threads == 2)
    come_true(lambda: len(open_sockets()) == sockets)
    assert server.lane.open_connections == 0


def test_requests_that_wait_are_served_by_the_thread_that_replaces_a_stuck_one(
    live_server: LiveServers, gate: Gate
) -> None:
    server = live_server(stuck_at(gate), threads=1, request_timeout=PATIENCE)
    stuck, waiting = server.connect(), [server.connect() for _ in range(3)]
    stuck.send(STUCK)
    gate.await_arrivals()
    for peer in waiting:
        peer.send(GET)
    server.await_queued(3)
    write_off(server)
    assert stuck.reply().status == 504
    assert [peer.reply().body for peer in waiting] == [b"hello"] * 3
    gate.open()


def test_what_a_stuck_thread_still_wants_to_send_is_sent_to_nobody(live_server: LiveServers, gate: Gate) -> None:
    raised: list[BaseException] = []

    def handler(request: Request) -> Response:
        gate.wait()
        try:
            request.client.send_interim(request, 103, [("Link", "</late>; rel=preload")])
        except ConnectionLost as error:
            raised.append(error)
        try:
            request.client.start_response(request, 200, [("Content-Length", "4")])(b"late")
        except ConnectionLost as error:
            raised.append(error)
        raise LookupError("too late")

    server = live_server(handler, request_timeout=TIMEOUT)
    peer = server.connect()
    assert peer.ask().status == 504
    gate.open()
    assert peer.rest() == b""
    await_nobody_stuck(server)
    assert len(raised) == 2


def test_stop_does_not_wait_for_stuck_threads(gate: Gate) -> None:
    server = LiveServer(stuck_at(gate), threads=2, request_timeout=TIMEOUT).start()
    try:
        assert [server.connect().ask("/stuck").status for _ in range(3)] == [504] * 3
        assert server.stop(), "everything was answered"
    finally:
        server.hang_up()
        gate.open()
        server.stop()


def test_a_handler_becomes_overdue_while_the_server_stops(gate: Gate) -> None:
    server = LiveServer(stuck_at(gate), request_timeout=4 * TIMEOUT).start()
    try:
        peer = server.connect()
        peer.send(STUCK)
        gate.await_arrivals()
        assert server.stop(grace=PATIENCE), "504 is an answer"
        assert peer.reply().status == 504
    finally:
        server.hang_up()
        gate.open()


def test_a_client_that_has_gone_needs_no_504(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(stuck_at(gate), request_timeout=PATIENCE)
    peer = server.connect()
    peer.send(STUCK)
    gate.await_arrivals()
    peer.close()
    write_off(server)
    gate.open()
    await_nobody_stuck(server)
    assert server.connect().ask().status == 200


# The rest of the house


@pytest.mark.parametrize("streams", [False, True])
def test_the_record_of_an_overdue_exchange_says_504(gate: Gate, streams: bool) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.stream([b"late"]) if streams else hello(request)

    records: list[Record] = []
    recorded = threading.Event()

    def record(each: Record) -> None:
        records.append(each)
        recorded.set()

    with serving(handler, request_timeout=TIMEOUT, record=record) as server:
        reply = server.connect().ask("/stuck")
        assert recorded.wait(PATIENCE), "it is recorded when 504 is sent, not when the handler returns"
        (each,) = records
        assert (each.status, each.body_octets, each.request_line) == (504, len(reply.body), "GET /stuck HTTP/1.1")
        assert each.seconds >= TIMEOUT
        assert each.thread.startswith("ehttpd-")
        gate.open()
        come_true(lambda: server.lane.pool.serving.stuck == 0)
    assert records == [each]


def test_a_thread_that_has_lost_waits_until_the_lane_has_answered(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer_slowly(*arguments: Any) -> Response:
        gate.open()
        block(0.02)
        return answer_overdue(*arguments)

    monkeypatch.setattr(overdue, "answer_overdue", answer_slowly)
    records: list[Record] = []
    with serving(stuck_at(gate), request_timeout=TIMEOUT, record=records.append) as server:
        assert server.connect().ask("/stuck").status == 504
        await_nobody_stuck(server)
    assert [record.status for record in records] == [504]


def test_connections_without_http_have_no_deadline() -> None:
    def echo(source: Source, sink: Sink) -> bool:
        data = source.read(5)
        block(3 * TIMEOUT)
        sink.write(data or b"")
        return True

    with serving(connection=echo, request_timeout=TIMEOUT) as server:
        peer = server.connect()
        for _ in range(2):
            peer.send(b"hello")
            assert peer.read(5) == b"hello"


@pytest.mark.parametrize("threads", [1, 4])
def test_the_invariants_hold_while_handlers_exceed_their_deadlines(
    live_server: LiveServers, watch: Watch, many_switches: None, threads: int
) -> None:
    misbehaving = Misbehaving()

    def handler(request: Request) -> Response:
        if request.target.startswith("/late"):
            block(random.uniform(0, 0.04))  # half of them in time
            return hello(request)
        return misbehaving(request)

    server = live_server(handler, threads=threads, request_timeout=0.02, max_stuck_threads=1000)
    targets = ["/quick/hello", "/quick/hello", "/block/hello", "/compute/hello", "/late"]

    def ask(seed: int) -> None:
        choice, peer = random.Random(seed), server.connect()
        for _ in range(20):
            reply = peer.ask(choice.choice(targets))
            assert (reply.status, reply.body) in ((200, b"hello"), (504, OVERDUE % b"0.02"))
            if reply.status == 504:
                assert peer.ended()
                peer = server.connect()

    with in_parallel(*(partial(ask, seed) for seed in range(threads + 3))):
        pass
    assert not watch.breaches
    await_nobody_stuck(server)
    come_true(lambda: server.lane.pool.busy == 0)


@pytest.mark.parametrize("kind", ["pieces", "one piece", "fed"])
def test_what_comes_too_late_is_closed_all_the_same(live_server: LiveServers, gate: Gate, kind: str) -> None:
    closed = threading.Semaphore(0)

    class Late(FedBody):
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"la", b"te"])

        def begin(self, outlet: Outlet) -> None:
            raise AssertionError("nobody listens")

        def close(self) -> None:
            closed.release()

    class Piece(list[bytes]):
        def close(self) -> None:
            closed.release()

    def handler(request: Request) -> Response:
        gate.wait()
        if kind == "fed":
            return Response.stream(Late())
        return Response.stream(Piece([b"late"] if kind == "one piece" else [b"la", b"te"]))

    server = live_server(handler, request_timeout=TIMEOUT)
    assert ask_past_the_deadline(server, gate).reply().status == 504
    assert closed.acquire(timeout=PATIENCE)
    await_nobody_stuck(server)
    assert not closed.acquire(blocking=False)
