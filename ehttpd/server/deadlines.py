"""When the connections of a lane that rest are given up.

Nobody sorts them: most deadlines are put off before they come. The leader looks through all of them when the earliest
that anybody has named is there.
"""

from __future__ import annotations

import math
import time

from ehttpd.http11.state import State
from ehttpd.server.mishaps import TIMEOUT_KINDS
from ehttpd.server.needs import Next
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection
    from ehttpd.server.lane import Lane

# Connections that are given up before others have their turn: thousands may be due at the same moment.
GIVEN_UP_AT_ONCE = 200
# Looking through all deadlines may take one part in this many of the time.
SWEEP_SHARE = 100


class Deadlines:
    """Those of a lane's connections. ``earliest``: none of them comes before. The leader may lower it at any time,
    others with the lane's lock held.
    """

    __slots__ = ("_lane", "earliest")

    def __init__(self, lane: Lane) -> None:
        self._lane = lane
        self.earliest = math.inf

    def add(self, moment: float) -> bool:
        """Take a deadline into account; tell whether it is the earliest. With the lock held."""
        sooner = moment < self.earliest
        if sooner:
            self.earliest = moment
        return sooner

    # The leader

    def watch(self, moment: float) -> None:
        """As `add`, of a connection that rests already."""
        with self._lane.lock:
            self.add(moment)

    def sweep(self, now: float) -> None:
        """Expire what is overdue, and find the next deadline. Of many that are given up at once some have to wait until
        others had their turn.
        """
        began = time.monotonic()
        self.earliest = math.inf  # until then, lowered by those who put a connection back
        earliest, given_up = math.inf, 0
        for connection in self._lane.table.all_resting():
            if connection.deadline <= now:
                step = self.expire(connection, now)
                self._lane.arrange(connection, step)
                if step is not Next.WAIT:
                    given_up += 1
                    if given_up >= GIVEN_UP_AT_ONCE:
                        earliest = now
                        break
            if connection.state is not State.CLOSED and connection.deadline < earliest:
                earliest = connection.deadline
        pause = SWEEP_SHARE * (time.monotonic() - began) if given_up < GIVEN_UP_AT_ONCE else 0.0
        self.watch(max(earliest, now + pause))

    def expire(self, connection: Connection, now: float) -> Next:
        """Give up what has taken too long, and return what its connection needs next."""
        state, step = connection.state, connection.expire(now)
        if step is not Next.WAIT and state in TIMEOUT_KINDS:
            self._lane.mishaps.timed_out(TIMEOUT_KINDS[state])
        return step
