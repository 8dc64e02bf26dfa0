"""A response that others feed: pieces come from any thread, the lane sends them, and no thread of the pool waits.

Between the threads that feed and the lane. What both touch is guarded by a lock of its own; the connection is the
lane's. Knows framing (RFC 9112 §6), not where pieces come from.
"""

from __future__ import annotations

import math
import threading

from ehttpd.errors import ConnectionLost, RequestRefused, ServiceUnavailable
from ehttpd.http11.encoding import encode_chunk, encode_last_chunk
from ehttpd.logs import log
from ehttpd.server.needs import Next
from ehttpd.server.poller import WRITE
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ehttpd.messages import FedBody, Request
    from ehttpd.server.connection import Connection

# How much a client may send meanwhile: requests that it pipelines.
MOST_PIPELINED = 1 << 16


class Feed:
    """The outlet of a `FedBody`. ``rests``: the connection is the lane's, not yet that of the thread that began it."""

    def __init__(
        self, connection: Connection, request: Request, body: FedBody, *, chunked: bool, persistent: bool
    ) -> None:  # fmt: skip
        self.connection = connection
        self.rests = False
        self.when_ended: Callable[[int], None] | None = None
        """What is told how many octets the body had. The lane's."""
        self._sent = 0
        self._persistent = persistent
        self._body = body
        self._told = str(request)
        self._chunked = chunked
        self._most = connection.settings.output_buffer
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        # Guarded by that:
        self._pending: list[bytes] = []
        self._unsent = 0  # octets, what the connection has not sent yet among them
        self._posted = False
        self._ended = False  # nothing more is taken
        self._broken = False  # and the client must not take what it got for complete

    # Who feeds: any thread

    def write(self, data: bytes) -> bool:
        """Have data sent; wait for nobody. False if nothing more is taken: the client has left, or takes too little.

        One that has more than ``output_buffer`` octets unsent when the next come is cut off.
        """
        with self._lock:
            if self._ended:
                return False
            overfed = self._unsent > self._most
            self._ended = self._broken = overfed
            self._pending.append(data)
            self._unsent += len(data)
            posted, self._posted = self._posted, True
        if not posted:
            self.connection.lane.post(self)
        return not overfed

    def wait_for_room(self) -> bool:
        """Wait until the client has taken all that was written; False if nothing more is taken. Not for a handler."""
        with self._lock:
            while self._unsent and not self._ended:
                self._changed.wait()
            return not self._ended

    def end(self, failure: BaseException | None = None) -> None:
        """End the response; so that nobody takes it for complete if there was a failure, which is logged."""
        if failure is not None:
            log.error("%s: the application failed", self._told, exc_info=failure)
        with self._lock:
            if self._ended:
                return
            self._ended, self._broken = True, failure is not None
            posted, self._posted = self._posted, True
        if not posted:
            self.connection.lane.post(self)

    # The thread that serves the request

    def begin(self) -> None:
        """Let the pieces come. Raises ServiceUnavailable if too many hold a thread already."""
        if self._body.holds_thread:
            try:
                self.connection.lane.apart.join()
            except BaseException:
                self._body.close()
                raise
        try:
            self._body.begin(self)
        except BaseException:
            self.discard()
            raise

    # The lane; and the thread that serves the request, as long as the connection is its own

    def send(self, now: float) -> Next:
        """Send what was fed; return what the connection needs next."""
        with self._lock:
            pending, self._pending, self._posted = self._pending, [], False
            ended, broken = self._ended, self._broken
        octets = self.encode(b"".join(pending))
        if ended and self._chunked and not broken:
            octets += encode_last_chunk(())
        try:
            if octets:
                self.connection.push(octets)
        except ConnectionLost:
            return self._lose()
        return self._finish(broken, now) if ended else self.rest(now)

    def encode(self, data: bytes) -> bytes:
        """Return a piece of the body as it is sent."""
        self._sent += len(data)
        return encode_chunk(data) if self._chunked and data else data

    def rest(self, now: float) -> Next:
        """Have the connection wait: until the client has taken what it got, else until there is something to send."""
        connection = self.connection
        unsent = connection.output.size if connection.output is not None else 0
        with self._lock:
            self._unsent = unsent + sum(map(len, self._pending))
            if not unsent:
                self._changed.notify_all()
        if unsent:
            return Next.SEND if connection.interest == WRITE else connection.await_taking(now)
        connection.deadline = now + (self._body.heartbeat or math.inf)
        return Next.FEED

    def move(self, connection: Connection, now: float) -> Next:
        """Look whether the client has left, or has sent a request meanwhile."""
        if connection.has_left():
            return self._lose()
        try:
            connection.reader.receive(connection.socket.recv(MOST_PIPELINED))
            while connection.reader.next_data():  # of a body that nobody has read
                pass
        except BlockingIOError:
            return Next.FEED
        except (OSError, RequestRefused):
            return self._lose()
        return Next.FEED if connection.reader.pending <= MOST_PIPELINED else self._lose()

    def expire(self, connection: Connection, now: float) -> Next:
        """Take it that the deadline has passed: the client took nothing, or it is time for a sign of life."""
        if connection.output is not None:
            return self._lose()
        try:
            connection.push(self.encode(self._body.sign_of_life))
        except ConnectionLost:
            return self._lose()
        return self.rest(now)

    def stop(self, now: float) -> Next:
        """End the response, because the server stops. A source that waits for its client to leave is told that it has:
        nobody takes anything any more.
        """
        with self.connection.lane.lock:
            self.connection.client_left()
        self.end()
        return self.send(now)

    def discard(self) -> None:
        """Take nothing more, and have the body closed. Once."""
        with self._lock:
            self._ended = True
            self._pending.clear()
            self._changed.notify_all()
        if self._body.holds_thread:
            self.connection.lane.apart.leave()
        if self.when_ended is not None:
            self.when_ended(self._sent)
            self.when_ended = None
        try:
            self._body.close()
        except Exception:  # an application's
            log.error("%s: closing the body failed", self._told, exc_info=True)

    def _finish(self, broken: bool, now: float) -> Next:
        connection = self.connection
        connection.underway = None
        self.discard()
        if broken and not self._chunked:
            connection.abort()
            return Next.CLOSE
        return connection.finish(self._persistent and not broken, now)

    def _lose(self) -> Next:
        """Take it that the client has left."""
        with self.connection.lane.lock:
            self.connection.client_left()
        return Next.CLOSE


class Apart:
    """How many responses hold a thread beside the pool's: ``most`` at once. Any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._count = 0
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return self._count

    def join(self) -> None:
        """Count one more. Raises ServiceUnavailable if there are too many."""
        with self._lock:
            if self._count >= self._most:
                raise ServiceUnavailable("The server is busy: as many event streams are open as may.")
            self._count += 1

    def leave(self) -> None:
        """Count one less."""
        with self._lock:
            self._count -= 1
