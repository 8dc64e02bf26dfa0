"""How a lane comes to its end: it accepts no more, answers what it has accepted, and closes who is
idle; when it is late, everybody.
"""

from __future__ import annotations

import time

from ehttpd.http11.state import State
from ehttpd.server.feed import Feed
from ehttpd.server.needs import Next
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection
    from ehttpd.server.lane import Lane

# Who is in one of these has been answered.
BETWEEN_REQUESTS = (State.IDLE, State.UNREAD)


class Draining:
    """The end of a lane, from now on; at ``deadline`` whatever rests is closed. See `Server.stop` for the others."""

    def __init__(self, lane: Lane, deadline: float, patience: float, *, shared: bool) -> None:
        self._lane = lane
        self.deadline = deadline
        self._began = time.monotonic()
        self._patience = patience
        self._shared = shared
        self.given_up = False  # something was not answered

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do."""
        entrance = self._lane.entrance
        return (not entrance.inside or self.given_up) and not entrance.listeners

    def is_farewell(self, connection: Connection) -> bool:
        """Tell whether a connection that comes back has had its last answer. Any thread."""
        return not self._patience and connection.state in BETWEEN_REQUESTS

    def move(self, now: float, lease: list[Connection]) -> tuple[Connection, Next] | None:
        """Go on with it. The leader's; tells if the lead is lost."""
        if self._lane.entrance.listeners:
            return self._close_entrance(lease)
        for connection in self._lane.table.all_resting():
            if type(connection.underway) is Feed and now < self.deadline:
                self._lane.arrange(connection, connection.underway.stop(now))
            else:
                self._see_off(connection, now)
        self._lane.table.tell_departures(of_all=now >= self.deadline)
        if now >= self.deadline and self._lane.entrance.inside:
            self.given_up = True
            self._lane.tunnels.cut_off()
        return None

    def _close_entrance(self, lease: list[Connection]) -> tuple[Connection, Next] | None:
        """Take what waits in the backlog, then close the listeners."""
        lane, entrance = self._lane, self._lane.entrance
        listeners = list(entrance.listeners.values())
        entrance.close()
        with lane.lock:
            entrance.leave_seat()
        for listener in () if self._shared else listeners:
            if self._patience:
                listener.seal()
            lost = lane.accept(listener, lease, lane.settings.backlog)
            if lost is not None:
                return lost
        entrance.listeners.clear()
        for listener in listeners:
            listener.close()
        lane.wake()  # one more turn, for requests that have arrived but were not read
        return None

    def _see_off(self, connection: Connection, now: float) -> None:
        """Close a connection, if it is time for that."""
        idle = connection.state in BETWEEN_REQUESTS
        until = min(connection.silent_since, self._began) + self._patience if idle else self.deadline
        if now < min(until, self.deadline):
            self._lane.deadlines.watch(until)
            return
        self.given_up |= connection.state not in (*BETWEEN_REQUESTS, State.LINGER)
        self._lane.arrange(connection, Next.CLOSE)
