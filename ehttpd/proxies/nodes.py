"""Who a proxy says that it talked to: an address, with a port or without, or that it does not tell.

RFC 7239 §6, and the same without quotes as X-Forwarded-For has it.
"""

from __future__ import annotations

import re
import socket

from ehttpd.errors import BadRequest
from ehttpd.proxies.trust import number_of, unmapped

# RFC 7239 §6:  node = nodename [ ":" node-port ]     node-port = 1*5DIGIT / obfport
# §6.3:         obfnode = "_" 1*( ALPHA / DIGIT / "." / "_" / "-")
# An IPv6 address without brackets is no node, but X-Forwarded-For has it everywhere.
_NODE = re.compile(
    r"\[(?P<ipv6>[0-9A-Fa-f:.]+)\](?::(?P<port6>\d{1,5}|_[\w.-]+))?"
    r"|(?P<ipv4>[0-9.]+)(?::(?P<port4>\d{1,5}|_[\w.-]+))?"
    r"|(?P<hidden>unknown|_[\w.-]+)(?::(?:\d{1,5}|_[\w.-]+))?"
    r"|(?P<bare>[0-9A-Fa-f:.]+)",
    re.ASCII | re.IGNORECASE,
)
HIDDEN = ("", 0)  # a client of whom nobody tells the address
UNIX_PEER = "unix:"  # what nginx writes of a peer at its own Unix socket


def read_node(text: str, field: str) -> tuple[str, int]:
    """Return host and port (0: not told) of a node; `HIDDEN` if it is obfuscated or unknown. Raises BadRequest."""
    try:
        socket.inet_pton(socket.AF_INET, text)
        return text, 0  # what nearly all are
    except (OSError, ValueError):
        pass
    match = _NODE.fullmatch(text)
    if text == UNIX_PEER or (match is not None and match["hidden"]):
        return HIDDEN
    host = (match["ipv6"] or match["ipv4"] or match["bare"]) if match is not None else ""
    if match is None or number_of(host) is None:
        raise BadRequest(f"{field} must name addresses. Found {text[:60]!r}.")
    port = match["port6"] or match["port4"] or "0"
    if port.isdigit() and int(port) > 65535:
        raise BadRequest(f"A port in {field} must be at most 65535. Found {text[:60]!r}.")
    return unmapped(host), int(port) if port.isdigit() else 0
