"""Deadlines and clients that leave, as a handler sees them; without a server."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import pytest

from ehttpd import cancellation
from ehttpd.cancellation import NO_DEADLINE, Deadline, Disconnection
from ehttpd.messages import Request
from tests.server.live import PATIENCE, Clock, in_parallel


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cancellation, "time", clock)
    return clock


def test_a_deadline_tells_what_is_left(clock: Clock) -> None:
    deadline = Deadline(102.5)
    assert (deadline.at, deadline.passed, deadline.remaining()) == (102.5, False, 2.5)
    assert repr(deadline) == "<Deadline in 2.500 s>"
    clock.now = 102.5
    assert (deadline.passed, deadline.remaining()) == (True, 0.0)
    clock.now = 200.0
    assert (deadline.passed, deadline.remaining()) == (True, 0.0), "never less than nothing"


@pytest.mark.parametrize("deadline", [Deadline(), NO_DEADLINE, Request("GET", "/").deadline])
def test_without_a_deadline_it_never_passes(clock: Clock, deadline: Deadline) -> None:
    clock.now = 1e300
    assert (deadline.at, deadline.passed, deadline.remaining()) == (math.inf, False, None)
    assert repr(deadline) == "<Deadline: none>"


class Leaver:
    """A client that leaves when a test says so."""

    def __init__(self) -> None:
        self.left = False
        self._calls: list[Callable[[], object]] = []

    def has_left(self) -> bool:
        return self.left

    def call_when_left(self, call: Callable[[], object]) -> bool:
        if not self.left:
            self._calls.append(call)
        return not self.left

    def leave(self) -> None:
        self.left = True
        for call in self._calls:
            call()


def test_it_is_not_set_before_the_client_leaves() -> None:
    client = Leaver()
    disconnected = Disconnection(client)
    assert not disconnected.is_set()
    assert not disconnected()
    client.leave()
    assert disconnected.is_set()
    assert disconnected()


def test_waiting_ends_when_the_client_leaves() -> None:
    client, began = Leaver(), threading.Event()
    answers: list[bool] = []

    def wait() -> None:
        began.set()
        answers.append(Disconnection(client).wait(PATIENCE))

    with in_parallel(wait):
        assert began.wait(PATIENCE)
        client.leave()
    assert answers == [True]


def test_waiting_ends_when_its_time_is_over() -> None:
    began = time.monotonic()
    assert Disconnection(Leaver()).wait(0.02) is False
    assert time.monotonic() - began >= 0.02


def test_waiting_for_one_who_has_left_takes_no_time() -> None:
    client = Leaver()
    client.leave()
    assert Disconnection(client).wait(0) is True
    assert Disconnection(client).wait() is True


def test_a_departure_that_nobody_told_is_seen_at_the_end_of_the_time() -> None:
    class Silent(Leaver):
        def call_when_left(self, call: Callable[[], object]) -> bool:
            self.left = True
            return True

    assert Disconnection(Silent()).wait(0.001) is True


def test_a_callback_is_called_when_the_client_leaves_or_at_once() -> None:
    client, calls = Leaver(), list[str]()
    disconnected = Disconnection(client)
    disconnected.add_callback(lambda: calls.append("early"))
    assert calls == []
    client.leave()
    assert calls == ["early"]
    disconnected.add_callback(lambda: calls.append("late"))
    assert calls == ["early", "late"]


def test_a_request_without_a_server_has_a_client_that_stays() -> None:
    disconnected = Request("GET", "/").disconnected
    disconnected.add_callback(lambda: pytest.fail("nobody left"))
    assert not disconnected.is_set()
    assert not disconnected.wait(0.001)
