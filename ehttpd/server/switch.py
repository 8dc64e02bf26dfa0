"""A body that is none: the connection leaves HTTP for another protocol.

RFC 9110 §7.8 and §15.2.2. Tells whether a client wants that; knows nothing of what is talked then.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11.grammar import TCHAR
from ehttpd.messages import Request
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.tunnel import Tunnel

# RFC 9110 §7.8:  protocol = protocol-name [ "/" protocol-version ]
PROTOCOL = re.compile(rf"{TCHAR}+(?:/{TCHAR}+)?")


class Switch:
    """The body of a response with status 101: what the server does instead of sending one.

    Raises HandlerError if ``protocol`` is no name of a protocol.
    """

    def __init__(self, protocol: str, talk: Callable[[Tunnel], object]) -> None:
        if not PROTOCOL.fullmatch(protocol):
            raise HandlerError(f"A protocol is a token, or two with a slash between. Found {protocol!r}.")
        self.protocol = protocol
        self._talk = talk

    def is_asked_for(self, request: Request) -> bool:
        """Tell whether the client offered to switch. RFC 9110 §7.8: HTTP/1.0 clients cannot."""
        return (
            request.version == "HTTP/1.1"
            and "upgrade" in _members(request, "connection")
            and self.protocol.lower() in _members(request, "upgrade")
        )

    def fields(self, request: Request) -> Iterable[FieldLine]:
        """Return what the protocol adds to the response. Raises RaisedAnswer if the request breaks its rules."""
        return ()

    def talk(self, request: Request, tunnel: Tunnel) -> None:
        """Talk until one of the two has enough."""
        self._talk(tunnel)

    def __iter__(self) -> Iterator[bytes]:
        raise HandlerError("Only ehttpd's own server can leave HTTP. This one wants a body.")


def _members(request: Request, name: str) -> list[str]:
    """Return the members of a field that lists tokens, in lower case (RFC 9110 §5.6.1)."""
    return [member.strip(" \t") for member in (request.headers.get(name) or "").lower().split(",")]
