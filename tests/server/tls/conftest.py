"""Servers with certificates, and clients that speak TLS to them."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehttpd.messages import Handler, Request, Response
from ehttpd.testing.certificates import Authority, session_authority
from tests.server.conftest import LiveServers
from tests.server.live import LiveServer, Peer

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


class SecureServer:
    """A server that speaks TLS, and its authority."""

    def __init__(self, server: LiveServer, authority: Authority) -> None:
        self.server = server
        self.authority = authority

    def connect(
        self,
        context: ssl.SSLContext | None = None,
        name: str = "localhost",
        session: ssl.SSLSession | None = None,
        **options: Any,
    ) -> Peer:
        """Return a peer that has shaken hands."""
        plain = self.server.connect(**options)
        self.server.peers.remove(plain)
        plain._file.close()
        wrapped = (context or self.authority.client_context()).wrap_socket(
            plain.socket, server_hostname=name, session=session
        )
        peer = Peer(wrapped)
        self.server.peers.append(peer)
        return peer


SecureServers = Callable[..., SecureServer]


@pytest.fixture(scope="session")
def authority() -> Authority:
    return session_authority()


@pytest.fixture(scope="session")
def certificate(authority: Authority) -> str:
    """The path of a certificate for localhost, with its key."""
    return authority.pem_for()


@pytest.fixture
def secure_server(live_server: LiveServers, authority: Authority, certificate: str) -> SecureServers:
    """Start servers that speak TLS; options are those of `Server`."""

    def start(handler: Handler | None = None, **options: Any) -> SecureServer:
        if "tls" not in options:
            options = {"certfile": certificate, **options}
        return SecureServer(live_server(handler, **options), authority)

    return start


@pytest.fixture(params=VERSIONS)
def context(request: pytest.FixtureRequest, authority: Authority) -> Iterator[ssl.SSLContext]:
    """A client's context, once for each version of TLS."""
    context = authority.client_context()
    context.maximum_version = VERSIONS[request.param]
    yield context


def echo(request: Request) -> Response:
    return Response(request.body.read())
