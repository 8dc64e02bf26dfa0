"""How many octets of its clients the server holds in memory, and how many it may hold.

Heads and bodies that are received, and responses that are not sent yet. Any thread.
"""

from __future__ import annotations

import threading

from ehttpd.errors import ServiceUnavailable


class Budget:
    """Counts octets. ``limit`` 0: without bound."""

    def __init__(self, limit: int = 0) -> None:
        self.limit = limit
        self.held = 0
        self._lock = threading.Lock()

    def take(self, count: int) -> None:
        """Count octets that a client has sent. Raises ServiceUnavailable, and counts none, if that were too many."""
        with self._lock:
            if 0 < self.limit < self.held + count:
                raise ServiceUnavailable("The server holds as much of its clients' data as it may.")
            self.held += count

    def add(self, count: int) -> None:
        """Count octets of a response: they are here already, and leave only by being sent."""
        with self._lock:
            self.held += count

    def give_back(self, count: int) -> None:
        """Count octets no more."""
        with self._lock:
            self.held -= count

    @property
    def exceeded(self) -> bool:
        """Whether more is held than may be."""
        return 0 < self.limit < self.held
