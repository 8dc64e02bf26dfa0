"""What a server counts of requests, with their durations. What goes wrong is mishaps.py's.

The operator's. Counting is for threads that serve, and cheap: a duration is put into a list, which is one atomic step
and needs no lock; whoever reads, or every `FOLD_AT` requests the thread that made it so many, sums the lists up. Knows
nothing of how figures are shown.
"""

from __future__ import annotations

import threading
from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, TypedDict, TypeVar

from ehttpd.records.note import USUAL, Ledger, Noted

# The upper ends of what durations are sorted into, in seconds. A tenth of a millisecond is what a quick handler takes.
BOUNDS = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
# So many requests are summed up at once: of few, they are sorted sooner.
FOLD_AT = 128
# A client may invent methods, and each would be a name of its own for ever.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"})
OTHER_METHOD = "other"
NO_STATUS = 0
# Places in a note.
SECONDS: Final = 6
QUEUE_SECONDS: Final = 7

T = TypeVar("T")


class Histogram(TypedDict):
    """Durations: how many were within each of `BOUNDS` and beyond the last, not cumulated; and their sum in seconds."""

    counts: list[int]
    sum: float


class Requests(Ledger):
    """Counts exchanges."""

    def __init__(self) -> None:
        self._fresh: list[tuple[str, int, int]] = []  # method, status, and how many
        self._fresh_seconds: list[float] = []
        self._fresh_queued: list[float] = []  # seconds
        self._fresh_sent: list[int] = []  # octets
        self._fresh_received: list[int] = []
        self._folding = threading.Lock()
        # Under the lock:
        self._by_kind: dict[str, dict[str, int]] = {}
        self._by_status: dict[str, int] = {}
        self._seconds = _Durations()
        self._queued = _Durations()
        self._sent = self._received = 0

    def enter(self, notes: Sequence[Noted]) -> None:
        """Count these exchanges."""
        sent, received = self._append_kinds(notes)
        self._fresh_sent.append(sent)
        if received:
            self._fresh_received.append(received)
        self._fresh_seconds.extend([note[SECONDS] for note in notes])
        self._fresh_queued.extend([note[QUEUE_SECONDS] for note in notes])
        if len(self._fresh_queued) >= FOLD_AT and self._folding.acquire(blocking=False):
            try:
                self._fold()
            finally:
                self._folding.release()

    def _append_kinds(self, notes: Sequence[Noted]) -> tuple[int, int]:
        """Note how many in a row are of a kind: of what is told together, most are. Return how many octets were sent
        and received.
        """
        method, status, row = "", NO_STATUS, 0
        sent = received = 0
        for line, _, _, _, each, octets, _, _, _, _, besides in notes:
            if each is not status or line is None or line.method is not method:
                self._fresh.append((method, status, row))
                method, status, row = line.method if line is not None else OTHER_METHOD, each, 0
            row += 1
            sent += octets
            if besides is not USUAL:
                received += besides.received or 0
        self._fresh.append((method, status, row))
        return sent, received

    def read(self) -> RequestFigures:
        """Return the sums until now. Any thread."""
        with self._folding:
            self._fold()
            return {
                "by_kind": {method: dict(by_class) for method, by_class in self._by_kind.items()},
                "by_status": dict(self._by_status),
                "seconds": self._seconds.read(),
                "queue_seconds": self._queued.read(),
                "octets_in": self._received,
                "octets_out": self._sent,
            }

    def _fold(self) -> None:
        """Sum up what is fresh, while others go on putting more behind it."""
        for method, status, count in _take(self._fresh):
            if count:
                name, code_class = method if method in METHODS else OTHER_METHOD, f"{status // 100}xx"
                by_class = self._by_kind.setdefault(name, {})
                by_class[code_class] = by_class.get(code_class, 0) + count
                self._by_status[str(status)] = self._by_status.get(str(status), 0) + count
        self._seconds.add(_take(self._fresh_seconds))
        self._queued.add(_take(self._fresh_queued))
        self._sent += sum(_take(self._fresh_sent))
        self._received += sum(_take(self._fresh_received))


class RequestFigures(TypedDict):
    """What `Requests` has counted. ``by_kind``: by method and class of the status code (``"2xx"``), how many.

    Octets are those of bodies; what came in chunks is not among them.
    """

    by_kind: dict[str, dict[str, int]]
    by_status: dict[str, int]
    seconds: Histogram
    queue_seconds: Histogram
    octets_in: int
    octets_out: int


class _Durations:
    """Many durations, as a histogram."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum = 0.0

    def add(self, durations: list[float]) -> None:
        """Add these, which are sorted in passing."""
        durations.sort()
        below = 0
        for place, bound in enumerate(BOUNDS):
            if below == len(durations):
                break
            within = bisect_right(durations, bound, below)
            self._counts[place] += within - below
            below = within
        self._counts[-1] += len(durations) - below
        self._sum += sum(durations)

    def read(self) -> Histogram:
        return {"counts": list(self._counts), "sum": self._sum}


def _take(fresh: list[T]) -> list[T]:
    """Take out what there is; what others append meanwhile stays."""
    taken = fresh[:]
    del fresh[: len(taken)]
    return taken
