"""The PROXY protocol on a connection: received before anything else, by the lane, with the deadline of a head.

Octets are looked at before they are taken, so that not one too many is: what follows may be the handshake of TLS, which
reads the socket itself.
"""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from ehttpd.errors import BadRequest
from ehttpd.logs import log

if TYPE_CHECKING:
    from ehttpd.messages.proxied import ProxyHeader
    from ehttpd.proxies.protocol import HeaderReader
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

    def begin(self, host: str, identity: Identity | None) -> Greeting:
        """Return a greeting for a connection from ``host``, which speaks TLS as ``identity`` afterwards.

        Raises:
            BadRequest: the host is not trusted.
        """
        if not self._trusted.connects(host):
            raise BadRequest("Only a proxy that is trusted may connect here.")
        return Greeting(self._reader(self._versions), identity)

    def report(self, host: str, refusal: BadRequest) -> None:
        """Log that a connection is refused: as a warning the first time, since then the settings may be wrong."""
        (log.debug if self._warned else log.warning)(
            "A connection from %s was refused, since it must begin with the PROXY protocol of a trusted proxy "
            "(--proxy-protocol, --proxy-allow-ips): %s", host or "a Unix socket", refusal,
        )  # fmt: skip
        self._warned = True


class Greeting:
    """A header while it is received; in the place of a body, so that the lane has the connection moved."""

    def __init__(self, reader: HeaderReader, identity: Identity | None) -> None:
        self.identity = identity
        self._reader = reader

    def receive(self, connected: Connected) -> ProxyHeader:
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

    def discard(self) -> None:
        """Do nothing: nothing is kept."""
