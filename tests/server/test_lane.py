"""The lane: turns, and what comes back to it from other threads."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections import deque
from typing import Any

import pytest

from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.state import State
from ehttpd.messages import Request, Response
from ehttpd.server.connection import Connection
from ehttpd.server.lane import Lane
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, hello, in_parallel, serving, until

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
pytestmark = pytest.mark.usefixtures("each_poller")


def test_a_connection_whose_octets_were_lost_is_closed(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def no_memory(buffer: ReceiveBuffer, data: bytes) -> None:
        raise MemoryError

    with serving(hello) as server:
        peer = server.connect()
        peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\n")
        until(lambda: [each.state for each in server.lane.table.all_resting()] == [State.BODY])
        monkeypatch.setattr(ReceiveBuffer, "append", no_memory)
        peer.send(b"hello")
        assert peer.ended()
        assert server.connect().ask().body == b"hello"
    assert "this is a defect in ehttpd" in caplog.text


def test_a_deadline_may_be_farther_away_than_systems_wait(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    server = live_server(hello, header_timeout=1e8, keep_alive_timeout=1e8)
    begun, other = server.connect(), server.connect()
    begun.send(GET[:2])
    for _ in range(2):
        assert other.ask().status == 200
    begun.send(GET[2:])
    assert begun.reply().status == 200
    assert not caplog.records


def test_each_of_many_deadlines_is_kept(live_server: LiveServers) -> None:
    server = live_server(hello, keep_alive_timeout=0.05)
    peers = [server.connect() for _ in range(100)]
    for peer in peers:
        peer.ask()
    assert all(peer.ended() for peer in peers)
    assert server.stop()


def test_connections_keep_their_order_of_exchanges_when_they_change_threads(live_server: LiveServers) -> None:
    served: dict[Connection, set[int]] = {}

    def handler(request: Request) -> Response:
        client = request.client
        assert isinstance(client, Connection)
        served.setdefault(client, set()).add(threading.get_ident())
        if request.target.endswith("0"):
            client.lane.pool.step_aside(client)
        return Response.text(request.target)

    server = live_server(handler, threads=4)

    def run() -> None:
        peer = server.connect()
        for each in range(100):
            peer.send(b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n" % each)
            if each % 10 == 9:
                bodies = [peer.reply().body for _ in range(10)]
                assert bodies == [b"/%d" % number for number in range(each - 9, each + 1)]

    with in_parallel(*[run] * 8):
        pass
    assert any(len(threads) > 1 for threads in served.values())


@pytest.mark.usefixtures("no_last_moment")
def test_a_thread_that_puts_a_connection_back_after_the_end_closes_it(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return hello(request)

    server = live_server(handler)
    peer = server.connect()
    peer.send(GET)
    gate.await_arrivals()
    assert not server.stop(grace=0)
    gate.open()
    peer.rest()
    assert server.lane.pool.join(time.monotonic() + PATIENCE)
    assert server.lane.open_connections == 0


def test_descriptor_numbers_that_are_used_again_are_never_mistaken(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        if request.target == "/block":
            threading.Event().wait(0.003)
        return Response.text(request.target, headers={"Connection": "close"} if request.target == "/close" else {})

    server = live_server(handler, threads=4)

    def run() -> None:
        for _ in range(30):
            peer = server.connect()
            assert peer.ask("/block").body == b"/block"
            assert peer.ask("/close").body == b"/close"
            assert peer.ended()
            peer.close()

    with in_parallel(*[run] * 4):
        pass


def test_a_lane_is_woken_by_what_it_adopts(live_server: LiveServers) -> None:
    server = live_server(hello)
    ours, theirs = socket.socketpair()
    ours.sendall(GET)
    server.dispatch(theirs)
    ours.settimeout(PATIENCE)
    assert ours.recv(12) == b"HTTP/1.1 200"
    ours.close()


def test_nothing_is_kept_of_a_client_that_has_left(live_server: LiveServers) -> None:
    server = live_server(hello)
    peer = server.connect()
    assert peer.ask().status == 200
    lane = server.lane
    assert [each for each in gc.get_objects() if type(each) is Connection and each.lane is lane]
    peer.close()
    assert until(lambda: not [each for each in gc.get_objects() if type(each) is Connection and each.lane is lane])


def test_a_lane_is_woken_by_two_threads_that_post_at_the_same_time(resting_lane: Lane) -> None:
    class Interleaved(deque[Any]):
        def append(self, feed: Any) -> None:
            super().append(feed)
            if feed == "first":  # its thread has to stand aside for another here
                resting_lane.post("second")  # type: ignore[arg-type]

    resting_lane._posted = Interleaved()
    resting_lane.post("first")  # type: ignore[arg-type]
    assert resting_lane._inbox.recv(2)  # raises BlockingIOError if nobody wakes the leader


def test_nobody_who_wakes_a_lane_is_held_up(resting_lane: Lane) -> None:
    lane = resting_lane
    for _ in range(5000):  # nobody leads, so nobody takes what wakes
        lane.wake()
    lane.close()
    lane.wake()
