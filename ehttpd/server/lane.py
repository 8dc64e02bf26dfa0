"""One poller, its listeners and its resting connections.

Whoever leads the lane runs `Lane.drive`: polls, accepts, reads, parses, and serves inline what is quick.
The lock guards the table of resting connections against the relief, which takes one out of it, and against threads
that put theirs back; the leader alone iterates over it.
"""

from __future__ import annotations

import socket
import threading
import time
from collections import deque
from functools import cached_property
from socket import SocketType

from ehttpd.errors import QueueFull, QueueTimeout, ServiceUnavailable
from ehttpd.forks import tell_after_fork
from ehttpd.http11.limits import Limits
from ehttpd.server.answers import TOGETHER, Answers
from ehttpd.server.body import Blocks
from ehttpd.server.budget import Budget
from ehttpd.server.connection import Connection, Next
from ehttpd.server.deadlines import Deadlines
from ehttpd.server.draining import Draining
from ehttpd.server.entrance import Entrance
from ehttpd.server.exhaustion import Exhaustion
from ehttpd.server.feed import Apart, Feed
from ehttpd.server.mishaps import QUEUE_TIMEOUT, Mishaps
from ehttpd.server.poller import DEPARTURE, LONGEST_WAIT, READ, WRITE, Events, new_poller
from ehttpd.server.sender import HELD_AT_MOST
from ehttpd.server.table import Table
from ehttpd.server.tunnels import Tunnels
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.messages import Streams
    from ehttpd.proxies.hearing import Hearing
    from ehttpd.server.clock import StandingFields
    from ehttpd.server.exchange import Service
    from ehttpd.server.listener import Listener
    from ehttpd.server.opening import Greeter
    from ehttpd.server.pool import Pool
    from ehttpd.server.tls.socket import Identity
    from ehttpd.settings import Settings

# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
WAIT, SERVE, CLOSE = Next.WAIT, Next.SERVE, Next.CLOSE

RECEIVE_AT_ONCE = 1 << 16
ACCEPT_AT_ONCE = 64
# Pipelined requests that are served before another connection has its turn.
SERVE_AT_ONCE = 16
# Connections with a request, or a refusal, that have their turn before the poller is asked who else is there.
TURNS_AT_ONCE = 64
# A connection that has rested this long is unlikely to speak soon: what its last request parsed to is let go.
RESTS_AFTER = 1.0
# Event streams that are sent to before others have their turn: each takes 12 microseconds, and a look at who else is
# there takes 4.
FED_AT_ONCE = 2
# What the poller is told of a connection that rests.
INTERESTS = {Next.WAIT: READ, Next.SEND: WRITE, Next.FEED: DEPARTURE}


