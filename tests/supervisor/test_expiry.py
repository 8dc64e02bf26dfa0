"""When a worker asks to be replaced, and how often it looks."""

from __future__ import annotations

import time

import pytest

from ehttpd.messages import NO_CLIENT
from ehttpd.records import Record
from ehttpd.settings import Settings
from ehttpd.supervisor import expiry as module
from ehttpd.supervisor.expiry import Expiry


def test_a_worker_looks_at_the_end_of_its_life_and_after_it_as_seldom_as_before(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = 100.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    expiry = Expiry(Settings(max_lifetime=7))
    assert (expiry.soonest(5.0), expiry.reached()) == (5.0, "")
    now = 105.0
    assert expiry.soonest(5.0) == 2.0
    now = 107.0  # it may take long until the next worker is ready
    assert (expiry.soonest(5.0), expiry.reached()) == (5.0, "max_lifetime")
    assert Expiry(Settings()).soonest(5.0) == 5.0


def test_the_most_memory_is_given_in_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    expiry = Expiry(Settings(max_rss=300))
    monkeypatch.setattr(module, "resident_memory", lambda: 300 << 20)
    assert expiry.reached() == ""
    monkeypatch.setattr(module, "resident_memory", lambda: 301 << 20)
    assert expiry.reached() == "max_rss"


def test_a_worker_that_takes_too_much_at_rest_says_so_and_may_take_as_much_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    taken = 100
    monkeypatch.setattr(module, "resident_memory", lambda: taken << 20)
    expiry = Expiry(Settings(max_rss=30))
    expiry.settle()
    assert "takes 100 MiB before its first request, more than its max_rss of 30 MiB" in caplog.text
    taken = 200
    assert expiry.reached() == ""
    taken = 201
    assert expiry.reached() == "max_rss"


def test_the_most_requests_are_told_of_when_they_have_been_served_and_once() -> None:
    told: list[str] = []
    note = Record(NO_CLIENT, None, None, 0, 0.0).note
    expiry = Expiry(Settings(max_requests=3))
    expiry.tell = lambda: told.append(expiry.reached())
    for served, after in ((2, []), (2, ["max_requests"]), (2, ["max_requests"])):
        expiry.enter([note] * served)
        assert told == after
