"""What comes before HTTP on a connection: a header of the PROXY protocol, the handshake of TLS, or both in this order.

Received by the lane, with deadlines of their own. Octets of a header are looked at before they are taken, so that not
one too many is: what follows may be the handshake, which reads the socket itself.
"""

from __future__ import annotations

import socket
from socket import SocketType

from ehttpd.errors import BadRequest, RequestRefused
from ehttpd.http11.state import State
from ehttpd.logs import log
from ehttpd.server.body import DECODE_AT_ONCE
from ehttpd.server.needs import Next
from ehttpd.server.poller import WRITE
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.messages.proxied import ProxyHeader
    from ehttpd.proxies.protocol import HeaderReader
    from ehttpd.server.connection import Connection
    from ehttpd.server.sender import Connected
    from ehttpd.server.tls.socket import Identity
    from ehttpd.settings import Settings

VERSIONS = {"v1": frozenset([1]), "v2": frozenset([2]), "on": frozenset([1, 2])}


class Greeter:
    """Begins greetings for the connections of a lane. The leader's."""

    def __init__(self, settings: Settings) -> None:
        from ehttpd.proxies.protocol import HeaderReader  # for those who have such proxies
        from ehttpd.proxies.trust import Trusted

        self._versions = VERSIONS[settings.proxy_protocol]
        self._reader = HeaderReader
        self._trusted = Trusted(settings.proxy_allow_ips)
        self._warned = False

    def begin(self, connection: Connection, identity: Identity | None, now: float) -> Next:
        """Have a connection begin with a header; it speaks TLS as ``identity`` afterwards."""
        greeting = Greeting(self, self._reader(self._versions), identity)
        if not self._trusted.connects(connection.remote[0]):
            return greeting.refuse(connection, BadRequest("Only a proxy that is trusted may connect here."))
        connection.underway = greeting
        return greeting.move(connection, now)

    def report(self, host: str, refusal: BadRequest) -> None:
        """Log that a connection is refused: as a warning the first time, since then the settings may be wrong."""
        (log.debug if self._warned else log.warning)(
            "A connection from %s was refused, since it must begin with the PROXY protocol of a trusted proxy "
            "(proxy_protocol, proxy_allow_ips): %s", host or "a Unix socket", refusal,
        )  # fmt: skip
        self._warned = True


class Greeting:
    """A header of the PROXY protocol while it is received."""

    def __init__(self, greeter: Greeter, reader: HeaderReader, identity: Identity | None) -> None:
        self._greeter = greeter
        self._reader = reader
        self._identity = identity

    def move(self, connection: Connection, now: float) -> Next:
        try:
            header = self._receive(connection.socket)
        except BlockingIOError:
            return Next.WAIT
        except (OSError, EOFError):
            return Next.CLOSE
        except BadRequest as refusal:
            return self.refuse(connection, refusal)
        connection.underway = None
        connection.take_proxy_header(header)
        if self._identity is not None:
            return connection.secure(self._identity, now)
        try:
            data = connection.socket.recv(DECODE_AT_ONCE)  # most send the request behind it
        except BlockingIOError:
            return Next.WAIT
        except OSError:
            return Next.CLOSE
        return connection.receive(data, now) if data else connection.receive_end()

    def expire(self, connection: Connection, now: float) -> Next:
        return Next.CLOSE

    def discard(self) -> None:
        """Do nothing: nothing is kept."""

    def refuse(self, connection: Connection, refusal: BadRequest) -> Next:
        """Refuse the connection. Who wants TLS would not understand what is said."""
        self._greeter.report(connection.remote[0], refusal)
        if self._identity is not None:
            return Next.CLOSE
        try:
            connection.reader.receive(connection.socket.recv(DECODE_AT_ONCE))  # perhaps HTTP: the answer depends on it
        except OSError:
            pass
        return connection.refuse(refusal)

    def _receive(self, connected: Connected) -> ProxyHeader:
        """Return the header once it is whole.

        Raises:
            BlockingIOError: not all of it has arrived.
            BadRequest: this is no header.
            EOFError: the connection has ended.
        """
        reader = self._reader
        while reader.header is None:
            seen = connected.recv(reader.wanted, socket.MSG_PEEK)
            if not seen:
                raise EOFError
            connected.recv(reader.take(seen))
        return reader.header


class Handshake:
    """The handshake of TLS, before anything was received over it."""

    def __init__(self, connected: SocketType, identity: Identity) -> None:
        from ehttpd.server.tls.socket import TLSSocket  # `ssl` is dear, and seldom needed

        self.secured = TLSSocket(connected, identity)

    def move(self, connection: Connection, now: float) -> Next:
        secured = self.secured
        try:
            waits_for = secured.shake_hands()
            data = b"" if waits_for else secured.surplus()
        except RequestRefused as refusal:
            connection.socket, connection.scheme = secured.plain, "http"
            connection.reader.receive(secured.plain_octets)  # they tell the method, which the answer depends on
            return connection.refuse(refusal)
        except OSError as error:
            log.debug("The TLS handshake with %s failed: %s.", connection.remote[0], error)
            return Next.CLOSE
        if secured.begun:
            connection.state = State.HANDSHAKE
        if waits_for:
            return Next.SEND if waits_for == WRITE else Next.WAIT
        # Most clients send their request at once. Until then a server that stops does not take it for idle.
        connection.underway = None
        connection.lane.handshakes += 1
        connection.deadline = now + min(connection.lane.rests_after, connection.settings.header_timeout)
        return connection.receive(data, now) if data else Next.WAIT

    def expire(self, connection: Connection, now: float) -> Next:
        return Next.CLOSE

    def discard(self) -> None:
        """Do nothing: the socket is the connection's."""
