"""How much the server holds of its clients: counted to the octet, bounded, and given back."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from ehttpd.errors import ServiceUnavailable
from ehttpd.messages import Request, Response
from ehttpd.server.budget import Budget
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, come_true, hello

SIZED = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def length_of(request: Request) -> Response:
    return Response.text(str(len(request.body.read())))


def held_by(server: LiveServer) -> int:
    return server.lane.budget.held


def settled(server: LiveServer) -> int:
    """Return what is held once the leader has dealt with everything that was sent before."""
    assert server.connect().ask().status == 200
    return held_by(server)


def comes_to(octets: int, server: LiveServer) -> bool:
    """Tell whether no more than that is held soon: the leader may look at others first."""
    return any(settled(server) == octets for _ in range(200))


def test_what_exceeds_the_limit_is_not_counted() -> None:
    budget = Budget(10)
    budget.take(10)
    with pytest.raises(ServiceUnavailable):
        budget.take(1)
    assert (budget.held, budget.exceeded) == (10, False)
    budget.add(5)
    assert budget.exceeded
    budget.give_back(15)
    budget.take(1)


def test_without_a_limit_nothing_is_too_much() -> None:
    budget = Budget()
    budget.take(1 << 60)
    assert not budget.exceeded


@pytest.mark.parametrize("size", [100, 70_000, 900_000, 2_000_000])
@pytest.mark.parametrize("chunked", [False, True], ids=["sized", "chunked"])
def test_nothing_is_held_after_a_body_was_answered(live_server: LiveServers, size: int, chunked: bool) -> None:
    server = live_server(length_of)
    peer = server.connect()
    for _ in range(3):
        if chunked:
            peer.send(CHUNKED, b"%x\r\n" % size, bytes(size), b"\r\n0\r\n\r\n")
        else:
            peer.send(SIZED % size, bytes(size))
        assert peer.reply().body == str(size).encode()
        come_true(lambda: held_by(server) == 0)


@pytest.mark.parametrize(
    "begun", [SIZED % 500 + b"x" * 100, SIZED % 900_000 + b"x" * 100, CHUNKED + b"64\r\n" + b"x" * 100]
)
def test_an_unfinished_body_counts_as_far_as_it_came_until_its_client_leaves(
    live_server: LiveServers, begun: bytes
) -> None:  # fmt: skip
    server = live_server(hello)
    peer = server.connect()
    peer.send(begun)
    assert comes_to(100, server)
    peer.close()
    assert comes_to(0, server)


def test_a_head_that_is_not_whole_counts_until_it_is(live_server: LiveServers) -> None:
    server = live_server(hello)
    peer, other = server.connect(), server.connect()
    head = b"GET / HTTP/1.1\r\nHost: here\r\nX: "
    for each in (peer, other):
        each.send(head)
    assert comes_to(2 * len(head), server)
    other.close()
    peer.send(b"y")
    assert comes_to(len(head) + 1, server)
    peer.send(b"\r\n\r\n")
    assert peer.reply().status == 200
    assert settled(server) == 0


@pytest.mark.parametrize(
    "begun", [SIZED % 9000 + b"x" * 6000, SIZED % 90_000 + b"x" * 6000, CHUNKED + b"2000\r\n" + b"x" * 6000]
)
def test_beyond_the_limit_bodies_are_refused_and_others_go_on(live_server: LiveServers, begun: bytes) -> None:
    server = live_server(length_of, limit_buffered=10_000)
    first, second = server.connect(), server.connect()
    first.send(begun)
    assert comes_to(6000, server)
    second.send(begun)
    reply = second.reply()
    assert (reply.status, reply.fields["retry-after"], reply.fields["connection"]) == (503, "1", "close")
    assert comes_to(6000, server), "a request without a body is served"
    first.close()
    assert comes_to(0, server)
    third = server.connect()
    third.send(SIZED % 8000, b"x" * 8000)
    assert third.reply().body == b"8000"


def test_a_head_beyond_the_limit_is_refused(live_server: LiveServers) -> None:
    server = live_server(hello, limit_buffered=1000)
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\nX: " + b"y" * 2000)
    assert peer.reply().status == 503
    assert settled(server) == 0


def test_a_body_on_the_disk_does_not_count(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        if request.method == "POST":
            gate.wait()
        return hello(request)

    server = live_server(handler, body_memory=1000, limit_buffered=10_000)
    peer = server.connect()
    for start in range(0, 100_000, 500):
        peer.send(SIZED % 100_000 if not start else b"", b"x" * 500)
    gate.await_arrivals()
    assert held_by(server) == 0
    gate.open()
    assert peer.reply().status == 200


def test_unsent_output_counts_and_slows_streams_down(live_server: LiveServers) -> None:
    produced = threading.Semaphore(0)

    def pour() -> Iterator[bytes]:
        for _ in range(400):
            produced.release()
            yield b"x" * 50_000

    server = live_server(
        lambda request: Response.stream(pour()) if request.target == "/large" else hello(request),
        limit_buffered=200_000, threads=2,
    )  # fmt: skip
    peer = server.connect(receive_buffer=4096)
    peer.send(b"GET /large HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert produced.acquire(timeout=PATIENCE)
    assert peer.socket.recv(1) == b"H"
    while not server.lane.pool.places.paused:
        assert server.connect().ask().status == 200
    assert 0 < held_by(server) <= 200_000 + 200_000, "a stream stops soon above the limit, not at output_buffer"
    while peer.socket.recv(1 << 16):
        pass
    assert settled(server) == 0
