"""Answers that leave together: who waits for whom, and for how long."""

from __future__ import annotations

import math
import select
import socket
import struct
from collections.abc import Callable
from functools import partial

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server import lane, relief
from ehttpd.server.connection import Connection, Next
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, come_true

REQUEST = b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n"


@pytest.fixture
def nobody_relieves(monkeypatch: pytest.MonkeyPatch) -> None:
    """The leader keeps the lead until a test takes it from it."""
    monkeypatch.setattr(relief, "LONG_TICK", 3600.0)
    monkeypatch.setattr(relief, "SHORT_TICK", 3600.0)


@pytest.fixture
def without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers wait for others for as long as a turn takes."""
    monkeypatch.setattr(lane, "TOGETHER", math.inf)


class OneTurn:
    """Sends requests of several peers while the leader is busy, so that it finds all of them at once.

    The handler answers with the path. At /busy it waits for `send`; the last segment of others names what it calls.
    """

    def __init__(self, live_server: LiveServers, peers: int, **calls: Callable[[], object]) -> None:
        self.busy = Gate()
        self._calls = calls
        self.server: LiveServer = live_server(self._handle)
        self._first = self.server.connect()
        self.peers = [self.server.connect() for _ in range(peers)]
        for peer in self.peers:
            assert peer.ask("/known").status == 200

    def _handle(self, request: Request) -> Response:
        if request.path == "/busy":
            self.busy.wait()
        elif request.path[1:] in self._calls:
            self._calls[request.path[1:]]()
        return Response(request.path)

    def send(self, *targets: bytes) -> list[Peer]:
        self._first.send(REQUEST % b"/busy")
        self.busy.await_arrivals()
        for peer, target in zip(self.peers, targets, strict=True):
            peer.send(REQUEST % target)
            self._await_arrival(peer)
        self.busy.open()
        assert self._first.reply().status == 200
        return self.peers

    def _await_arrival(self, peer: Peer) -> None:
        """Wait until the server can read what a peer has sent."""
        remote = peer.socket.getsockname()
        ours = next(each for each in self.server.lane.table.resting.values() if each.remote == remote)
        assert select.select([ours.socket], [], [], PATIENCE)[0]


def has_answer(peer: Peer) -> bool:
    return bool(select.select([peer.socket], [], [], 0)[0])


def test_answers_of_one_turn_leave_together(
    live_server: LiveServers, nobody_relieves: None, without_end: None
) -> None:
    handled: list[Peer] = []
    early: list[Peer] = []

    def handle(number: int) -> None:
        early.extend(peer for peer in handled if has_answer(peer))
        handled.append(turn.peers[number])

    turn = OneTurn(live_server, 3, **{str(number): partial(handle, number) for number in range(3)})
    peers = turn.send(b"/0", b"/1", b"/2")
    come_true(lambda: len(handled) == 3)
    assert [peer.reply().body for peer in peers] == [b"/0", b"/1", b"/2"]
    assert not early


def test_nobody_waits_for_longer_than_that(
    live_server: LiveServers, nobody_relieves: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lane, "TOGETHER", -1.0)
    handled: list[Peer] = []

    def handle(number: int) -> None:
        come_true(lambda: all(map(has_answer, handled)))
        handled.append(turn.peers[number])

    turn = OneTurn(live_server, 3, **{str(number): partial(handle, number) for number in range(3)})
    peers = turn.send(b"/0", b"/1", b"/2")
    come_true(lambda: len(handled) == 3)
    assert [peer.reply().body for peer in peers] == [b"/0", b"/1", b"/2"]


@pytest.mark.usefixtures("nobody_relieves", "without_end")
def test_who_takes_the_lead_sends_what_waits(live_server: LiveServers, gate: Gate) -> None:
    turn = OneTurn(live_server, 2, slow=gate.wait)
    quick, slow = turn.send(b"/quick", b"/slow")
    gate.await_arrivals()
    assert not has_answer(quick)
    pool = turn.server.lane.pool
    assert pool.relieve_of(pool.serial)
    assert quick.reply().body == b"/quick"
    assert quick.ask("/again").body == b"/again"
    gate.open()
    assert slow.reply().body == b"/slow"


@pytest.mark.usefixtures("nobody_relieves", "without_end")
def test_what_waits_leaves_before_a_handler_that_is_known_to_block(live_server: LiveServers, gate: Gate) -> None:
    turn = OneTurn(live_server, 2, slow=gate.wait)
    pool = turn.server.lane.pool
    for _ in range(3):
        pool._habits.blocked("GET slow")
    pool._update()
    quick, slow = turn.send(b"/quick", b"/slow")
    gate.await_arrivals()
    assert quick.reply().body == b"/quick"
    gate.open()
    assert slow.reply().body == b"/slow"


@pytest.mark.usefixtures("nobody_relieves", "without_end")
def test_an_answer_that_is_made_after_the_lead_was_lost_is_sent(live_server: LiveServers, gate: Gate) -> None:
    turn = OneTurn(live_server, 1, slow=gate.wait)
    (slow,) = turn.send(b"/slow")
    gate.await_arrivals()
    pool = turn.server.lane.pool
    assert pool.relieve_of(pool.serial)
    gate.open()
    assert slow.reply().body == b"/slow"
    assert slow.ask("/again").body == b"/again"


@pytest.mark.usefixtures("nobody_relieves", "without_end")
def test_an_answer_that_was_made_as_the_lead_is_lost_is_sent(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between its last look at the lease and the return of the exchange."""
    answer = Connection.answer

    def lose_the_lead(connection: Connection, octets: bytes, persistent: bool, now: float) -> Next:
        step = answer(connection, octets, persistent, now)
        if b"/lost" in octets:
            assert connection.held
            held, connection.held = connection.held, b""  # the relief has not seen it
            connection.lane.pool.step_aside(connection)
            connection.held = held
        return step

    monkeypatch.setattr(Connection, "answer", lose_the_lead)
    turn = OneTurn(live_server, 2)
    assert [peer.reply().body for peer in turn.send(b"/a", b"/lost")] == [b"/a", b"/lost"]
    assert turn.peers[1].ask("/again").body == b"/again"


def test_a_client_that_does_not_read_gets_every_answer_in_order(live_server: LiveServers) -> None:
    body = b" " * 30_000
    handled: list[str] = []

    def handler(request: Request) -> Response:
        handled.append(request.path)
        return Response(request.path.encode() + body)

    server = live_server(handler)
    peer = server.connect(receive_buffer=4096)

    def is_unsent() -> bool:
        return any(ours.output is not None for ours in server.lane.table.resting.copy().values())

    sent: list[str] = []
    while not is_unsent():
        peer.send(REQUEST % b"/%d" % len(sent))
        sent.append(f"/{len(sent)}")
        come_true(lambda: handled == sent or is_unsent())
    assert [peer.reply().body for _ in sent] == [path.encode() + body for path in sent]


@pytest.mark.usefixtures("nobody_relieves", "without_end")
def test_a_client_that_has_left_costs_nobody_else_the_answer(live_server: LiveServers) -> None:
    turn = OneTurn(live_server, 3, leave=lambda: reset(turn.peers[0]))
    peers = turn.send(b"/a", b"/leave", b"/c")
    assert [peer.reply().body for peer in peers[1:]] == [b"/leave", b"/c"]
    come_true(lambda: turn.server.lane.open_connections == 3)


def reset(peer: Peer) -> None:
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
