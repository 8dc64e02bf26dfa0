"""The body of a request as a handler reads it while it arrives; and what is left of it afterwards.

The thread's that serves the connection. Waits for the client off the lead. Knows how long a client may take, not how
its octets are decoded.
"""

from __future__ import annotations

import io
import time

from ehttpd.errors import ConnectionLost, EhttpdError, RequestRefused, RequestTimeout
from ehttpd.http11.writer import CONTINUE
from ehttpd.logs import log
from ehttpd.server.body import DECODE_AT_ONCE
from ehttpd.server.needs import Next
from ehttpd.server.poller import READ
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

    from ehttpd.http11.reader import RequestReader
    from ehttpd.messages import Request, Streams
    from ehttpd.server.connection import Connection

RECEIVE_AT_ONCE = 1 << 16
# How much is received and thrown away of a body that a handler has not read, so that the connection can persist.
MOST_UNREAD = 1 << 18


def guarded(streams: Streams) -> Streams:
    """Return what tells whether a request is served before its body has arrived, and raises nothing."""

    def run(request: Request) -> bool:
        try:
            return streams(request)
        except Exception:  # the application's
            log.error("%s: nobody knows whether its body is to be streamed", request, exc_info=True)
            return False

    return run


class Incoming(io.RawIOBase):
    """A body while it arrives, as a raw file. ``request`` gets the trailers once it has ended.

    Reading raises what keeps the body from arriving, and again each time:
        RequestTimeout: the client was silent for ``body_timeout``, or too slow while it was waited for.
        BadRequest, ContentTooLarge: the chunks are broken, or too many.
        ServiceUnavailable: too many clients are waited for already.
        ConnectionLost: the client has left, or somebody has answered in the handler's place.
    """

    def __init__(self, connection: Connection, request: Request) -> None:
        reader = connection.reader
        self._connection = connection
        self._request: Request | None = request  # until the body has ended; the two hold each other
        self._decoded = memoryview(b"")
        self._received = reader.pending
        self._waited = 0.0  # seconds
        self._failure: EhttpdError | None = None
        self._owes_continue = reader.section.expects_continue and not reader.pending

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        if not self._decoded:
            self._decoded = memoryview(self._next())
        count = min(len(view), len(self._decoded))
        view[:count] = self._decoded[:count]
        self._decoded = self._decoded[count:]
        return count

    def close(self) -> None:
        """Throw away what has arrived, and have nothing more read."""
        if not self.closed:
            super().close()
            self._decoded = memoryview(b"")
            try:
                while self._failure is None and self._request is not None and self._decode():
                    pass
            except Exception as failure:
                self._note(failure)
            self._request = None

    def skip(self) -> None:
        """Throw away what is left of it, as it arrives. Raises as reading does."""
        while self._next():
            pass

    @property
    def refusal(self) -> RequestRefused | None:
        """What was raised in the place of the body, if it was the client's mistake."""
        return self._failure if isinstance(self._failure, RequestRefused) else None

    def persists(self, read_on: bool) -> bool:
        """Tell whether another request may follow on the connection, though the body has not ended yet.

        Not if nobody can tell where it ends, or if it is long, unless the handler may still ``read_on``; nor if the
        client waits for 100 (Continue): it may send the body, or not (RFC 9110 §10.1.1).
        """
        if self._failure is not None or self._owes_continue:
            return False
        return read_on or self._connection.reader.section.body_length - self._received <= MOST_UNREAD

    def _next(self) -> bytes:
        """Return the next data, ``b""`` at the end; wait for it."""
        if self._failure is not None:
            raise self._failure.with_traceback(None)
        if self._request is None:
            return b""
        try:
            while (data := self._decode()) is None:
                self._receive()
        except BaseException as failure:
            self._note(failure)
            raise
        return data

    def _note(self, failure: BaseException) -> None:
        """Have nothing more read: after any other failure, too, such as want of memory, octets may be lost."""
        if isinstance(failure, (RequestRefused, ConnectionLost)):
            self._failure = failure
        else:
            self._failure = ConnectionLost("what had arrived of the body was lost")

    def _decode(self) -> bytes | None:
        """Return data that has arrived, ``b""`` at the end, None if there is none yet."""
        reader = self._connection.reader
        data = reader.next_data()
        if data == b"" and self._request is not None:
            self._request.trailers = reader.trailers
            self._request = self._connection.incoming = None
        return data

    def _receive(self) -> None:
        connection = self._connection
        if connection.given_up:
            raise ConnectionLost("the deadline had passed, and 504 was sent")
        try:
            octets = connection.socket.recv(RECEIVE_AT_ONCE)
        except BlockingIOError:
            self._wait()
            return
        except OSError as error:
            raise ConnectionLost(str(error)) from None
        if not octets:
            raise ConnectionLost("the client left before the end of the body")
        self._owes_continue = False
        self._received += len(octets)
        connection.reader.receive(octets)

    def _wait(self) -> None:
        """Wait for more, off the lead. Only this counts against the client: else the handler was busy."""
        connection, settings = self._connection, self._connection.settings
        if self._owes_continue and not connection.response_begun:
            self._owes_continue = False
            connection.write(CONTINUE)
        seconds: float = settings.body_timeout
        if settings.minimum_rate:
            seconds = min(seconds, seconds + self._received / settings.minimum_rate - self._waited)
        began = time.monotonic()
        arrived = connection.wait_until(READ, seconds, in_place=False)
        self._waited += time.monotonic() - began
        if not arrived:
            raise RequestTimeout("The body of the request took too long.")


class Unread:
    """What is left of a body after its response, while the lane receives it and throws it away."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MOST_UNREAD  # octets

    def move(self, connection: Connection, now: float) -> Next:
        try:
            octets = connection.socket.recv(DECODE_AT_ONCE)
        except BlockingIOError:
            return Next.WAIT
        except OSError:
            return Next.CLOSE
        if not octets:
            return Next.CLOSE
        connection.reader.receive(octets)
        return self.skip(connection, now)

    def skip(self, connection: Connection, now: float) -> Next:
        """Throw away what was received of the body, and go on with what is behind it."""
        try:
            ended = self._skip(connection.reader)
        except RequestRefused:
            return connection.linger(now)
        if not ended:
            return Next.WAIT
        connection.underway = None
        return connection.after_response(now)

    def expire(self, connection: Connection, now: float) -> Next:
        return connection.linger(now)

    def discard(self) -> None:
        """Do nothing: nothing is kept."""

    def _skip(self, reader: RequestReader) -> bool:
        """Throw away what was received; tell whether that was the end of the body.

        Raises RequestRefused if nobody can tell where it ends, or if it is too long.
        """
        while data := reader.next_data():
            self._left -= len(data)
        if self._left < 0:
            raise RequestRefused("Too much of the body was left unread.")
        return data is not None
