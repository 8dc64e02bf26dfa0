"""The threads of a lane: who leads it, who follows, and who relieves a leader that is stuck.

The hand-off pool. Handlers run at the speed of a single-threaded event loop while they are quick, and with the isolation of a
thread pool as soon as one blocks.

One thread *leads*: it drives the lane and runs the handler itself. The others *follow*: they wait for the lead. While the leader
sits in one handler for longer than a tick, the *relief* takes the lead from it and gives it to a follower; the former leader
finishes undisturbed, puts its connection back and follows. If blocking is the rule, a leader gives the lead away before it calls
the handler. If every thread is inside a handler, the lead never runs one; requests wait in a bounded queue, and a thread that
comes free takes the queue first.

A lease is a leader's own list: it holds the connection being served inline. Taking it out is one atomic step, so whoever takes
it, leader or relief, knows that the other did not. Everything else here is guarded by the lane's lock.

Invariants: (1) exactly one leader; (2) a connection leaves the poller before the lead is given up, and returns to it only by its
owner, after the handler; (3) a leader that has lost the lead drops the rest of its batch; (4) whoever may block gives the lead
away first; (5) a lease is revoked at most once.
"""

from __future__ import annotations

import math
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from ehttpd.logs import log
from ehttpd.server.connection import Connection, Next

if TYPE_CHECKING:
    from ehttpd.server.lane import Lane
    from ehttpd.settings import Settings

# How long a handler may keep the lead, in seconds. A relief that looks more often costs more than it saves.
TICK = 0.0005
# The relief goes to sleep when the leader has polled for so many ticks.
RESTS_AFTER_TICKS = 4
# A handler that blocked adds so much to the balance, a quick one takes 1 away: break-even at 1 in 30, as measured.
BLOCKED = 30
HAND_OFF_ABOVE = 60
MOST_BALANCE = 90
# With the balance above that, one in so many handlers runs inline all the same, to see whether they still block. Each that
# does doubles the number, up to the second figure.
PROBE_EVERY = 16
PROBE_SELDOM = 1024


class Follower:
    """A thread that waits for the lead. ``lead`` is held until it is given."""

    __slots__ = ("lead",)

    def __init__(self) -> None:
        self.lead = threading.Lock()
        self.lead.acquire()


