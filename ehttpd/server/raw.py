"""Connections without HTTP: a handler reads and writes their octets itself.

What the ancestor calls a source and a sink. The handler is called when there is something to read, runs on one of the
pool's threads, and may block: then the lead has gone to another thread.
"""

from __future__ import annotations

import io
from collections.abc import Callable

from ehttpd.errors import ConnectionLost
from ehttpd.http11.state import State
from ehttpd.logs import log
from ehttpd.server.connection import Connection, Next
from ehttpd.server.poller import READ
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, BinaryIO, TypeAlias

    from _typeshed import WriteableBuffer

    from ehttpd.messages import Request, Response

ConnectionHandler: TypeAlias = Callable[["BinaryIO", "Sink"], object]
"""What is called with source and sink of a connection when there is something to read; true: and again."""


class RawConnection(Connection):
    """A connection whose octets are not looked at."""

    __slots__ = ("received", "sink", "source", "waits")

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self.received = b""
        self.waits = True  # a read waits for the client
        self.source = io.BufferedReader(Source(self))
        self.sink = Sink(self)

    def receive(self, data: bytes, now: float) -> Next:
        if self.state is State.LINGER:
            return super().receive(data, now)
        self.received += data
        return Next.SERVE

    def receive_end(self) -> Next:
        return Next.CLOSE

    def expire(self, now: float) -> Next:
        return Next.CLOSE

    def has_more(self) -> bool:
        """Tell whether something was received that the handler has not read, without waiting for it."""
        self.waits = False
        try:
            return bool(self.source.peek(1))
        except ConnectionLost:
            return False
        finally:
            self.waits = True

    def close(self) -> None:
        super().close()
        # The two hold each other.
        self.source.detach()
        del self.source, self.sink


class Source(io.RawIOBase):
    """What the client sends, as a raw file. Waits off the lead; raises ConnectionLost after ``body_timeout`` of
    silence.
    """

    def __init__(self, connection: RawConnection) -> None:
        self._connection = connection

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int | None:
        connection = self._connection
        view = memoryview(buffer).cast("B")
        while not connection.received:
            try:
                return connection.socket.recv_into(view)
            except BlockingIOError:
                if not connection.waits:
                    return None
                if not connection.wait_until(READ, connection.settings.body_timeout):
                    raise ConnectionLost("the client was silent for too long") from None
            except OSError as error:
                raise ConnectionLost(str(error)) from None
        count = min(len(view), len(connection.received))
        view[:count] = connection.received[:count]
        connection.received = connection.received[count:]
        return count


class Sink:
    """What goes to the client. Written at once; what the client does not take waits, up to ``output_buffer`` octets."""

    __slots__ = ("_connection",)

    def __init__(self, connection: RawConnection) -> None:
        self._connection = connection

    def write(self, data: bytes) -> int:
        """Send data; return its length. Raises ConnectionLost if the client is gone or takes nothing for too long."""
        if data:
            self._connection.write(data)
        return len(data)

    def flush(self) -> None:
        """Do nothing: what is written is on its way."""


class RawService:
    """Serves connections with a handler of sources and sinks."""

    def __init__(self, handler: ConnectionHandler) -> None:
        self._handler = handler

    def exchange(self, connection: RawConnection) -> Next:
        connection.request = None
        if connection.refusal is not None:
            return Next.CLOSE  # there is no way to say so
        try:
            again = self._handler(connection.source, connection.sink)
        except ConnectionLost:
            return Next.CLOSE
        except BaseException:
            log.error("The connection handler failed.", exc_info=True)
            return Next.CLOSE
        if not again:
            return connection.finish(False, connection.lane.now)
        if connection.has_more():
            return Next.SERVE
        return connection.finish(True, connection.lane.now)

    def catch_up(self) -> None:
        """Do nothing: nothing was put off."""

    def record_overdue(self, connection: RawConnection, request: Request, response: Response, thread: int) -> None:
        """Do nothing: there are no requests here."""
