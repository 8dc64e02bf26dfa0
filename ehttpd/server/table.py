"""The connections of a lane: which rest, watched by the poller, and which a thread serves that does not lead.

The lane's lock guards the table against the relief, which takes one that rests out of it, and against threads that put
theirs back. The leader alone looks at it without.
"""

from __future__ import annotations

import sys

from ehttpd.http11.state import State
from ehttpd.server.poller import DEPARTURE, READ, WRITE, is_broken
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import threading

    from ehttpd.server.connection import Connection
    from ehttpd.server.poller import Poller

# Octets. A dictionary keeps the room that it has once had; one entry takes 30 to 60.
ROOM_KEPT, ROOM_FOR_ONE = 1 << 16, 240


class Table:
    """By descriptor: ``resting``, and ``served``, which are watched for their clients' departure alone."""

    def __init__(self, poller: Poller, lock: threading.Lock) -> None:
        self.resting: dict[int, Connection] = {}
        self.served: dict[int, Connection] = {}
        self._poller = poller
        self._lock = lock
        self.closed = False

    # With the lock held

    def rest(self, connection: Connection, interest: int) -> None:
        """Have a connection rest until the poller tells of what it waits for."""
        if connection.interest not in (READ, WRITE):
            self.served.pop(connection.descriptor, None)
            self.resting[connection.descriptor] = connection
        self._watch(connection, interest)

    def detach(self, connection: Connection) -> None:
        """Have the poller tell nothing more of a connection than that its client leaves, before the lead is given
        up.
        """
        self.resting.pop(connection.descriptor, None)
        self.served[connection.descriptor] = connection
        self._watch(connection, DEPARTURE)

    def forget(self, connection: Connection) -> None:
        """Forget a connection that is to be closed."""
        self.resting.pop(connection.descriptor, None)
        self.served.pop(connection.descriptor, None)
        if connection.interest and not self.closed:
            self._poller.unregister(connection.descriptor)
        connection.interest = 0

    def close(self) -> list[Connection]:
        """Forget all that rest, and return them. The poller is to be closed next."""
        self.closed = True
        left = list(self.resting.values())
        self.resting.clear()
        return left

    def _watch(self, connection: Connection, interest: int) -> None:
        if connection.interest == 0:
            self._poller.register(connection.descriptor, interest)
        elif connection.interest != interest:
            self._poller.modify(connection.descriptor, interest)
        connection.interest = interest

    # Any thread

    def all_resting(self) -> list[Connection]:
        """Return those that rest now."""
        with self._lock:
            return list(self.resting.values())

    def states(self) -> list[State]:
        """Return the state of each connection: `State.HANDLER` where a thread serves a request or one waits for it."""
        with self._lock:
            resting, served = list(self.resting.values()), list(self.served.values())
        states = [each.state for each in resting]
        return states + [each.state if each.state is State.TUNNEL else State.HANDLER for each in served]

    def shrink(self) -> None:
        """Give back the room of a crowd that has left. The leader may miss a connection meanwhile; the poller tells of
        it again.
        """
        with self._lock:
            for connections in (self.resting, self.served):
                if sys.getsizeof(connections) > max(ROOM_KEPT, len(connections) * ROOM_FOR_ONE):
                    left = dict(connections)
                    connections.clear()
                    connections.update(left)

    def unwatch(self, connection: Connection) -> None:
        """Have the poller tell nothing at all of a connection that is served off the lead."""
        with self._lock:
            if connection.interest == DEPARTURE:
                self._poller.unregister(connection.descriptor)
                connection.interest = 0

    # The leader

    def note_departure(self, descriptor: int) -> Connection | None:
        """Tell a handler that its client has left, if that is so, and return the connection if it was reset. Either way
        the handler is told nothing more. With the lock, without which the thread that serves it may close it.
        """
        with self._lock:
            connection = self.served.get(descriptor)
            if connection is not None and connection.interest == DEPARTURE:
                self._poller.unregister(descriptor)
                connection.interest = 0
                if connection.has_left():
                    connection.client_left()
                    return connection if is_broken(connection.socket) else None
        return None

    def tell_departures(self, *, of_all: bool) -> None:
        """Tell the producers of event streams that their clients have left, since the server does; ``of_all``: all who
        are still at work.
        """
        with self._lock:
            for connection in self.served.values():
                if of_all or connection.apart:
                    connection.client_left()
