"""Connections that left HTTP: their octets, as whoever talks over them reads and writes them.

RFC 9110 §7.8. The thread that talks gives its place in the pool to another, so that as many may talk as
``max_upgrades`` says, beside as many handlers as there are threads.
"""

from __future__ import annotations

import math
import socket
import threading
import time
from collections.abc import Iterator
from types import TracebackType

from ehttpd.errors import ConnectionLost
from ehttpd.server.poller import READ, WRITE, wait_for
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, Self

    from ehttpd.server.connection import Connection
    from ehttpd.server.tunnels import Tunnels

RECEIVE_AT_ONCE = 1 << 16


class Tunnel:
    """A connection that left HTTP, as a blocking stream. What was received behind the head is read first.

    One thread may read while others write; what one call writes stays together. When the server stops, reading comes to
    its end, as if the client had sent its last, and ``stopping`` is true; writing still works, until the grace is over.
    """

    left_http: Literal[True] = True
    """What tells it from a response; see `BodyStream`."""
    started = True
    """No response can be sent any more; see `BodyStream`."""

    def __init__(self, connection: Connection, tunnels: Tunnels, received: bytes) -> None:
        self._connection = connection
        self._tunnels = tunnels
        self._received = bytearray(received)
        self._writing = threading.Lock()
        self._closed = False
        self.timeout: float | None = None
        """For how many seconds a read waits for the client before it raises TimeoutError; None: without end. Nothing is
        lost then, and the next read goes on."""
        self.idle_timeout: float | None = None
        """After how many seconds of the client's silence a read gives it up with ConnectionLost; None: never."""
        self.heeds_stop = True
        """Whether reading comes to its end when the server stops. A protocol that has to read a farewell clears it."""

    @property
    def stopping(self) -> bool:
        """Whether the server stops, and wants the talk to come to its end."""
        return self._tunnels.stopping

    @property
    def reader(self) -> Self:
        """The tunnel as a file to read from: itself."""
        return self

    def __iter__(self) -> Iterator[bytes]:
        """Yield lines, up to the end. Raises as `read`."""
        return iter(self.readline, b"")

    def read(self, size: int = -1) -> bytes:
        """Return ``size`` octets, fewer only at the end; all up to the end if ``size`` is negative.

        Raises:
            TimeoutError: the client was silent for longer than ``timeout``.
            ConnectionLost: the connection broke.
        """
        wanted = math.inf if size < 0 else size
        while len(self._received) < wanted and self._receive():
            pass
        return self._take(len(self._received) if size < 0 else size)

    def readline(self, limit: int = 1 << 16) -> bytes:
        """Return a line with its line feed, without it if ``limit`` octets or the end come first. Raises as `read`."""
        scanned = 0
        while (found := self._received.find(b"\n", scanned, limit)) < 0:
            scanned = len(self._received)
            if scanned >= limit or not self._receive():
                return self._take(limit)
        return self._take(found + 1)

    def recv(self, size: int = RECEIVE_AT_ONCE) -> bytes:
        """Return what has arrived, at most ``size`` octets; wait for the first. ``b""`` at the end. Raises
        as `read`. The descriptor tells of the rest.
        """
        if not self._received:
            self._receive(min(size, RECEIVE_AT_ONCE))
        return self._take(size)

    def write(self, data: bytes) -> int:
        """Send all of ``data``; wait while the client takes nothing, for ``send_timeout`` seconds. Return its length in
        octets.

        Raises:
            ConnectionLost: the connection broke, or the client took nothing for too long.
        """
        connection = self._connection
        left = octets = memoryview(data).cast("B")
        with self._writing:
            while connection.output is not None:  # what was sent while it was still HTTP
                self._await_room()
                connection.flush()
            while left:
                left = left[self._send(left) :]
        return len(octets)

    def send(self, data: bytes) -> None:
        """Send all of ``data``; see `write`."""
        self.write(data)

    def flush(self) -> None:
        """Do nothing: what is written is on its way."""

    def fileno(self) -> int:
        """Return the descriptor, to wait for it; reading and writing is for the methods."""
        return self._connection.descriptor

    def close(self) -> None:
        """Close it at once, both ways: a read that waits comes to its end. Any thread. Returning from the talk closes
        it, too, and lets the client read what was written last.
        """
        self.end()
        self.cut_off()

    def end(self) -> None:
        """Have nothing more read."""
        self._closed = True

    def cut_off(self) -> None:
        """Have whoever talks find the connection broken."""
        try:
            self._connection.socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is closed or broken already
            pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        self.close()

    def _take(self, size: int) -> bytes:
        data = bytes(self._received[:size])
        del self._received[:size]
        return data

    def _receive(self, most: int = RECEIVE_AT_ONCE) -> bool:
        """Wait for what comes next; False at the end."""
        patience = min(math.inf if each is None else each for each in (self.timeout, self.idle_timeout))
        expires = time.monotonic() + patience
        stop = self._tunnels.stop_signal if self.heeds_stop else None
        receive = self._connection.socket.recv
        if most < RECEIVE_AT_ONCE and self._connection.tls is not None:
            receive = self._connection.socket.recv_most  # type: ignore[attr-defined]  # it is a TLSSocket
        while not self._closed:
            try:
                data = receive(most)
            except BlockingIOError:
                if stop is not None and self.stopping:
                    return False
                left = None if expires == math.inf else max(0.0, expires - time.monotonic())
                if not wait_for(self._connection.socket, READ, left, stop):
                    raise self._silence(patience) from None
            except OSError as error:
                if self._closed:
                    break
                raise ConnectionLost(str(error), self._connection) from None
            else:
                self._received += data
                return bool(data)
        return False

    def _silence(self, seconds: float) -> Exception:
        """Return what to raise when the client has been silent for so long."""
        told = f"The client was silent for {seconds:g} seconds."
        return ConnectionLost(told, self._connection) if seconds == self.idle_timeout else TimeoutError(told)

    def _send(self, data: memoryview) -> int:
        while True:
            try:
                return self._connection.socket.send(data)
            except BlockingIOError:
                self._await_room()
            except OSError as error:
                raise ConnectionLost(str(error), self._connection) from None

    def _await_room(self) -> None:
        if not wait_for(self._connection.socket, WRITE, self._connection.settings.send_timeout):
            raise ConnectionLost("the client took nothing for too long", self._connection)
