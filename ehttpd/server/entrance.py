"""Where connections come in: the listeners of a lane, and when they are accepted from.

The leader's, but for the count of those who are inside, which is guarded by the lane's lock.
"""

from __future__ import annotations

import errno
import math
import time
from socket import SocketType

from ehttpd.logs import log
from ehttpd.server.poller import READ
from ehttpd.server.seat import PAUSE, TAKEN_AFTER_PAUSE
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ehttpd.server.listener import Address, Listener
    from ehttpd.server.poller import Poller
    from ehttpd.server.seat import Seat

# Out of descriptors or memory: how long to leave the listeners alone.
ACCEPT_PAUSE = 0.1
EXHAUSTED = frozenset((errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM))


class Entrance:
    """Accepts connections, ``most`` at once; 0: as many as come."""

    def __init__(self, poller: Poller, most: int) -> None:
        self.listeners: dict[int, Listener] = {}
        self.again = math.inf  # when it is to be opened, if it is closed for a while
        self.seat: Seat | None = None  # among the processes that accept from the same listeners
        self.inside = 0  # connections that are open
        self.accepted = 0  # connections, ever
        self._poller = poller
        self._most = most
        self._is_open = False
        self._left_until = -math.inf  # others have had their turn

    def add(self, listeners: Iterable[Listener]) -> None:
        """Accept from these too, from now on if the entrance is open."""
        for listener in listeners:
            self.listeners[listener.fileno()] = listener
            if self._is_open:
                self._poller.register(listener.fileno(), READ)

    def remove(self, listener: Listener) -> None:
        """Accept from this one no more."""
        if self.listeners.pop(listener.fileno(), None) is not None and self._is_open:
            self._poller.unregister(listener.fileno())

    def open(self) -> None:
        """Have the poller tell of who connects."""
        self.again = math.inf
        if not self._is_open:
            for descriptor in self.listeners:
                self._poller.register(descriptor, READ)
        self._is_open = True

    def close(self, until: float = math.inf) -> None:
        """Accept nobody; ``until`` then, or until somebody has left."""
        if self._is_open:
            for descriptor in self.listeners:
                self._poller.unregister(descriptor)
        self._is_open = False
        self.again = until

    def enter(self) -> None:
        """Count one who comes in. With the lane's lock held."""
        self.inside += 1
        self.accepted += 1
        if self.seat is not None:
            self.seat.count(self.inside)

    def leave(self) -> None:
        """Count one who has left. With the lane's lock held."""
        self.inside -= 1
        if self.seat is not None:
            self.seat.count(self.inside)

    def departed(self) -> int:
        """Return how many have ever left. Any thread."""
        return self.accepted - self.inside

    def leave_seat(self) -> None:
        """Let the other processes have what comes from now on. With the lane's lock held: others count in that seat."""
        if self.seat is not None:
            self.seat.leave()
            self.seat = None

    @property
    def waits_for_room(self) -> bool:
        """Whether it is closed until somebody leaves."""
        return not self._is_open and self.again == math.inf

    def accept(self, listener: Listener, taken: int, *, exhausted: bool) -> tuple[SocketType, Address] | None:
        """Return a connection and its remote address; None if there is none, or none is to be taken now.

        ``taken``: how many were taken in this turn. ``exhausted``: every thread is inside a handler.
        """
        if self.seat is not None and self._leaves_to_others(self.seat, taken, exhausted):
            return None
        if self._most and self.inside >= self._most:
            self.close()
            if self.inside < self._most:  # who has left meanwhile has found it open, and told nobody
                self.again = 0.0
            return None
        while True:
            try:
                return listener.accept()
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in EXHAUSTED:
                    log.warning("Cannot accept a connection: %s. Trying again in %g s.", error.strerror, ACCEPT_PAUSE)
                    self.close(time.monotonic() + ACCEPT_PAUSE)
                    return None
                if error.errno == errno.EINVAL:
                    log.error("Nobody can connect to %s any more: another process has shut it down.", listener.address)
                    self.remove(listener)
                    listener.close()
                    return None
                # else that client has gone already

    def _leaves_to_others(self, seat: Seat, taken: int, exhausted: bool) -> bool:
        """Tell whether other processes are to take the next connection: they hold far fewer, or every thread of this
        one is inside a handler. They have their time, and then this one takes some.
        """
        if not (exhausted or seat.crowded):
            return False
        now = time.monotonic()
        if taken < TAKEN_AFTER_PAUSE and now < self._left_until + PAUSE:
            return False
        self._left_until = now + PAUSE
        self.close(self._left_until)
        return True
