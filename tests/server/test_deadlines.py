"""Deadlines of connections that rest: the earliest is known, whoever brings it, and thousands at once stall nobody."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from ehttpd.http11.limits import DEFAULT_LIMITS
from ehttpd.http11.state import State
from ehttpd.messages import Request, Response
from ehttpd.server.connection import Connection, Next
from ehttpd.server.deadlines import Deadlines
from ehttpd.server.lane import Lane
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, come_true, hello

pytestmark = pytest.mark.usefixtures("each_poller")


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


def test_a_deadline_may_be_months_away(resting_lane: Lane) -> None:
    resting_lane.deadlines.watch(time.monotonic() + 1e8)
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
        assert lane.deadlines.earliest == 1.0


def test_many_that_are_given_up_at_the_same_moment_are_so_in_several_turns(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ehttpd.server.deadlines.GIVEN_UP_AT_ONCE", 2)
    monkeypatch.setattr("ehttpd.server.lane.TURNS_AT_ONCE", 2)
    swept: list[int] = []
    expire, sweep = Deadlines.expire, Deadlines.sweep

    def expire_counted(self: Deadlines, connection: Connection, now: float) -> Next:
        swept[-1] += 1
        return expire(self, connection, now)

    def sweep_counted(self: Deadlines, now: float) -> None:
        swept.append(0)
        sweep(self, now)

    monkeypatch.setattr(Deadlines, "expire", expire_counted)
    monkeypatch.setattr(Deadlines, "sweep", sweep_counted)
    server = live_server(hello, header_timeout=PATIENCE)
    peers = [server.connect() for _ in range(7)]
    for peer in peers:
        peer.send(b"GET / HT")
    come_true(lambda: [each.state for each in server.lane.table.resting.copy().values()] == [State.HEAD] * 7)
    for connection in server.lane.table.resting.copy().values():
        connection.deadline = 0.0
    server.lane.deadlines.earliest = 0.0
    server.lane.wake()
    assert [peer.reply().status for peer in peers] == [408] * 7
    assert max(swept) <= 2
    assert server.connect().ask().body == b"hello"

