"""When a worker asks to be replaced: after so many requests, so long a life, with so much memory.

For applications that leak. The supervisor starts the next one first.
"""

from __future__ import annotations

import os
import random
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count

from ehttpd.logs import log
from ehttpd.records import Ledger
from ehttpd.records.note import Noted
from ehttpd.settings import Settings

MIB = 1 << 20  # octets
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class Expiry(Ledger):
    """The limits of one worker. ``tell`` is called once it has served its most requests: there is something to look
    at. Any thread.
    """

    def __init__(self, settings: Settings) -> None:
        jitter = random.randint(0, settings.max_requests_jitter)
        self._most_requests = settings.max_requests + jitter if settings.max_requests else 0
        self._most_memory = settings.max_rss * MIB
        self._ends_at = time.monotonic() + settings.max_lifetime if settings.max_lifetime else 0.0
        self._requests = count(1)
        self._served = 0
        self.tell: Callable[[], object] = lambda: None

    @property
    def counts(self) -> bool:
        """Whether requests are to be counted."""
        return self._most_requests > 0

    def settle(self) -> None:
        """Take note of what a worker takes that serves nobody yet: the next one would take as much. If that is too much
        already, it may take as much again.
        """
        at_rest = resident_memory() if self._most_memory else 0
        if at_rest > self._most_memory:
            log.warning(
                "This worker takes %d MiB before its first request, more than its max_rss of %d MiB. So it is replaced "
                "when it takes twice as much: give it what it needs besides.", at_rest // MIB, self._most_memory // MIB,
            )  # fmt: skip
            self._most_memory = 2 * at_rest

    def enter(self, notes: Sequence[Noted]) -> None:
        """Count requests."""
        before = self._served
        for _ in notes:
            self._served = next(self._requests)
        if before < self._most_requests <= self._served:
            self.tell()

    def soonest(self, seconds: float) -> float:
        """Return after how long to look again: ``seconds``, or sooner if the end of the life is sooner."""
        left = self._ends_at - time.monotonic()
        return min(seconds, left) if left > 0 else seconds

    def reached(self) -> str:
        """Return which limit has been reached, nothing if none has."""
        if self._most_requests and self._served >= self._most_requests:
            return "max_requests"
        if self._ends_at and time.monotonic() >= self._ends_at:
            return "max_lifetime"
        if self._most_memory and resident_memory() > self._most_memory:
            return "max_rss"
        return ""


def resident_memory() -> int:
    """Return how many octets of memory this process takes."""
    if sys.platform == "linux":
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * PAGE
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
