"""Takes the lead from a leader that sits in one handler for longer than a tick.

One thread of the pool's. It only looks, until the leader has to be relieved; then it acts with the lane's lock held.
"""

from __future__ import annotations

import threading

from ehttpd.server import memory
from ehttpd.server.crowd import Crowd
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.pool import Pool

# How often the relief looks, in seconds: a handler keeps the lead for one to two ticks. Where nothing has blocked of
# late the tick is long, for each look costs the leader an exchange of the GIL: 15 % of the time with the short tick,
# 2 % with the long one.
LONG_TICK = 0.004
SHORT_TICK = 0.0005
# How many short ticks follow a handler that blocked, or one that is expected to.
SHORT_TICKS = 40
# A handler whose stream makes progress keeps the lead for so many ticks.
MOST_TICKS = 4
# The relief goes to sleep when the leader has polled for so many ticks.
RESTS_AFTER_TICKS = 3


class Relief:
    """Watches a pool's leader while it has something to do."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._wanted = threading.Lock()
        self._wanted.acquire()
        self._short_ticks = 0
        self._memory = memory.Memory(pool.lane.blocks, Crowd(pool.lane.entrance))
        self.rests = False  # for the leader's loop, which cannot afford calls

    def wake(self) -> None:
        """Have the relief watch again. Any thread."""
        self.rests = False
        try:
            self._wanted.release()
        except RuntimeError:  # it has been called already
            pass
        if self._memory.leader_is_asked:
            self._memory.hand_in()

    def look_closely(self) -> None:
        """Watch with short ticks for a while: something has blocked, or is expected to."""
        self._short_ticks = SHORT_TICKS

    def watch(self) -> None:
        """Watch until the pool stops. The relief's own thread."""
        pool = self._pool
        quiet = ticks = 0
        seen = progress = -1
        while not pool.stopping:
            self._wanted.acquire(timeout=self._tick())
            self._memory.look()
            if pool.lease:
                quiet = 0
                ticks = ticks + 1 if pool.serial == seen else 0
                if ticks and (pool.progress == progress or ticks >= MOST_TICKS) and pool.relieve_of(seen):
                    self.look_closely()
                seen, progress = pool.serial, pool.progress
            elif pool.polling:
                quiet += 1
                if quiet >= RESTS_AFTER_TICKS:
                    self._rest()
                    quiet = 0

    def _tick(self) -> float:
        if not self._short_ticks:
            return LONG_TICK
        self._short_ticks -= 1
        return SHORT_TICK

    def _rest(self) -> None:
        """Sleep until the leader has something to do."""
        self.rests = True
        if self._pool.stopping or not self._pool.polling:
            self.wake()
        if not self._wanted.acquire(timeout=memory.WHEN_RESTED_FOR):
            self._pool.lane.table.shrink()
            if self._memory.tidy_rested():
                self._pool.lane.wake()
            self._wanted.acquire()
