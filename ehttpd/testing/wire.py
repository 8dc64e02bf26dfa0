"""Exactly these octets to a server, and all that comes back.

For what no client library would send. Knows sockets and TLS, not HTTP.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import Callable

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeAlias

# Then the host may be at its next address.
NOBODY_THERE = (errno.ECONNREFUSED, errno.EADDRNOTAVAIL, errno.ENETUNREACH, errno.EAFNOSUPPORT)
PATIENCE = 10.0  # Seconds of silence.
# Host and port, or the path of a Unix socket.
Address: TypeAlias = "tuple[str, int] | str"


def connect(address: Address, timeout: float = PATIENCE, context: ssl.SSLContext | None = None) -> socket.socket:
    """Return a connection to host and port, or to the path of a Unix socket; through TLS if there is a context."""
    if isinstance(address, str):
        return _connected(socket.AF_UNIX, "\0" + address[1:] if address.startswith("@") else address, timeout, context)
    host, port = address
    *others, last = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for family, *_, place in others:
        try:
            return _connected(family, place, timeout, context, host)
        except OSError as error:
            if error.errno not in NOBODY_THERE:
                raise
    return _connected(last[0], last[-1], timeout, context, host)


def _connected(
    family: int, place: Any, timeout: float, context: ssl.SSLContext | None, host: str = "localhost"
) -> socket.socket:  # fmt: skip
    connecting = socket.socket(family)
    try:
        if context is not None:
            # Before it is connected: CPython 3.12 loses a socket that is reset before it is wrapped.
            connecting = context.wrap_socket(connecting, server_hostname=host)
        connecting.settimeout(timeout)
        if family in (socket.AF_INET, socket.AF_INET6):  # or a body waits until its head is acknowledged: for 40 ms
            connecting.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connecting.connect(place)
    except BaseException:
        connecting.close()
        raise
    return connecting


class SecuredWire:
    """The client's end of TLS over a connection, which may have said everything and still be told (RFC 8446 §6.1).

    That is what sockets of `ssl` cannot do: their farewell takes the octets of the other side for a breach.
    """

    def __init__(self, connected: socket.socket, context: ssl.SSLContext) -> None:
        self._connected = connected
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = context.wrap_bio(self._incoming, self._outgoing, server_hostname="localhost")
        self._until_done(self._engine.do_handshake)

    def _until_done(self, step: Callable[[], Any]) -> Any:
        """Take a step of TLS, with all that has to be said and heard for it."""
        while True:
            try:
                return step()
            except ssl.SSLWantReadError:
                self._flush()
                data = self._connected.recv(65536)
                self._incoming.write(data) if data else self._incoming.write_eof()
            finally:
                self._flush()

    def _flush(self) -> None:
        if self._outgoing.pending:  # to send nothing is an error where the other side has closed
            self._connected.sendall(self._outgoing.read())

    def sendall(self, octets: bytes) -> None:
        """Encrypt octets; they are sent with the farewell, or when something is waited for.

        A farewell that comes alone may reach a server that has closed, whose system then resets the connection.
        """
        self._engine.write(octets)

    def shutdown(self, how: int) -> None:
        """Say the farewell, and go on to receive."""
        try:
            self._engine.unwrap()
        except ssl.SSLWantReadError:
            pass

    def recv(self, size: int) -> bytes:
        """Return octets, none once the other side has ended the connection, with a farewell or without."""
        try:
            data: bytes = self._until_done(lambda: self._engine.read(size))
        except (ssl.SSLZeroReturnError, ssl.SSLEOFError):
            return b""
        return data


def say(connected: socket.socket, octets: bytes, *, half_close: bool, context: ssl.SSLContext | None = None) -> bytes:
    """Send octets on a connection, through TLS if there is a context; read until the server ends it, and close it.

    ``half_close``: tell the server that nothing more will come, so that it ends the connection after its answers. What
    was received before a reset is returned. Raises TimeoutError if the server falls silent without ending it, and
    OSError if there is no handshake.
    """
    received = b""
    with connected:
        wire = connected if context is None else SecuredWire(connected, context)
        try:
            wire.sendall(octets)
            if half_close:
                wire.shutdown(socket.SHUT_WR)
            while data := wire.recv(65536):
                received += data
        except (ConnectionResetError, BrokenPipeError):
            pass
    return received
