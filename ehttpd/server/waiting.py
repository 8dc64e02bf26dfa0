"""Requests that wait for a thread: a queue bounded by number and by age.

The pool's, with the lane's lock held.
"""

from __future__ import annotations

import math
import time
from collections import deque

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection


class WaitingLine:
    """First come, first served. ``expires`` is when the first has waited for too long, for the leader to look at."""

    def __init__(self, limit: int, timeout: float) -> None:
        self._limit = limit
        self._timeout = timeout
        self._line: deque[tuple[Connection, float]] = deque()
        self.expires = math.inf

    def __len__(self) -> int:
        return len(self._line)

    @property
    def full(self) -> bool:
        """Whether nobody else may join."""
        return len(self._line) >= self._limit

    def longest_wait(self, now: float) -> float:
        """Return how long the first has waited, in seconds."""
        return max(0.0, now - (self._line[0][1] - self._timeout)) if self._line else 0.0

    def join(self, connection: Connection) -> None:
        """Have a connection wait, with its request. Full or not: that is the caller's to look at."""
        expires = time.monotonic() + self._timeout
        self._line.append((connection, expires))
        self.expires = min(self.expires, expires)

    def first(self) -> Connection:
        """Remove and return who has waited longest."""
        return self._line.popleft()[0]

    def expired(self, now: float) -> list[Connection]:
        """Remove and return those who have waited for too long."""
        found = []
        while self._line and self._line[0][1] <= now:
            found.append(self.first())
        self.expires = self._line[0][1] if self._line else math.inf
        return found

    def leave(self, connection: Connection) -> bool:
        """Remove a connection; tell whether it was there."""
        for place, (each, _) in enumerate(self._line):
            if each is connection:
                del self._line[place]
                return True
        return False

    def abandon(self) -> list[Connection]:
        """Remove and return everybody."""
        left = [connection for connection, _ in self._line]
        self._line.clear()
        return left
