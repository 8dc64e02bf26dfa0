"""The lane: turns, deadlines, and what comes back to it from other threads."""

from __future__ import annotations

import gc
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.limits import DEFAULT_LIMITS
from ehttpd.http11.state import State
from ehttpd.messages import Request, Response
from ehttpd.server.clock import StandingFields
from ehttpd.server.connection import Connection, Next
from ehttpd.server.exchange import HTTPService
from ehttpd.server.lane import Lane
from ehttpd.server.poller import Poller, SelectorPoller, new_poller
from ehttpd.server.pool import Pool
from ehttpd.settings import Settings
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, hello, in_parallel, serving, until

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture(autouse=True, params=[new_poller, SelectorPoller], ids=["best poller", "selectors"])
def poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    make: Callable[[], Poller] = request.param
    monkeypatch.setattr("ehttpd.server.lane.new_poller", make)


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


def test_a_connection_that_comes_back_from_a_thread_still_has_its_deadline(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        request.client.lane.pool.step_aside(request.client)  # type: ignore[attr-defined]
        return hello(request)

    peer = live_server(handler, keep_alive_timeout=0.05).connect()
    assert peer.ask().body == b"hello"
    assert peer.ended()


def test_an_earlier_deadline_is_kept_although_the_lane_waits_for_a_later_one(live_server: LiveServers) -> None:
    server = live_server(hello, header_timeout=30, keep_alive_timeout=0.05)
    late = server.connect()
    early = server.connect()
    early.ask()
    assert early.ended()
    assert late.ask().status == 200


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


@pytest.fixture
def resting_lane() -> Iterator[Lane]:
    """A lane that nobody leads."""
    standing = StandingFields()
    lane = Lane(HTTPService(hello, standing), Settings(), DEFAULT_LIMITS, standing, 0)
    lane.pool = Pool(lane, Settings())
    yield lane
    lane.close()


def test_a_lane_is_woken_by_two_threads_that_post_at_the_same_time(resting_lane: Lane) -> None:
    class Interleaved(deque[Any]):
        def append(self, feed: Any) -> None:
            super().append(feed)
            if feed == "first":  # its thread has to stand aside for another here
                resting_lane.post("second")  # type: ignore[arg-type]

    resting_lane._posted = Interleaved()
    resting_lane.post("first")  # type: ignore[arg-type]
    assert resting_lane._inbox.recv(2)  # raises BlockingIOError if nobody wakes the leader


def test_a_deadline_may_be_months_away(resting_lane: Lane) -> None:
    resting_lane.sweep_by(time.monotonic() + 1e8)
    resting_lane.wake()
    assert resting_lane._await_events()


def test_a_deadline_that_a_thread_brings_while_the_leader_looks_at_a_later_one_is_kept(resting_lane: Lane) -> None:
    lane = resting_lane
    ours, theirs = socket.socketpair()
    with ours, theirs:
        sooner = Connection(ours, ("", 0), ("", 0), lane, DEFAULT_LIMITS, 0.0)
        sooner.deadline = 1.0
        brings = threading.Thread(target=lane.settle, args=(sooner, Next.WAIT))

        class Interleaved(Connection):
            @property
            def deadline(self) -> float:
                if brings.ident is None:
                    brings.start()
                    if not lane.lock.locked():
                        brings.join()
                return 50.0

            @deadline.setter
            def deadline(self, moment: float) -> None:
                pass

        lane.arrange(Interleaved(theirs, ("", 0), ("", 0), lane, DEFAULT_LIMITS, 0.0), Next.WAIT)
        brings.join()
        assert lane._next_sweep == 1.0


def test_nobody_who_wakes_a_lane_is_held_up(resting_lane: Lane) -> None:
    lane = resting_lane
    for _ in range(5000):  # nobody leads, so nobody takes what wakes
        lane.wake()
    lane.close()
    lane.wake()
