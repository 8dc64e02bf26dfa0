"""Responses that leave HTTP for another protocol (RFC 9110 §7.8)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ehttpd.fields import FieldLines
from ehttpd.messages import Response
from ehttpd.server.switch import Switch
from ehttpd.server.tunnel import Tunnel

__all__ = ["Talk", "Tunnel", "switched", "upgrade"]

Talk: TypeAlias = Callable[[Tunnel], object]


def upgrade(protocol: str, talk: Talk, headers: FieldLines = ()) -> Response:
    """Return a response that has the connection leave HTTP; see `Response.upgrade`."""
    return switched(Switch(protocol, talk), headers)


def switched(switch: Switch, headers: FieldLines = ()) -> Response:
    """Return the response whose body is a `Switch`."""
    response = Response(b"", 101, headers)
    response.headers["Upgrade"] = switch.protocol
    response.body = switch
    return response
