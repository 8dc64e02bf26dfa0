"""The client behind a proxy: who asked, as the proxy tells it, on the connection that the proxy has made."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ehttpd.cancellation import Disconnection
from ehttpd.fields import FieldLine
from ehttpd.messages import Client, Request
from ehttpd.proxies.origin import Origin
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.messages.proxied import ProxyHeader
    from ehttpd.messages.tls import TLS


class ClientBehindProxy(Client):
    """Who asked, as trusted proxies tell it. What is sent, and whether somebody has left, is the connection's."""

    __slots__ = ("_connection", "derived", "origin")

    by_proxy = True

    def __init__(self, connection: Client, origin: Origin, remote: tuple[str, int] | None) -> None:
        self._connection = connection
        self.origin = origin
        self.derived = None
        self.remote = connection.remote if remote is None else remote
        self.scheme = connection.scheme if origin.scheme is None else origin.scheme
        host, port = connection.local
        self.local = origin.name or host, port if origin.port is None else origin.port

    @property
    def connection(self) -> Client:
        return self._connection

    @property
    def secured(self) -> bool:
        return self._connection.secured

    @property
    def prefix(self) -> str:
        return self.origin.prefix

    @property
    def proxy_protocol(self) -> ProxyHeader | None:
        return self._connection.proxy_protocol

    @property
    def tls(self) -> TLS | None:
        return self._connection.tls

    def name_of(self, request: Request) -> str:
        return self._connection.name_of(request)

    @property
    def response_begun(self) -> bool:
        return self._connection.response_begun

    @property
    def disconnected(self) -> Disconnection:
        return self._connection.disconnected

    def has_left(self) -> bool:
        return self._connection.has_left()

    def call_when_left(self, call: Callable[[], object]) -> bool:
        return self._connection.call_when_left(call)

    def start_response(self, request: Request, status: int, headers: Iterable[FieldLine]) -> Callable[[bytes], None]:
        return self._connection.start_response(request, status, headers)

    def take_over(self) -> Any:
        return self._connection.take_over()

    def send_interim(self, request: Request, status: int, headers: Iterable[FieldLine]) -> None:
        self._connection.send_interim(request, status, headers)
