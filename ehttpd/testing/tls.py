"""TLS for the connections of a test server, until server/ has its own.

The operating system's and OpenSSL's. A connection of the server expects a socket that does not block and says so with
BlockingIOError; this is one, around what `ssl` offers.
"""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

from ehttpd.server.listener import Address, Listener
from ehttpd.testing.faults import Ending, Fault

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from ehttpd.testing.connection import Observer


class TLSSocket:
    """A connected socket whose octets are encrypted. The handshake is made by the first that reads."""

    scheme = "https"

    def __init__(self, connected: ssl.SSLSocket, broken: Fault | None) -> None:
        self._connected = connected
        self._broken = broken
        self.fileno = connected.fileno
        self.setsockopt = connected.setsockopt
        self.close = connected.close

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has arrived, at most ``size`` octets; of more, nobody would be told. Raises BlockingIOError."""
        if flags:  # looking ahead is for plain sockets: nothing is here but what has been read
            raise BlockingIOError
        if self._broken is not None and self._connected.version() is None:
            return self._break_handshake(self._broken, size)
        received = bytearray()
        while len(received) < size:
            try:
                data = self._connected.recv(size - len(received))
            except ssl.SSLWantReadError:
                break
            except ssl.SSLEOFError:
                return bytes(received)
            if not data:
                return bytes(received)
            received += data
        if not received:
            raise BlockingIOError
        return bytes(received)

    def recv_into(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self.recv(len(view))
        view[: len(data)] = data
        return len(data)

    def send(self, data: ReadableBuffer) -> int:
        """Send what there is room for; return how much. Raises BlockingIOError."""
        try:
            return self._connected.send(data)
        except (ssl.SSLWantWriteError, ssl.SSLWantReadError):
            raise BlockingIOError from None

    def shutdown(self, how: int) -> None:
        """End the connection in one direction: with the alert that says so, then TCP's way."""
        try:
            self._connected.unwrap()
        except (OSError, ValueError):  # the client has not answered yet, or has gone
            pass
        socket.socket.shutdown(self._connected, how)

    def _break_handshake(self, broken: Fault, size: int) -> bytes:
        octets, ending, _ = broken.interruption()
        if ending is Ending.STALL:
            if socket.socket.recv(self._connected, size):  # or the poller would tell of it again and again
                raise BlockingIOError
            return b""
        if octets:
            socket.socket.send(self._connected, octets)
        if ending is Ending.RESET:
            self._connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        raise ConnectionAbortedError("the handshake goes wrong on purpose")


class TLSListener(Listener):
    """A listener whose connections speak TLS."""

    def __init__(self, listening: Any, name: str, context: ssl.SSLContext, observer: Observer) -> None:
        super().__init__(listening, name)
        self._context = context
        self._observer = observer

    def accept(self) -> tuple[socket.socket, Address]:
        connected, remote = super().accept()
        wrapped = self._context.wrap_socket(connected, server_side=True, do_handshake_on_connect=False)
        return TLSSocket(wrapped, self._observer.break_at("tls")), remote  # type: ignore[return-value]
