"""The table of a lane's connections."""

from __future__ import annotations

import select
import socket
import sys
import threading
from typing import cast

import pytest

from ehttpd.http11.state import State
from ehttpd.server import memory
from ehttpd.server.connection import Connection
from ehttpd.server.poller import DEPARTURE
from ehttpd.server.table import ROOM_KEPT, Table
from tests.server.conftest import LiveServers
from tests.server.live import come_true, hello


class Resting:
    state = State.IDLE


def test_the_room_of_a_crowd_that_has_left_is_given_back() -> None:
    table = Table(None, threading.Lock())  # type: ignore[arg-type]  # nobody polls
    resting = table.resting
    resting.update((number, cast(Connection, Resting())) for number in range(5000))
    table.shrink()
    assert sys.getsizeof(resting) > 2 * ROOM_KEPT, "they are all there"
    last = list(resting.items())[-3:]
    for number in range(4997):
        del resting[number]
    assert sys.getsizeof(resting) > 2 * ROOM_KEPT, "a dictionary keeps it"
    table.shrink()
    assert table.resting is resting, "the leader's loop has it at hand"
    assert list(resting.items()) == last
    assert sys.getsizeof(resting) < ROOM_KEPT


class Left:
    """A connection whose client has left, and whose thread closes it as soon as the lock lets it."""

    descriptor, interest = 7, DEPARTURE

    def __init__(self, lock: threading.Lock) -> None:
        self.lock = lock
        self.socket = self

    def fileno(self) -> int:
        return self.descriptor if self.lock.locked() else -1

    def has_left(self) -> bool:
        return True

    def client_left(self) -> None:
        pass


class Forgetful:
    def unregister(self, descriptor: int) -> None:
        pass


def test_whether_a_connection_was_reset_is_looked_at_while_nobody_can_close_it() -> None:
    lock = threading.Lock()
    table = Table(Forgetful(), lock)  # type: ignore[arg-type]  # it polls nothing
    mine, theirs = socket.socketpair()
    with mine, theirs:
        for reset in (False, True):
            left = cast(Connection, Left(lock))
            left.descriptor = mine.fileno()
            table.served[left.descriptor] = left
            if reset:
                theirs.close()
            assert (table.note_departure(left.descriptor) is left) is (reset and hasattr(select, "poll"))


def test_that_is_done_when_the_server_rests(live_server: LiveServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WHEN_RESTED_FOR", 0.01)
    server = live_server(hello)
    resting = server.lane.table.resting
    peer = server.connect()
    assert peer.ask().status == 200
    with server.lane.lock:
        for number in range(100_000, 105_000):
            resting[number] = cast(Connection, None)
        for number in range(100_000, 105_000):
            del resting[number]
    assert peer.ask().status == 200
    come_true(lambda: sys.getsizeof(resting) < ROOM_KEPT)
    assert peer.ask().status == 200
