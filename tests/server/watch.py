"""Looks over the shoulder of a lane and its pool, and writes down every breach of the five invariants.

Knows what server/pool.py promises; wraps its methods and judges each call. Nothing is changed in what they do.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

from ehttpd.server.connection import Connection, Next
from ehttpd.server.exchange import HTTPService
from ehttpd.server.poller import DEPARTURE, Events, Poller
from ehttpd.server.pool import Pool
from ehttpd.server.table import Table

# A connection that the poller tells nothing of, but that its client leaves.
OFF = (0, DEPARTURE)


class Watch:
    """What was seen. ``breaches`` stays empty if the invariants hold."""

    def __init__(self) -> None:
        self.breaches: list[str] = []
        self.hand_overs = 0
        self._judging = threading.Lock()
        self._polling: int | None = None  # the thread inside of the poller
        self._last_led: int | None = None  # the thread that was there last
        self._served: dict[Connection, int] = {}  # connection -> the thread that serves it
        self._leases: list[object] = []  # given up; kept, so that no other list has the same identity

    def install(self, monkeypatch: pytest.MonkeyPatch, make_poller: Callable[[], Poller]) -> None:
        monkeypatch.setattr("ehttpd.server.lane.new_poller", lambda: WatchedPoller(make_poller(), self))
        self._wrap(monkeypatch, HTTPService, "exchange", self._exchange)
        self._wrap(monkeypatch, Connection, "receive", self._receive)
        self._wrap(monkeypatch, Table, "rest", self._rest)
        self._wrap(monkeypatch, Pool, "_pass_lead", self._pass_lead)

    @staticmethod
    def _wrap(monkeypatch: pytest.MonkeyPatch, owner: type, name: str, judge: Callable[..., Any]) -> None:
        original = getattr(owner, name)
        monkeypatch.setattr(owner, name, lambda *arguments, **options: judge(original, *arguments, **options))

    def require(self, holds: bool, breach: str) -> None:
        if not holds:
            self.breaches.append(f"{threading.current_thread().name}: {breach}")

    def begin_polling(self) -> None:
        me = threading.get_ident()
        with self._judging:
            self.require(self._polling is None, "1: two threads poll")
            self._polling = self._last_led = me

    def end_polling(self) -> None:
        with self._judging:
            self._polling = None

    def _exchange(self, exchange: Callable[..., Next], service: HTTPService, connection: Connection) -> Next:
        me = threading.get_ident()
        with self._judging:
            self.require(connection not in self._served, "2: two threads serve one connection")
            self.require(
                connection.interest in OFF or self._last_led == me, "2: served off the lead, still in the poller"
            )
            self._served[connection] = me
        try:
            return exchange(service, connection)
        finally:
            with self._judging:
                self._served.pop(connection, None)

    def _receive(self, receive: Callable[..., Next], connection: Connection, *arguments: Any) -> Next:
        with self._judging:
            me, owner = threading.get_ident(), self._served.get(connection)
            self.require(me in (self._last_led, owner), "3: received by a thread that has lost the lead")
            self.require(owner in (None, me), "2: received while another serves it")
        return receive(connection, *arguments)

    def _rest(self, rest: Callable[..., None], table: Table, connection: Connection, interest: int) -> None:
        with self._judging:
            self.require(connection not in self._served, "2: back in the poller before its handler has ended")
        rest(table, connection, interest)

    def _pass_lead(self, pass_lead: Callable[..., bool], pool: Pool, *connection: Connection) -> bool:
        lease = pool.lease
        with self._judging:
            served = [each for each in self._served if each.interest not in OFF]
            self.require(not served, "2: the lead is passed on while a served connection is in the poller")
            self.require(not any(lease is each for each in self._leases), "5: a lease was revoked twice")
            self._leases.append(lease)
            self.hand_overs += len(connection)
        return pass_lead(pool, *connection)


class WatchedPoller:
    """A poller that tells who waits in it."""

    def __init__(self, poller: Poller, watch: Watch) -> None:
        self.watched = poller
        self._watch = watch
        self.register = poller.register
        self.modify = poller.modify
        self.unregister = poller.unregister
        self.close = poller.close

    def wait(self, seconds: float | None) -> Events:
        self._watch.begin_polling()
        try:
            return self.watched.wait(seconds)
        finally:
            self._watch.end_polling()
