"""The table of a lane's connections."""

from __future__ import annotations

import sys
import threading
from typing import cast

import pytest

from ehttpd.http11.state import State
from ehttpd.server import memory
from ehttpd.server.connection import Connection
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