class Pool:
    """Threads for one lane. ``maximum`` handlers run at once, on at most one thread more."""

    def __init__(self, lane: Lane, settings: Settings, name: str = "ehttpd") -> None:
        self.lane = lane
        self.maximum = settings.threads.maximum
        self._minimum = settings.threads.minimum
        self._idle_timeout = float(settings.thread_idle_timeout)
        self._queue_limit = settings.queue_limit
        self._queue_timeout = float(settings.queue_timeout)
        self._name = name
        self._lock = lane.lock
        self._followers: list[Follower] = []  # the one that waited least is woken first
        self._queue: deque[tuple[Connection, float]] = deque()
        self._threads: set[threading.Thread] = set()
        self._named = 0
        self._busy = 0  # handlers that run off the lead
        self._stopping = False
        self._ended = threading.Condition(self._lock)
        self._until_probe = self._probe_every = PROBE_EVERY
        self._relief_wanted = threading.Lock()
        self._lease: list[Connection] = []
        # For the leader's loop, which cannot afford calls.
        self.direct = True  # handlers run inline
        self.balance = 0
        self.serial = 0  # how many handlers have been begun inline
        self.polling = False  # the leader waits for events
        self.relief_rests = False
        self.queue_expires = math.inf

    # The server

    def start(self) -> None:
        """Start the first leader and the relief. Returns once they exist, not once they run."""
        self._relief_wanted.acquire()
        with self._lock:
            self._spawn(leads=True)
            for _ in range(self._minimum - 1):
                self._spawn(leads=False)
            self._begin(self._relieve, f"{self._name}-relief")

    def join(self, deadline: float) -> bool:
        """Wait until every thread has ended, or for ``deadline``; tell whether all have."""
        with self._lock:
            while self._threads:
                left = deadline - time.monotonic()
                if left <= 0 or not self._ended.wait(left):
                    return not self._threads
        return True

    @property
    def threads(self) -> int:
        """How many threads there are, the relief included."""
        return len(self._threads)

    @property
    def busy(self) -> int:
        """How many handlers run off the lead."""
        return self._busy

    @property
    def queued(self) -> int:
        """How many requests wait for a thread."""
        return len(self._queue)

    # The leader

    def was_quick(self) -> None:
        """Note that a handler run inline did not block."""
        if self.balance:
            self.balance -= 1
            if not self.direct:
                with self._lock:
                    self._probe_every = PROBE_EVERY
                    self._update()

    def probes(self) -> bool:
        """Tell whether the next handler runs inline although blocking is the rule."""
        self._until_probe -= 1
        if self._until_probe > 0 or self._busy >= self.maximum:
            return False
        self._until_probe = self._probe_every
        return True

    def give_lead(self) -> bool:
        """Give the lead away, unless every thread is inside a handler. The caller goes on as one that is not the leader.

        With the lock held.
        """
        if self._busy >= self.maximum or not self._pass_lead():
            return False
        self._busy += 1
        self._update()
        return True

    def enqueue(self, connection: Connection) -> bool:
        """Have a request wait for a thread; False if the queue is full. With the lock held."""
        if not self._busy or len(self._queue) >= self._queue_limit:
            return False
        expires = time.monotonic() + self._queue_timeout
        self._queue.append((connection, expires))
        self.queue_expires = min(self.queue_expires, expires)
        return True

    def expired(self, now: float) -> list[Connection]:
        """Remove and return the connections whose requests waited for too long."""
        found = []
        with self._lock:
            while self._queue and self._queue[0][1] <= now:
                found.append(self._queue.popleft()[0])
            self.queue_expires = self._queue[0][1] if self._queue else math.inf
        return found

    def wake_relief(self) -> None:
        """Have the relief watch again."""
        if self.relief_rests:
            self.relief_rests = False
            self._relief_wanted.release()

    # The thread that serves a connection

    def step_aside(self, connection: Connection) -> None:
        """Give the lead away, if it is with the caller who serves ``connection``, because the caller is about to block."""
        with self._lock:
            lease = self._lease
            if not lease or lease[-1] is not connection:
                return
            self._revoke(lease)

    # Threads

    def _spawn(self, *, leads: bool) -> bool:
        self._named += 1
        return self._begin(lambda: self._work(leads=leads), f"{self._name}-{self._named}")

    def _begin(self, run: Callable[[], None], name: str) -> bool:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except RuntimeError as error:
            self._threads.discard(thread)
            log.error("Cannot start a thread: %s.", error)
            return False
        return True

    def _work(self, *, leads: bool) -> None:
        """Lead, serve, follow, until the lane has stopped."""
        follower = Follower()
        try:
            while leads or self._follow(follower):
                leads = False
                self._lead()
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._ended.notify_all()

    def _lead(self) -> None:
        """Drive the lane; with the lead lost, finish what is being served and whatever waits in the queue."""
        lease: list[Connection] = []
        with self._lock:
            self._lease = lease
        try:
            served = self.lane.drive(lease)
        except BaseException:
            # No defect may stop the lane: drop the connection at hand and lead again.
            log.critical("The lane failed; this is a defect in ehttpd.", exc_info=True)
            self._recover(lease)
            return
        if served is None:
            self._stop()
            return
        connection: Connection | None
        connection, step = served
        while connection is not None:
            connection, step = self._finish(connection, step)

    def _recover(self, lease: list[Connection]) -> None:
        with self._lock:
            still_leads = self._lease is lease
            if lease:
                self.lane.detach(lease.pop())
            if still_leads:
                self._pass_lead()
            else:
                self._busy -= 1
                self._update()

    def _finish(self, connection: Connection, step: Next) -> tuple[Connection | None, Next]:
        """Serve off the lead; return the connection to serve next, None if there is none."""
        if step is Next.SERVE:
            with self._lock:
                waiting = self._take()
                if waiting is not None:
                    # Others have waited longer than what is pipelined behind this request.
                    self._queue.append((connection, math.inf))
                    connection = waiting
            step = self.lane.service.exchange(connection)
            if step is Next.SERVE:
                return connection, step
        self.lane.settle(connection, step)
        with self._lock:
            waiting = self._take()
            if waiting is None:
                self._busy -= 1
                self._update()
        return waiting, Next.SERVE

    def _take(self) -> Connection | None:
        if not self._queue:
            self.queue_expires = math.inf
            return None
        return self._queue.popleft()[0]

    def _follow(self, follower: Follower) -> bool:
        """Wait for the lead; False when this thread is to end."""
        with self._lock:
            if self._stopping:
                return False
            self._followers.append(follower)
        while not follower.lead.acquire(timeout=self._idle_timeout):
            with self._lock:
                if follower in self._followers and len(self._threads) - 1 > self._minimum:
                    self._followers.remove(follower)
                    return False
        return not self._stopping

    def _pass_lead(self) -> bool:
        """Give the lead to a follower, a new one if need be. With the lock held."""
        self._lease = []
        if self._followers:
            self._followers.pop().lead.release()
            return True
        return self._spawn(leads=True)

    def _update(self) -> None:
        self.direct = self._busy < self.maximum and self.balance <= HAND_OFF_ABOVE

    def _stop(self) -> None:
        with self._lock:
            self._stopping = True
            for follower in self._followers:
                follower.lead.release()
            self._followers.clear()
        self.wake_relief()

    # The relief

    def _relieve(self) -> None:
        """Take the lead from a leader that sits in one handler for longer than a tick."""
        quiet, seen = 0, -1
        try:
            while not self._stopping:
                time.sleep(TICK)
                if self._lease:
                    quiet = 0
                    if self.serial == seen:
                        self._relieve_of(seen)
                    seen = self.serial
                elif self.polling:
                    quiet += 1
                    if quiet >= RESTS_AFTER_TICKS:
                        self._rest()
                        quiet = 0
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._ended.notify_all()

    def _rest(self) -> None:
        self.relief_rests = True
        if self._stopping or not self.polling:
            self.wake_relief()
        self._relief_wanted.acquire()

    def _relieve_of(self, serial: int) -> None:
        with self._lock:
            lease = self._lease
            if self.serial != serial or not lease:
                return
            self.balance = min(MOST_BALANCE, self.balance + BLOCKED)
            if not self.direct:  # this was a probe
                self._probe_every = min(PROBE_SELDOM, self._probe_every * 2)
            self._revoke(lease)

    def _revoke(self, lease: list[Connection]) -> None:
        """Take the lead from whoever holds ``lease``, its connection off the poller first. With the lock held."""
        if not self._followers and not self._can_spawn():
            return
        try:
            connection = lease.pop()
        except IndexError:  # the handler has just returned
            return
        self.lane.detach(connection)
        self._busy += 1
        self._update()
        if not self._pass_lead():
            raise AssertionError("a follower was there")

    def _can_spawn(self) -> bool:
        """Make sure that a follower is there."""
        return self._spawn(leads=False)
