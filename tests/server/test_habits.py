"""Which routes block: how it is learnt, tried again and forgotten."""

from __future__ import annotations

import pytest

from ehttpd.server import habits
from ehttpd.server.habits import BLOCKED, HAND_OFF_ABOVE, MOST_BALANCE, PROBE_EVERY, PROBE_SELDOM, Habits


def blocking(route: str) -> Habits:
    """Return habits of which ``route`` is one that hands off."""
    found = Habits()
    while not (route in found and found[route].balance > HAND_OFF_ABOVE):
        found.blocked(route)
    return found


def until_probe(found: Habits, route: str) -> int:
    """Return how many handlers run off the lead before one runs on it."""
    count = 0
    while found.hands_off(route):
        count += 1
    return count


def test_a_route_that_blocked_once_is_remembered_and_stays_on_the_lead() -> None:
    found = Habits()
    found.blocked("GET slow")
    assert "GET slow" in found
    assert not found.hands_off("GET slow")


def test_a_route_that_blocks_again_and_again_is_handed_off_and_no_other() -> None:
    found = blocking("GET slow")
    assert found.hands_off("GET slow")
    assert not found.hands_off("GET quick")


def test_one_handler_in_so_many_runs_on_the_lead_all_the_same() -> None:
    found = blocking("GET slow")
    assert until_probe(found, "GET slow") == PROBE_EVERY - 1
    assert until_probe(found, "GET slow") == PROBE_EVERY - 1


def test_each_of_those_that_blocks_makes_them_rarer_down_to_a_bound() -> None:
    found = blocking("GET slow")
    until_probe(found, "GET slow")
    found.blocked("GET slow")
    until_probe(found, "GET slow")
    assert until_probe(found, "GET slow") > PROBE_EVERY
    for _ in range(20):
        found.blocked("GET slow")
    until_probe(found, "GET slow")
    assert until_probe(found, "GET slow") == PROBE_SELDOM - 1


def test_a_route_that_has_been_quick_for_long_is_forgotten() -> None:
    found = Habits()
    found.blocked("GET once")
    assert [found.quick("GET once") for _ in range(BLOCKED)] == [False] * (BLOCKED - 1) + [True]
    assert not found
    assert not found.quick("GET once")


def test_what_blocked_for_ever_is_forgotten_as_soon_as_what_blocked_for_a_while() -> None:
    found = Habits()
    for _ in range(1000):
        found.blocked("GET slow")
    assert found["GET slow"].balance == MOST_BALANCE


def test_the_oldest_habit_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(habits, "MOST_HABITS", 2)
    found = Habits()
    for route in ("first", "second", "first", "third"):
        found.blocked(route)
    assert list(found) == ["second", "third"]
