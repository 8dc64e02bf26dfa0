"""What runs off the lead: which thread serves which connection, until when an answer is wanted, and who is stuck.

The pool's, guarded by the lane's lock.
"""

from __future__ import annotations

import math
import threading
import time

from ehttpd.http11.state import State
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container

    from ehttpd.messages import Request
    from ehttpd.server.connection import Connection
    from ehttpd.server.sender import Sender


# Who serves a connection in one of these has left the pool.
WITHOUT_END = (State.TUNNEL, State.FEED)


class Follower:
    """A thread that waits for the lead. ``lead`` is held until it is given; ``serves`` is what it serves off the
    lead.
    """

    __slots__ = ("late", "lead", "replaced", "serves", "since", "slow", "stuck", "thread")

    def __init__(self) -> None:
        self.lead = threading.Lock()
        self.lead.acquire()
        self.serves: Connection | None = None
        self.since = 0.0  # when it began to, on the monotonic clock
        self.slow = False  # and it was told that this takes long
        self.stuck = False  # its handler has exceeded the deadline
        self.late = False  # its handler has, while its client kept it waiting
        self.replaced = False  # and another thread may run in its place
        self.thread = 0  # its identifier


class Serving:
    """The threads that serve off the lead. ``most_stuck`` of them are replaced when they exceed ``timeout`` seconds; of
    those that take longer than ``slow`` seconds it is told. 0: never.
    """

    def __init__(self, timeout: float, most_stuck: int, slow: float = 0.0) -> None:
        self.stuck = 0  # threads whose handler has exceeded its deadline
        self.late = 0  # others whose handler has, while their clients kept them waiting: that ends
        self.overdue_at = math.inf  # when the next one does; for the leader's loop
        self.slow_at = math.inf  # when the next one is slow
        self._slow = slow
        self._timeout = timeout
        self._most_stuck = most_stuck
        self._expires: dict[Follower, float] = {}

    @property
    def healthy(self) -> bool:
        """Whether stuck threads can still be replaced."""
        return self.stuck < max(1, self._most_stuck)

    @property
    def written_off(self) -> int:
        """How many threads serve somebody who has been answered."""
        return self.stuck + self.late

    @property
    def by_thread(self) -> list[tuple[int, Connection]]:
        """The identifiers of the threads, each with its connection: not of those that were replaced, or that have left
        their place for as long as their clients want.
        """
        serving = [(each.thread, each.serves) for each in self._expires if not each.replaced]
        return [(thread, serves) for thread, serves in serving if serves and serves.state not in WITHOUT_END]

    @property
    def since(self) -> list[tuple[int, Connection, float]]:
        """The identifier of every thread that serves, with its connection and the moment that it began."""
        return [(each.thread, each.serves, each.since) for each in self._expires if each.serves is not None]

    def begin(self, follower: Follower, connection: Connection) -> None:
        """Have a thread serve a connection."""
        follower.serves, follower.since = connection, time.monotonic()
        expires = follower.since + self._timeout if self._timeout else math.inf
        self._expires[follower] = expires
        self.overdue_at = min(self.overdue_at, expires)
        if self._slow:
            follower.slow = False
            self.slow_at = min(self.slow_at, follower.since + self._slow)

    def end(self, follower: Follower) -> bool:
        """Take it that a thread has served its connection; tell whether it still has its place."""
        self._expires.pop(follower, None)
        keeps, follower.serves = not follower.replaced, None
        self.stuck -= follower.stuck
        self.late -= follower.late
        follower.stuck = follower.late = follower.replaced = False
        return keeps

    def slow(self, now: float) -> list[tuple[int, Connection, float]]:
        """Return the identifiers of the threads that have become slow, each with its connection and its seconds."""
        found = []
        self.slow_at = math.inf
        for follower in self._expires:
            if follower.serves is None:
                continue
            if not follower.slow and follower.since + self._slow <= now:
                follower.slow = True
                if follower.serves.state is not State.TUNNEL:
                    found.append((follower.thread, follower.serves, now - follower.since))
            # Look again at one that was told of: nobody wakes the leader for what its thread serves next.
            begins = now if follower.slow else follower.since
            self.slow_at = min(self.slow_at, begins + self._slow)
        return found

    def overdue(self, now: float, waiting: Container[Sender]) -> list[tuple[Follower, Connection, Request]]:
        """Count as stuck the threads whose handlers have exceeded their deadline, unless they have begun to answer; as
        late, those that serve one of the connections that are ``waiting`` for their clients.

        Return each with the connection and the request that the caller has to answer.
        """
        found = []
        for follower, expires in self._expires.items():
            if expires <= now and follower.serves is not None:
                # Look again, always before what the thread may serve next is overdue: nobody wakes the leader for that.
                self._expires[follower] = now + self._timeout
                request = follower.serves.give_up()
                if request is not None:
                    follower.late = follower.serves in waiting
                    follower.stuck = not follower.late
                    follower.replaced = follower.late or self.stuck < self._most_stuck
                    self.late += follower.late
                    self.stuck += follower.stuck
                    found.append((follower, follower.serves, request))
        self.overdue_at = min(self._expires.values(), default=math.inf)
        return found
