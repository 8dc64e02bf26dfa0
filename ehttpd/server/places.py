"""Who counts as inside a handler, and who waits to go on.

The pool's, guarded by the lane's lock. One rule: the number of places taken grows where the lead is passed on, or by
the leader outside of handlers; nobody else knows whether the leader runs a handler itself.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.sender import Sender
    from ehttpd.server.waiting import WaitingLine


class Places:
    """``maximum`` places for handlers off the lead; ``most_paused`` threads may wait for their clients beside them.
    ``wake`` has the leader look for a place that only it can give.
    """

    def __init__(
        self,
        maximum: int,
        most_paused: int,
        lock: threading.Lock,
        line: WaitingLine,
        changed: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self.maximum = maximum
        self.taken = 0
        self.paused = 0  # threads that wait for their clients
        self.found = False  # a place that no thread will find for who waits; the leader's to give
        self._most_paused = most_paused
        self._lock = lock
        self._line = line
        self._changed = changed
        self._wake = wake
        # By what threads serve: those that have given up their places, those of them that would go on, and those that
        # have no place any more.
        self.away: set[Sender] = set()
        self._resuming: dict[Sender, threading.Lock] = {}
        self._written_off: set[Sender] = set()
        self._closed = False

    # With the lock held

    def take(self) -> None:
        """Count the caller, who passes the lead on, as inside a handler."""
        self.taken += 1
        self._changed()

    def give_up(self) -> None:
        """Count one thread less: its place goes to one that would go on, if there is one."""
        if self._resuming:
            self._let_go_on()
            return
        self.taken -= 1
        self.found = len(self._line) > 0
        self._changed()

    def write_off(self, connection: Sender) -> None:
        """Give up the place of who serves ``connection``, which goes on without, until `forget`."""
        self._written_off.add(connection)
        if connection not in self.away:
            self.give_up()
            return
        self.away.remove(connection)
        resuming = self._resuming.pop(connection, None)
        if resuming is not None:
            resuming.release()

    def forget(self, connection: Sender) -> None:
        """Take it that who was written off has served ``connection``."""
        self._written_off.discard(connection)

    def _let_go_on(self) -> None:
        connection = next(iter(self._resuming))
        self.away.remove(connection)
        self._resuming.pop(connection).release()

    @property
    def claimed(self) -> bool:
        """Whether threads wait to go on: they come before who waits in the line."""
        return len(self._resuming) > 0

    def grant(self) -> int:
        """Have threads go on where places are free; return how many are left. The leader's, outside of handlers."""
        while self._resuming and self.taken < self.maximum:
            self.taken += 1
            self._let_go_on()
        self._changed()
        return self.maximum - self.taken

    def close(self) -> None:
        """Let everybody go on: the pool stops."""
        self._closed = True
        self.taken += len(self._resuming)
        while self._resuming:
            self._let_go_on()

    # A thread off the lead, which serves ``connection``

    def pause(self, connection: Sender) -> bool:
        """Give up the caller's place while it waits for its client. False if too many do; else it has to `resume`."""
        with self._lock:
            if self.paused >= self._most_paused:
                return False
            self.paused += 1
        self.leave(connection)
        return True

    def resume(self, connection: Sender) -> None:
        """Wait until there is a place for the caller, who has paused."""
        with self._lock:
            self.paused -= 1
        self.come_back(connection)

    def leave(self, connection: Sender) -> None:
        """As `pause`, for a caller who may be long, and of whom there are not too many. It has to `come_back`."""
        with self._lock:
            if connection in self._written_off:
                return
            self.away.add(connection)
            self.give_up()
        if self.found:
            self._wake()

    def come_back(self, connection: Sender) -> None:
        """Wait until there is a place for the caller, who has left: of a thread that finishes, or from the leader."""
        place = threading.Lock()
        place.acquire()
        with self._lock:
            if connection in self._written_off:
                return
            if self._closed:
                self.away.remove(connection)
                self.taken += 1
                return
            self._resuming[connection] = place
            self.found = self.taken < self.maximum
        if self.found:
            self._wake()
        try:
            place.acquire()
        except BaseException:  # thrown into this thread by another
            with self._lock:
                if self._resuming.pop(connection, None) is not None:
                    self.away.remove(connection)
                    self.taken += 1
            raise
