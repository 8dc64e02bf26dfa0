"""Responses that leave HTTP for another protocol (RFC 9110 §7.8)."""

from __future__ import annotations

from collections.abc import Callable

from ehttpd.fields import FieldLines
from ehttpd.messages import Response
from ehttpd.server.switch import Switch
from ehttpd.server.tunnel import Tunnel
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

__all__ = ["Talk", "Tunnel", "switched", "upgrade"]

Talk: TypeAlias = Callable[[Tunnel], object]


def upgrade(
    protocol: str, talk: Talk, headers: FieldLines | None = None, idle_timeout: float | None = None
) -> Response:  # fmt: skip
    """Return a response that has the connection leave HTTP; see `Response.upgrade`."""
    return switched(Switch(protocol, talk if idle_timeout is None else heard(talk, idle_timeout)), headers)


def heard(talk: Talk, idle_timeout: float) -> Talk:
    """Return a talk that ends when its client is silent for so many seconds."""

    def talk_while_heard(tunnel: Tunnel) -> None:
        tunnel.idle_timeout = idle_timeout
        talk(tunnel)

    return talk_while_heard


def switched(switch: Switch, headers: FieldLines | None = None) -> Response:
    """Return the response whose body is a `Switch`."""
    response = Response(b"", 101, headers)
    response.headers["Upgrade"] = switch.protocol
    response.body = switch
    return response
