"""A pool that has no thread left: the operator learns what the threads do, and not too often. The leader's."""

from __future__ import annotations

import math

from ehttpd.logs import log
from ehttpd.server.stacks import summary
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.pool import Pool

SECONDS_BETWEEN = 10.0


class Exhaustion:
    """Says that every thread is occupied, and with what."""

    def __init__(self) -> None:
        self._last = -math.inf

    def report(self, pool: Pool, now: float) -> None:
        """Log it, unless that was done a short while ago."""
        if now - self._last < SECONDS_BETWEEN:
            return
        self._last = now
        serving = [(thread, connection.route.replace(" ", " /", 1)) for thread, connection in pool.inside]
        log.warning(
            "All %d threads are inside handlers, and %d requests wait. The threads are at:\n%s",
            pool.maximum, pool.queued, summary(serving),
        )  # fmt: skip
