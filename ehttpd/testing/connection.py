"""A connection of the server in production that a test looks at, and whose requests can be made to fail.

The owner's only, like every connection. What goes wrong with responses is delivery.py's.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from functools import partial

from ehttpd.http11.state import State
from ehttpd.messages import Request
from ehttpd.server.arrival import Arrival
from ehttpd.server.connection import Connection, Next
from ehttpd.testing.faults import Ending, Fault
from ehttpd.testing.journal import Exchange
from ehttpd.testing.wire_log import RecordedSocket, WireLog
from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.server.tls.socket import Identity


class Observer(Protocol):
    """Who looks at connections. ``wire_log`` notes their octets, if anybody wants that."""

    wire_log: WireLog | None

    def opened(self, connection: ObservedConnection) -> int:
        """Take notice of a connection; return its index."""

    def closed(self, connection: ObservedConnection) -> None:
        """Take notice that it is no more."""

    def served(self, exchange: Exchange) -> None:
        """Take notice that an exchange has come to its end, as far as the application goes."""

    def break_at(self, stage: str, request: Request | None = None) -> Fault | None:
        """Return what goes wrong at a stage before the response, if anything does."""


class ObservedConnection(Connection):
    """Counts its exchanges, and breaks where it is told to."""

    __slots__ = ("_broken", "_heard", "_reads", "armed", "exchanges", "index", "noted", "observer", "pause", "stalled")

    def __init__(self, observer: Observer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.observer = observer
        self.exchanges = 0  # begun
        self.noted: Exchange | None = None  # the one that is being served
        self.stalled = False  # nothing that arrives is looked at any more
        self.armed: Fault | None = None  # what goes wrong with the next request
        self.pause = 0.0  # seconds that the next response waits, because something before it did
        self._reads = False  # a request has begun
        self._heard = 0  # octets of the head or body that is to be broken
        self.index = observer.opened(self)
        self._broken = observer.break_at("accept")
        if self._broken is not None and self._interrupted() is Next.CLOSE:
            self.socket.close()  # the lane finds out when it reads

    def secure(self, identity: Identity, now: float) -> Next:
        if self.stalled or self.state is State.LINGER:
            return Next.WAIT
        self._broken = self.observer.break_at("tls")
        return self._interrupted() or super().secure(identity, now)

    def place(self) -> tuple[int, int]:
        """Return the index of the connection and of the exchange that begins now."""
        self.exchanges += 1
        self._reads = False
        return self.index, self.exchanges - 1

    def note_head(self, head: bytes) -> None:
        """Note the status of a response that is about to be sent."""
        if self.noted is not None:
            self.noted.answered(int(head[9:12]))

    def answer(self, octets: bytes, persistent: bool, now: float) -> Next:
        self.note_head(octets)
        return super().answer(octets, persistent, now)

    def cut_off(self, data: bytes) -> None:
        self.note_head(data)
        super().cut_off(data)

    def call_when_left(self, call: Callable[[], object]) -> bool:
        return super().call_when_left(partial(called, call, self.noted))

    def stall(self) -> None:
        """Look at nothing more. The connection rests until the client leaves or the server stops."""
        self.stalled = True
        if self.underway is not None:
            self.underway.discard()
            self.underway = None
        self.state = State.IDLE
        self.deadline = math.inf

    def receive(self, data: bytes, now: float) -> Next:
        wire = self.observer.wire_log
        if wire is not None and not isinstance(self.socket, RecordedSocket):
            with wire.lock:
                wire.note(self.index, ">", data)
            self.socket = RecordedSocket(self.socket, self.index, wire)
        if self.stalled:
            return Next.WAIT
        if data and self.state in (State.HANDSHAKE, State.IDLE, State.HEAD):
            if not self._reads:
                self._begin_request()
            self._heard += len(data)
            if self._broken is not None and self._heard >= self._broken.after:
                interrupted = self._interrupted()
                if interrupted is not None:
                    return interrupted
        step = super().receive(data, now)
        return self._interrupted() or step if step is Next.SERVE else step

    def _begin_request(self) -> None:
        self._reads, self._heard = True, 0
        self._broken, self.armed = self.armed, None
        if self._broken is None and self.exchanges:
            self._broken = self.observer.break_at("between-requests")
        if self._broken is None:
            self._broken = self.observer.break_at("request-head")

    def _begin_body(self, now: float) -> Next:
        step = super()._begin_body(now)
        arrival = self.underway if type(self.underway) is Arrival else None
        request = self.request
        self._broken = self.observer.break_at("request-body", request) if request is not None else None
        return self._within_body(arrival, step)

    def move(self, now: float) -> Next:
        arrival = self.underway
        step = super().move(now)
        return self._within_body(arrival, step) if type(arrival) is Arrival else step

    def _within_body(self, arrival: Arrival | None, step: Next) -> Next:
        received = arrival.received if arrival is not None else 0
        if self._broken is not None and (step is Next.SERVE or received >= self._broken.after):
            return self._interrupted() or step
        return step

    def _interrupted(self) -> Next | None:
        """Do what goes wrong, if anything is to; return what the connection needs next if it does not go on."""
        broken, self._broken = self._broken, None
        if broken is None:
            return None
        octets, ending, pause = broken.interruption()
        self.pause += pause
        if octets:
            return self._say_last(octets)
        if ending is None:
            return None
        if ending is Ending.STALL:
            self.request = None
            self.stall()
            return Next.WAIT
        if ending is Ending.RESET:
            self.abort()
        return Next.CLOSE

    def _say_last(self, octets: bytes) -> Next:
        """Send octets, and nothing after them."""
        try:
            self.socket.send(octets)
        except OSError:  # there is no room, or no client any more
            return Next.CLOSE
        self.request = None
        return self.retire(time.monotonic())

    def receive_end(self) -> Next:
        return Next.CLOSE if self.stalled else super().receive_end()

    def expire(self, now: float) -> Next:
        if self.stalled:
            self.deadline = math.inf
            return Next.WAIT
        return super().expire(now)

    def close(self) -> None:
        super().close()
        self.observer.closed(self)

    def __str__(self) -> str:
        asked = f", {self.request}" if self.request is not None else ""
        return f"connection {self.index} of {self.remote[0]}:{self.remote[1]}: {self.state.value}{asked}"


def called(call: Callable[[], object], exchange: Exchange | None) -> None:
    """Make a call that an application has asked for; note what it raises."""
    try:
        call()
    except Exception as error:
        if exchange is not None:
            exchange.failed(error)
        raise
