"""Who asked, and what may be sent before the handler returns. RFC 9110 §3.3."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ehttpd.cancellation import Disconnection
from ehttpd.fields import FieldLine
from ehttpd.messages.naming import new_name
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.messages.proxied import ProxyHeader
    from ehttpd.messages.request import Request
    from ehttpd.messages.tls import TLS
    from ehttpd.toolkit.upgrade import Tunnel


class Client:
    """Who asked: the two ends of the connection, as the server sees them, and what may be sent before the handler
    returns.

    ``remote`` and ``local`` are host and port; for a Unix socket, its path and 0. ``scheme`` is ``"http"`` or
    ``"https"``.
    """

    __slots__ = ("local", "remote", "scheme")

    def __init__(
        self, remote: tuple[str, int] = ("", 0), local: tuple[str, int] = ("", 0), scheme: str = "http"
    ) -> None:
        self.remote = remote
        self.local = local
        self.scheme = scheme

    by_proxy = False
    """Whether trusted proxies have told who asked."""
    derived: Any = None
    """A place for what an adapter makes of that."""

    @property
    def connection(self) -> Client:
        """Who is connected: this client, or the proxy that tells of it."""
        return self

    @property
    def secured(self) -> bool:
        """Whether requests for https URIs may come this way: by TLS, or by a gateway that is trusted (RFC 9110
        §7.4).
        """
        return self.scheme == "https"

    @property
    def prefix(self) -> str:
        """The path that proxies have cut off from that which the client asked for, nothing as a rule."""
        return ""

    @property
    def proxy_protocol(self) -> ProxyHeader | None:
        """What a proxy has said before anything else (the PROXY protocol); None where none is expected."""
        return None

    def name_of(self, request: Request) -> str:
        """Return a name for a request that has none yet; see `Request.id`."""
        return new_name()

    @property
    def tls(self) -> TLS | None:
        """What TLS tells about the connection; None if it is not encrypted, or not by this server."""
        return None

    @property
    def response_begun(self) -> bool:
        """Whether a part of the current response has been sent."""
        return False

    @property
    def disconnected(self) -> Disconnection:
        """Whether the client has left, as far as anybody knows."""
        return Disconnection(self)

    def has_left(self) -> bool:
        """Tell whether the client has left; see `Disconnection`."""
        return False

    def call_when_left(self, call: Callable[[], object]) -> bool:
        """Have ``call`` called when the client leaves during this exchange; False if it has left."""
        return True

    def start_response(self, request: Request, status: int, headers: Iterable[FieldLine]) -> Callable[[bytes], None]:
        """Send the head of the final response now; return what sends a piece of its body. The handler's thread only."""
        raise NotImplementedError("there is no server behind this request")

    def take_over(self) -> Tunnel:
        """Have the connection leave HTTP: nothing more is answered. The handler's thread only, which gives up its place
        in the pool until the handler returns.

        Raises:
            ServiceUnavailable: ``max_upgrades`` connections have left already.
        """
        raise NotImplementedError("there is no server behind this request")

    def send_interim(self, request: Request, status: int, headers: Iterable[FieldLine]) -> None:
        """Send an interim response, 102 to 199 (RFC 9110 §15.2); nothing to HTTP/1.0. The handler's thread only."""
        raise NotImplementedError("there is no server behind this request")


NO_CLIENT = Client()
