"""The threads of a lane: who leads it, who follows, and who relieves a leader that is stuck.

The hand-off pool. Handlers run at the speed of a single-threaded event loop while they are quick, and with the
isolation of a thread pool as soon as one blocks.

One thread *leads*: it drives the lane and runs the handler itself. The others *follow*: they wait for the lead. While
the leader sits in one handler for longer than a tick, the *relief* takes the lead from it and gives it to a follower;
the former leader finishes undisturbed, puts its connection back and follows. Where blocking is the habit, a leader
gives the lead away before it calls the handler. If every thread is inside a handler, the lead never runs one;
requests wait in a bounded line, and a thread that comes free takes the line first.

Three kinds of threads are not counted among those inside a handler. One that waits for its client to take more of a
response *pauses*: another may run in its place, and it waits for a place before it goes on. One whose handler has
exceeded its deadline is *written off*, and replaced; when the handler returns after all, the thread follows again.
One that talks over a connection that left HTTP *leaves*, for as long as it wants, and comes back to end it.

Habits are kept by route, the method and the first segment of the path, so that one slow page makes no other page
slower. A route is remembered from the first time that it blocks until it has been quick for long.

A lease is a leader's own list: it holds the connection being served inline. Taking it out is one atomic step, so
whoever takes it, leader or relief, knows that the other did not. Everything else here is guarded by the lane's lock.

Invariants: (1) exactly one leader; (2) a connection leaves the poller before the lead is given up, and returns to it
only by its owner, after the handler; (3) a leader that has lost the lead drops the rest of its batch; (4) whoever may
block gives the lead away first; (5) a lease is revoked at most once.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ehttpd.errors import OperatorError
from ehttpd.logs import log
from ehttpd.server.connection import Connection, Next
from ehttpd.server.exhaustion import SECONDS_BETWEEN
from ehttpd.server.habits import Habits
from ehttpd.server.places import Places
from ehttpd.server.relief import Relief
from ehttpd.server.serving import Follower, Serving
from ehttpd.server.waiting import WaitingLine
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.messages import Request
    from ehttpd.server.lane import Lane
    from ehttpd.server.sender import Sender
    from ehttpd.settings import Settings

DEFECT = "The lane failed; this is a defect in ehttpd."
PAUSE = 0.1  # Seconds, after one of the relief's.
CURE = "Allow it more of them (ulimit -u, TasksMax of systemd, pids of a container), or more memory."


class Pool:
    """Threads for one lane. ``maximum`` handlers run at once, on at most one thread more."""

    def __init__(self, lane: Lane, settings: Settings, name: str = "ehttpd") -> None:
        self.lane = lane
        self.maximum = settings.threads.maximum
        self._minimum = settings.threads.minimum
        self._idle_timeout = float(settings.thread_idle_timeout)
        self._name = name
        self._lock = lane.lock
        self._followers: list[Follower] = []  # the one that waited least is woken first
        self._leader: Follower | None = None
        self.line = WaitingLine(settings.queue_limit, float(settings.queue_timeout))
        self.serving = Serving(settings.request_timeout, settings.max_stuck_threads, settings.log_slow)
        self._threads: set[threading.Thread] = set()
        self._named = 0
        self._complains_at = -math.inf  # that a thread cannot be started, at the soonest
        self.places = Places(self.maximum, settings.max_waiting_threads, self._lock, self.line, self._update, lane.wake)
        self.stopping = False
        self._ended = threading.Condition(self._lock)
        self._habits = Habits()
        self.relief = Relief(self)
        self.lease: list[Connection] = []
        self.progress = 0  # how many pieces of streams were produced on the lead
        # For the leader's loop, which cannot afford calls.
        self.direct = True  # every handler runs inline
        self.serial = 0  # how many handlers have been begun inline
        self.polling = False  # the leader waits for events

    # The server

    def start(self) -> None:
        """Start the first leader and the relief. Returns once they exist, not once they run.

        Raises:
            OperatorError: the system lets this process start no threads.
        """
        with self._lock:
            for _ in range(self._minimum):
                self._enlist()
            begun = self._begin(self._watch, f"{self._name}-relief") and self._pass_lead()
        if not begun:
            self._stop()
            raise OperatorError("this process cannot start the threads that it needs.", CURE)

    def join(self, deadline: float) -> bool:
        """Wait until every thread has ended but those that are stuck or late, or for ``deadline``; tell whether they
        have.
        """
        with self._lock:
            while len(self._threads) > self.serving.written_off:
                left = deadline - time.monotonic()
                if left <= 0 or not self._ended.wait(left):
                    return len(self._threads) <= self.serving.written_off
        return True

    @property
    def threads(self) -> int:
        """How many threads there are, the relief included."""
        return len(self._threads)

    @property
    def has_this_thread(self) -> bool:
        """Whether the thread that asks is one of them."""
        return threading.current_thread() in self._threads

    @property
    def busy(self) -> int:
        """How many handlers run off the lead."""
        return self.places.taken

    @property
    def queued(self) -> int:
        """How many requests wait for a thread."""
        return len(self.line)

    @property
    def exhausted(self) -> bool:
        """Whether every thread is inside a handler."""
        return self.places.taken >= self.maximum

    @property
    def inside(self) -> list[tuple[int, Connection]]:
        """The identifiers of the threads that are inside handlers off the lead, each with its connection."""
        with self._lock:
            return self.serving.by_thread

    @property
    def alive(self) -> int:
        """How many threads there are that can run handlers."""
        return max(0, len(self._threads) - 1)

    def occupied(self) -> list[tuple[int, Connection, float]]:
        """Return the identifier of every thread inside a handler, with its connection and the moment that it began;
        for one that leads, the moment that it last looked at its poller.
        """
        with self._lock:
            leads = [(self._leader.thread, each, self.lane.now) for each in self.lease[-1:] if self._leader]
            return leads + self.serving.since

    def roles(self) -> dict[int, str]:
        """Return what the threads do that serve nothing off the lead, by their identifiers."""
        with self._lock:
            leads = {self._leader.thread: "leads"} if self._leader else {}
            return {each.thread: "follows" for each in self._followers} | leads

    # The leader

    def is_quick(self, connection: Connection) -> bool:
        """Tell whether a request can be served on the lead without a second thought."""
        return self.places.taken < self.maximum and connection.route not in self._habits

    def runs_inline(self, route: str) -> bool:
        """Tell whether a request for ``route`` is to be served on the lead."""
        if self.exhausted:
            return False
        if route not in self._habits:
            return True
        if self._habits.hands_off(route):
            return False
        self.relief.look_closely()
        self.relief.wake()
        return True

    def was_quick(self, route: str) -> None:
        """Note that a handler run inline did not block."""
        with self._lock:
            if self._habits.quick(route):
                self._update()

    def give_lead(self, connection: Connection) -> bool:
        """Give the lead away, unless every thread is inside a handler. The caller serves ``connection`` off the lead.

        With the lock held.
        """
        return not self.exhausted and self._pass_lead(connection)

    def enqueue(self, connection: Connection) -> bool:
        """Have a request wait for a thread; False if too many do. With the lock held."""
        if not self.busy or self.line.full:
            return False
        self.line.join(connection)
        return True

    def take_waiting(self) -> list[Connection]:
        """Have threads that waited for their clients go on where places are free; remove and return as many
        connections from the line as there are places left. The leader's, outside of handlers.
        """
        with self._lock:
            places = self.places.grant()
            taken = [self.line.first() for _ in range(min(len(self.line), places))]
            # What the leader serves inline takes no place: look again.
            self.places.found = bool(taken) and len(self.line) > 0
            return taken

    def overdue(self, now: float) -> list[tuple[int, Connection, Request]]:
        """Write off the threads whose handlers have exceeded their deadline, unless they have begun to answer.

        Return the identifier of each thread, with the connection and the request that the caller has to answer. With
        the lock held.
        """
        found = self.serving.overdue(now, self.places.away)
        for follower, connection, _ in found:
            if follower.replaced:
                self.places.write_off(connection)
        return [(follower.thread, connection, request) for follower, connection, request in found]

    # The thread that serves a connection

    def hold_lease(self, connection: Sender) -> bool:
        """Take the caller's lease out, so that nobody relieves it until `return_lease`; False if it does not lead.

        To be held for a moment, and never while waiting. Whoever asks makes progress, and may lead for `MOST_TICKS`.
        """
        lease = self.lease
        try:
            if lease[-1] is not connection:
                return False
            lease.pop()
        except IndexError:
            return False
        self.progress += 1
        return True

    def return_lease(self, connection: Sender) -> None:
        """Put the lease back that `hold_lease` took out."""
        self.lease.append(connection)  # type: ignore[arg-type]  # whoever sends is a Connection

    def step_aside(self, connection: Sender) -> None:
        """Give the lead away, if it is with the caller who serves ``connection``, because the caller is about to
        block.
        """
        with self._lock:
            lease = self.lease
            if not lease or lease[-1] is not connection:
                return
            self._revoke(lease)

    def pause(self, connection: Sender) -> bool:
        """Let another thread run in the place of the caller, who serves ``connection`` and is about to wait for its
        client. False if too many wait already; else the caller has to call `Places.resume`.
        """
        self.step_aside(connection)
        return self.places.pause(connection)

    def leave(self, connection: Connection) -> None:
        """As `pause`, for a caller who may be long. It has to call `Places.come_back`."""
        self.step_aside(connection)
        self.places.leave(connection)

    # Threads

    def _enlist(self) -> bool:
        """Start a thread that follows. With the lock held."""
        follower = Follower()
        self._followers.append(follower)
        self._named += 1
        if self._begin(lambda: self._work(follower), f"{self._name}-{self._named}"):
            return True
        self._followers.remove(follower)
        return False

    def _begin(self, run: Callable[[], None], name: str) -> bool:
        thread = threading.Thread(target=run, name=name, daemon=True)
        self._threads.add(thread)
        try:
            thread.start()
        except (RuntimeError, MemoryError) as error:
            self._threads.discard(thread)
            now = time.monotonic()
            if now >= self._complains_at:  # the relief tries at each tick
                self._complains_at = now + SECONDS_BETWEEN
                log.error("Cannot start a thread: %s.", str(error) or "out of memory")
            return False
        return True

    def _work(self, follower: Follower) -> None:
        """Follow, lead, serve, and again, until the lane has stopped or the thread is idle for too long."""
        follower.thread = threading.get_ident()
        try:
            while self._wait(follower):
                self._lead(follower)
                with self._lock:
                    if self.stopping:
                        return
                    self._followers.append(follower)
        finally:
            with self._lock:
                self._part_with(follower)
                self._threads.discard(threading.current_thread())
                self._ended.notify_all()

    def _wait(self, follower: Follower) -> bool:
        """Wait for the lead; False when this thread is to end."""
        if not follower.lead.acquire(timeout=self._idle_timeout):
            with self._lock:
                # One thread is the relief, and not counted.
                if follower in self._followers and len(self._threads) - 1 > self._minimum:
                    self._followers.remove(follower)
                    return False
            follower.lead.acquire()
        return not self.stopping

    def _part_with(self, follower: Follower) -> None:
        """Take the lead from a thread that ends: something may have killed it as it was given the lead. With the
        lock held.
        """
        if follower in self._followers:
            self._followers.remove(follower)
        elif self._leader is follower and not self.stopping:
            self._pass_lead()

    def _lead(self, follower: Follower) -> None:
        """Drive the lane; with the lead lost, finish what is being served and whatever waits in the queue."""
        while not self.lane.closed:
            lease: list[Connection] = []
            with self._lock:
                self.lease = lease
            try:
                served = self.lane.drive(lease)
            except BaseException:
                log.critical(DEFECT, exc_info=True)
                if self._leads_on(follower, lease):
                    continue
                self._serve(follower, Next.CLOSE)
                return
            if served is None:
                break
            if self._leads_on(follower, [served[0]]):
                continue  # something struck while `hold_lease` had the lease out, so nobody took the lead
            self._serve(follower, served[1])
            return
        self._stop()

    def _leads_on(self, follower: Follower, lease: list[Connection]) -> bool:
        """Tell whether a leader that a defect has hit still leads. If so, drop what it served: the lane must go on."""
        with self._lock:
            if self._leader is not follower:
                return False
            dropped = lease.pop() if lease else None
            if dropped is not None:
                self.lane.table.detach(dropped)
        if dropped is not None:
            self.lane.settle(dropped, Next.CLOSE)
        return True

    def _serve(self, follower: Follower, step: Next) -> None:
        """Serve off the lead until nothing waits."""
        with self._lock:  # whoever took the lead has finished doing so
            connection = follower.serves
        if connection is not None and step is Next.WAIT:
            step = connection.send_answer()
        if connection is not None and step is Next.SERVE:
            connection = self._give_way(follower, connection)
        while connection is not None:
            try:
                step = self._finish(follower, connection, step)
            except BaseException:
                log.critical(DEFECT, exc_info=True)
                step = self._drop(follower)
            connection = follower.serves

    def _finish(self, follower: Follower, connection: Connection, step: Next) -> Next:
        """Do what a connection off the lead asks for; return what ``follower.serves`` then, if anything, asks for."""
        if step is Next.SERVE:
            step = self.lane.service.exchange(connection)
            if step is Next.SERVE:
                self._give_way(follower, connection)
                return step
        self.lane.settle(connection, step)
        return self._take(follower)

    def _give_way(self, follower: Follower, connection: Connection) -> Connection:
        """Return what a thread serves next that has a request which just came, or is pipelined behind another: who
        waits in the line has waited longer.
        """
        with self._lock:
            if self._may_take():
                self.line.join(connection)
                connection = self.line.first()
            self.serving.begin(follower, connection)
        return connection

    def _take(self, follower: Follower) -> Next:
        """Have a thread that has finished serve what waits in the queue."""
        with self._lock:
            if follower.serves is not None:
                self.places.forget(follower.serves)
            if not self.serving.end(follower):
                pass  # its place was given up long ago
            elif not self.places.claimed and self._may_take():
                self.serving.begin(follower, self.line.first())
            else:
                self.places.give_up()
        return Next.SERVE

    def _may_take(self) -> bool:
        """Tell whether a thread off the lead may serve what waits: not if it served a refusal beyond the maximum."""
        return len(self.line) > 0 and self.busy <= self.maximum

    def _drop(self, follower: Follower) -> Next:
        """Close what a defect has hit, and take the next."""
        try:
            if follower.serves is not None:
                self.lane.settle(follower.serves, Next.CLOSE)
        finally:
            step = self._take(follower)
        return step

    def _pass_lead(self, connection: Connection | None = None) -> bool:
        """Give the lead to a follower, a new one if need be; who led serves ``connection``, if any. With the lock
        held.
        """
        if not self._followers and not self._enlist():
            return False
        self.lane.answers.send()
        if connection is not None and self._leader is not None:
            self.serving.begin(self._leader, connection)
            self.places.take()
        self.lease = []
        self._leader = self._followers.pop()
        self._leader.lead.release()
        return True

    def _update(self) -> None:
        self.direct = self.places.taken < self.maximum and not self._habits

    def _stop(self) -> None:
        with self._lock:
            self.stopping = True
            self.places.close()
            for follower in self._followers:
                follower.lead.release()
            self._followers.clear()
        self.relief.wake()

    # The relief

    def _watch(self) -> None:
        try:
            while not self.stopping:
                try:
                    self.relief.watch()
                except BaseException:  # without a relief, one handler that blocks would stop everybody
                    log.critical(DEFECT, exc_info=True)
                    time.sleep(PAUSE)  # it may be at each tick
        finally:
            with self._lock:
                self._threads.discard(threading.current_thread())
                self._ended.notify_all()

    def relieve_of(self, serial: int) -> bool:
        """Take the lead from who runs the handler with this serial number; tell whether that was so."""
        with self._lock:
            lease = self.lease
            if self.serial != serial or not lease:
                return False
            connection = self._revoke(lease)
            if connection is None:
                return False
            if connection.refusal is None:  # else the machine was busy, not the route slow
                self._habits.blocked(connection.route)
                self._update()
            return True

    def _revoke(self, lease: list[Connection]) -> Connection | None:
        """Take the lead from whoever holds ``lease``, its connection off the poller first. With the lock held.

        Return the connection, None if nobody could follow or the handler has just returned.
        """
        if not self._followers and not self._enlist():
            return None
        try:
            connection = lease.pop()
        except IndexError:
            return None
        self.lane.table.detach(connection)
        connection.send_held()
        self._pass_lead(connection)
        return connection