class Lane:
    """Drives its connections. See the module's docstring for who may call what."""

    def __init__(
        self, service: Service, settings: Settings, limits: Limits, standing: StandingFields, most_connections: int
    ) -> None:
        self.service = service
        self.settings = settings
        self.scheme = settings.url_scheme or "http"
        self.greeter = greeter(settings) if settings.proxy_protocol != "off" else None
        self.rests_after = min(RESTS_AFTER, settings.keep_alive_timeout)
        self.now = time.monotonic()
        self.since_epoch = time.time() - self.now  # what the monotonic clock lacks, as of this turn
        self.driver = ""  # the name of the thread that leads
        self.lock = threading.Lock()
        self.connection_type: type[Connection] = Connection
        self.pool: Pool
        self.held_at_most = min(HELD_AT_MOST, settings.output_buffer)
        self.answers = Answers()
        self.budget = Budget(settings.limit_buffered)
        self.blocks = Blocks(settings.body_memory, self.budget)
        self.streams: Streams | None = None  # which requests are served before their bodies have arrived
        self.tunnels = Tunnels(settings.max_upgrades)
        self.apart = Apart(settings.max_event_streams)
        self._limits = limits
        self.standing = standing
        self._poller = new_poller()
        self.entrance = Entrance(self._poller, most_connections)
        self.table = Table(self._poller, self.lock)
        self._turns: deque[Connection] = deque()  # off the poller, with a request each: their next turn
        self._posted: deque[Feed] = deque()  # with something to send
        self._called = False  # the leader will look at these; it takes that back when there are none, and looks again
        self.handshakes = 0  # of TLS, ever
        self.mishaps = Mishaps()
        self.deadlines = Deadlines(self)
        self._inbox, self._outbox = socket.socketpair()
        self._inbox.setblocking(False)
        self._outbox.setblocking(False)
        self._poller.register(self._inbox.fileno(), READ)
        self._draining: Draining | None = None
        self._exhaustion = Exhaustion()
        tell_after_fork(self)

    @cached_property
    def hearing(self) -> Hearing:
        """What proxies say is heard here."""
        from ehttpd.proxies.hearing import Hearing  # for those who have proxies
        from ehttpd.proxies.trust import Trusted

        settings = self.settings
        return Hearing(Trusted(settings.forwarded_allow_ips), settings.forwarded_hops, settings.forwarded_fields)

    # Before the first leader

    def listen(self, listeners: list[Listener]) -> None:
        """Accept from these, once someone leads."""
        self.entrance.add(listeners)
        self.entrance.open()

    # Any thread

    @property
    def open_connections(self) -> int:
        """How many connections there are, resting or served."""
        return self.entrance.inside

    @property
    def closed(self) -> bool:
        """Whether the lane has come to its end."""
        return self.table.closed

    @property
    def finished(self) -> bool:
        """Whether the lane is stopping and has nothing left to do."""
        return self._draining is not None and self._draining.finished

    @property
    def given_up(self) -> bool:
        """Whether the lane has stopped with something unanswered."""
        return self._draining is not None and self._draining.given_up

    def wake(self) -> None:
        """Have the leader look up from its poller."""
        try:
            self._outbox.send(b"\0")
        except OSError:  # full: it will look up; closed: it has gone
            pass

    def post(self, feed: Feed) -> None:
        """Have the leader send what was fed."""
        self._posted.append(feed)
        if not self._called:  # else it finds this one with those before
            self._called = True
            self.wake()

    def adopt(self, connected: SocketType, remote: tuple[str, int], local: tuple[str, int]) -> None:
        """Take over a connected socket."""
        connection = self._new_connection(connected, remote, local)
        self.settle(connection, Next.WAIT)

    def stop(self, deadline: float, patience: float = 0.0, *, shared: bool = False) -> None:
        """Accept no more, answer what was accepted, close what is idle; at ``deadline`` close everything that rests.

        See `Server.stop` for the others.
        """
        self._draining = Draining(self, deadline, patience, shared=shared)
        self.tunnels.stop()
        self.wake()

    # The thread that owns the connection

    def settle(self, connection: Connection, step: Next) -> None:
        """Give the lane a connection that was served off the lead: to rest, or to be closed."""
        with self.lock:
            draining = self._draining
            leaves = draining is not None and draining.is_farewell(connection)
            rests = step is not Next.CLOSE and not self.closed and not leaves
            sooner = rests and self.deadlines.add(connection.deadline)
            if rests:
                self._rest(connection, step)
            else:
                self.table.forget(connection)
        if not rests:
            self._close(connection)
        elif sooner or draining is not None:
            self.wake()

    # The leader

    def drive(self, lease: list[Connection]) -> tuple[Connection, Next] | None:
        """Lead until the lead is lost: then return the connection being served and what it needs next.

        Return None when the lane has stopped. ``lease`` is the leader's: it holds the connection that it serves inline.
        """
        self.driver = threading.current_thread().name
        while True:
            lost = self._turn(lease)
            if lost is not None:
                return lost
            if self.finished:
                return None

    def _turn(self, lease: list[Connection]) -> tuple[Connection, Next] | None:
        """Wait for events, and move on whoever has one; then who waited for others. What a client leaves behind in this
        frame goes with it.
        """
        pool, answers, deadlines = self.pool, self.answers, self.deadlines
        resting, exchange = self.table.resting, self.service.exchange
        events = self._await_events()
        now = self.now
        due = now + TOGETHER
        for descriptor, _ in events:
            if answers.waiting and time.monotonic() > due:
                answers.send()
                self.service.catch_up()
                due = time.monotonic() + TOGETHER
            connection = resting.get(descriptor)
            if connection is None:
                lost = self._accept_or_wake(descriptor, lease)
                if lost is not None:
                    return lost
                continue
            try:
                if connection.output is not None or connection.underway is not None:
                    step = connection.move(now)
                else:
                    try:
                        data = connection.socket.recv(RECEIVE_AT_ONCE)
                    except BlockingIOError:
                        continue
                    except OSError:
                        step = CLOSE
                    else:
                        step = connection.receive(data, now) if data else connection.receive_end()
            except BaseException:
                self.arrange(connection, CLOSE)  # what was received may be lost, and what follows would be misread
                raise
            if step is SERVE:
                if pool.direct or pool.is_quick(connection):
                    pool.serial += 1
                    lease.append(connection)
                    step = exchange(connection)
                    try:
                        lease.pop()
                    except IndexError:
                        return connection, step
                    if connection.held:
                        answers.waiting.append(connection)
                if step is SERVE:
                    lost = self._serve_on(connection, step, lease)
                    if lost is not None:
                        return lost
                    continue
            if step is WAIT and connection.interest == READ:
                if connection.deadline < deadlines.earliest:
                    deadlines.earliest = connection.deadline
            else:
                self.arrange(connection, step)
        return self._between_turns(now, lease)

    def _await_events(self) -> Events:
        pool, answers = self.pool, self.answers
        if answers.waiting:
            answers.send()
        self.service.catch_up()
        pool.polling = True
        events = self._poller.wait(self._timeout())
        pool.polling = False
        if pool.relief.rests:
            pool.relief.wake()
        self.now = time.monotonic()
        self.since_epoch = self.standing.refresh() - self.now
        return events

    def _timeout(self) -> float:
        """Return how long the leader may wait for events."""
        if self._turns or self._posted or self.answers.unsent:
            return 0.0
        pool, serving = self.pool, self.pool.serving
        at = min(
            self.deadlines.earliest, self.entrance.again, pool.line.expires, serving.overdue_at, serving.slow_at
        )  # fmt: skip
        if self._draining is not None:
            at = min(at, self._draining.deadline)
        left = at - time.monotonic()
        if left > LONGEST_WAIT:
            return LONGEST_WAIT
        return left if left > 0.0 else 0.0

    def _serve_on(self, connection: Connection, step: Next, lease: list[Connection]) -> tuple[Connection, Next] | None:
        """Serve a connection that has a request, for several turns if requests are pipelined. Tell if the lead is
        lost.
        """
        pool = self.pool
        for _ in range(SERVE_AT_ONCE):
            if step is not Next.SERVE:
                self.arrange(connection, step)
                return None
            direct = pool.direct or connection.refusal is not None or self._asks_for_health(connection)
            route = connection.route  # the next request's, once this one is served
            if not direct:
                self.answers.send()  # this one is known to block
                if not pool.runs_inline(route):
                    return self._hand_over(connection)
            pool.serial += 1
            lease.append(connection)
            step = self.service.exchange(connection)
            try:
                lease.pop()
            except IndexError:
                return connection, step
            if connection.held:
                self.answers.waiting.append(connection)
            if not direct:
                pool.was_quick(route)
        if step is Next.SERVE:
            with self.lock:
                self.table.detach(connection)
            self._turns.append(connection)
        else:
            self.arrange(connection, step)
        return None

    def _hand_over(self, connection: Connection) -> tuple[Connection, Next] | None:
        """Hand the lead to a follower, or the request to the queue if every thread is inside a handler."""
        connection.whole_at = connection.whole_at or self.now
        with self.lock:
            self.table.detach(connection)
            if self.pool.give_lead(connection):
                return connection, Next.SERVE
            waits = self.pool.enqueue(connection)
            exhausted = self.pool.exhausted
        if not waits:
            refusal = QueueFull("The server is busy: every thread is occupied and the queue is full.")
            self.arrange(connection, self._overloaded(connection, refusal))
        if exhausted:
            self._exhaustion.report(self.pool, self.now)
        return None

    def _asks_for_health(self, connection: Connection) -> bool:
        """Tell whether a request is answered whatever the threads do."""
        path, request = self.settings.health_path, connection.request
        return bool(path) and request is not None and request.raw_path == path

    def _overloaded(self, connection: Connection, refusal: ServiceUnavailable) -> Next:
        connection.refuse(refusal)
        return self.service.exchange(connection)

    def _between_turns(self, now: float, lease: list[Connection]) -> tuple[Connection, Next] | None:
        if self.answers.waiting:
            self.answers.send()
        while self.answers.unsent:
            connection = self.answers.unsent.pop()
            if connection.output is not None:
                self.arrange(connection, Next.SEND)
        turns = len(self._turns)
        for _ in range(turns if self._draining is not None else min(turns, TURNS_AT_ONCE)):
            connection = self._turns.popleft()
            lost = self._serve_on(connection, Next.SERVE, lease)
            if lost is not None:
                return lost
        if self._posted:
            self._send_fed()
        if now >= self.deadlines.earliest:
            self.deadlines.sweep(now)
        pool = self.pool
        if now >= pool.serving.overdue_at:
            from ehttpd.server.overdue import answer_all_overdue  # for those who have deadlines

            answer_all_overdue(self, now)
        if now >= pool.serving.slow_at:
            from ehttpd.server.slowness import report_slow  # for those who want to know

            report_slow(self, now)
        if now >= pool.line.expires:
            with self.lock:
                expired = pool.line.expired(now)
            for connection in expired:
                self.mishaps.timed_out(QUEUE_TIMEOUT)
                refusal = QueueTimeout("The server is busy: the request has waited too long for a thread.")
                self.arrange(connection, self._overloaded(connection, refusal))
        if pool.places.found:
            self._take_waiting()
        if now >= self.entrance.again:
            self.entrance.open()
        if self._draining is not None:
            return self._draining.move(now, lease)
        return None

    def arrange(self, connection: Connection, step: Next) -> None:
        """Do what a connection asks for that the leader owns and has not lost."""
        if step is Next.CLOSE:
            with self.lock:
                self.table.forget(connection)
            self._close(connection)
            return
        if step is Next.SERVE:
            with self.lock:
                self.table.detach(connection)
            self._turns.append(connection)
            return
        with self.lock:
            self._rest(connection, step)
            self.deadlines.add(connection.deadline)

    def _rest(self, connection: Connection, step: Next) -> None:
        """Have a connection rest until it can be moved on. With the lock held."""
        feed = connection.underway
        if type(feed) is Feed and not feed.rests:
            feed.rests = True
            self.post(feed)
        self.table.rest(connection, INTERESTS[step])

    def _close(self, connection: Connection) -> None:
        counted = not connection.given_up
        connection.close()
        if counted:
            with self.lock:
                self.entrance.leave()
        if self._draining is not None:
            self.wake()
        elif self.entrance.waits_for_room:
            self.entrance.again = 0.0
            self.wake()

    # Accepting

    def _accept_or_wake(self, descriptor: int, lease: list[Connection]) -> tuple[Connection, Next] | None:
        if descriptor == self._inbox.fileno():
            try:
                self._inbox.recv(4096)
            except BlockingIOError:
                pass
            if not self._posted:
                self._called = False
            return None
        listener = self.entrance.listeners.get(descriptor)
        if listener is not None:
            return self.accept(listener, lease)
        reset = self.table.note_departure(descriptor)
        if reset is not None:
            self._drop_waiting(reset)
        return None

    def _drop_waiting(self, connection: Connection) -> None:
        """Have a request no longer wait for a thread whose client has reset the connection: nobody would get the
        answer.
        """
        with self.lock:
            waited = self.pool.line.leave(connection)
        if waited:
            self.arrange(connection, CLOSE)

    def accept(
        self, listener: Listener, lease: list[Connection], most: int = ACCEPT_AT_ONCE
    ) -> tuple[Connection, Next] | None:  # fmt: skip
        identity = listener.identity
        for number in range(most):
            accepted = self.entrance.accept(listener, number, exhausted=self.pool.exhausted)
            if accepted is None:
                return None
            connected, remote = accepted
            connection = self._new_connection(connected, remote, listener.local)
            if identity is None and self.greeter is None:
                lost = self._welcome(connection, lease)
            else:
                lost = self._open_for(connection, identity, lease)
            if lost is not None:
                return lost
        return None

    def _welcome(self, connection: Connection, lease: list[Connection]) -> tuple[Connection, Next] | None:
        """Read at once: most clients send their request with the connection."""
        try:
            data = connection.socket.recv(RECEIVE_AT_ONCE)
            step = connection.receive(data, self.now) if data else connection.receive_end()
        except BlockingIOError:
            step = Next.WAIT
        except OSError:
            step = Next.CLOSE
        except BaseException:
            self._close(connection)  # nobody else knows of it yet
            raise
        return self._serve_on(connection, step, lease)

    def _open_for(
        self, connection: Connection, identity: Identity | None, lease: list[Connection]
    ) -> tuple[Connection, Next] | None:  # fmt: skip
        """Begin with what comes before HTTP at once: most send it with the connection."""
        try:
            step = connection.open(identity, self.now)
        except BaseException:
            self._close(connection)  # nobody else knows of it yet
            raise
        return self._serve_on(connection, step, lease)

    def _new_connection(self, connected: SocketType, remote: tuple[str, int], local: tuple[str, int]) -> Connection:
        connection = self.connection_type(connected, remote, local, self, self._limits, self.now)
        with self.lock:
            self.entrance.enter()
        return connection

    # Those who are fed

    def _send_fed(self) -> None:
        """Send what was fed, of some; then others have their turn."""
        for _ in range(min(len(self._posted), FED_AT_ONCE)):
            feed = self._posted.popleft()
            connection = feed.connection
            if not feed.rests or connection.underway is not feed:
                continue
            step = feed.send(self.now)
            if step is Next.FEED and connection.interest == DEPARTURE:
                self.deadlines.watch(connection.deadline)
            else:
                self.arrange(connection, step)
        if not self._posted:
            self._called = False

    # Those who are served

    def _take_waiting(self) -> None:
        """Give places that came free outside a handler to requests that wait."""
        for connection in self.pool.take_waiting():
            self._turns.append(connection)

    # In a process that was forked

    def forsake(self) -> None:
        from ehttpd.server.forsaken import forsake

        if not self.closed:
            forsake(self)

    def close_poller(self) -> None:
        """Close what tells the leader of events."""
        self._poller.close()
        self._inbox.close()
        self._outbox.close()

    def close(self) -> None:
        """Close what is left. After the last leader."""
        self.service.catch_up()
        with self.lock:
            left = [*self.table.close(), *self._turns, *self.pool.line.abandon()]
            self._turns.clear()
        for connection in left:
            self._close(connection)
        for listener in self.entrance.listeners.values():
            listener.close()
        self.tunnels.end()
        self.close_poller()


def greeter(settings: Settings) -> Greeter:
    """Return what hears the headers of the PROXY protocol."""
    from ehttpd.server.opening import Greeter  # for those who have such proxies

    return Greeter(settings)
