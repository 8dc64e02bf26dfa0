"""Where a request comes from, as the fields of trusted proxies tell it: the client, its scheme, host and prefix.

Each proxy appends to X-Forwarded-For, or to Forwarded, whom it talked to. So the last entry is the word of whoever
connects to us, and what stands before it may be an invention of whoever it names. Therefore the list is walked from its
end: as long as the entries are proxies that are trusted themselves, or for a number of hops.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ehttpd.errors import BadRequest
from ehttpd.http11.head import check_host
from ehttpd.messages import percent_decode
from ehttpd.proxies.forwarded import read_elements, written
from ehttpd.proxies.nodes import HIDDEN, UNIX_PEER, read_node
from ehttpd.proxies.trust import Trusted

FORWARDED = "forwarded"
FOR, PROTO, HOST, PORT, PREFIX = (f"x-forwarded-{name}" for name in ("for", "proto", "host", "port", "prefix"))
KNOWN = (FORWARDED, FOR, PROTO, HOST, PORT, PREFIX)

# WebSockets have schemes of their own (RFC 6455 §3), and some proxies tell those.
SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
DEFAULT_PORTS = {"http": 80, "https": 443}
# RFC 3986 §3.3: segments of pchar, and none of them empty: what begins with two slashes would name a host wherever it
# is used as a reference. Percent-encoding may bring in no slash either, nor a backslash, which browsers take for one,
# nor a control character.
_PREFIX = re.compile(r"(?:/(?:[A-Za-z0-9._~!$&'()*+,;=:@-]|%(?!2[Ff]|5[Cc]|[01]|7[Ff])[0-9A-Fa-f]{2})+)*/?")


class Origin:
    """What is believed of a request. None, or nothing: it was not told, and what the connection shows holds.

    ``fields`` are the values under which the application may still see what was believed, by field name: lists without
    the entries that nobody vouches for.
    """

    __slots__ = ("fields", "host", "name", "port", "prefix", "remote", "scheme")

    def __init__(self) -> None:
        self.remote: tuple[str, int] | None = None
        self.scheme: str | None = None
        self.host: str | None = None  # as the field Host would have it
        self.name = ""  # the host alone
        self.port: int | None = None
        self.prefix = ""
        self.fields: dict[str, str] = {}

    @property
    def told(self) -> tuple[str | None, str | None, str | None]:
        """Address, scheme and host, to be compared."""
        return self.remote and self.remote[0], self.scheme, self.host and self.host.lower()


def read_origin(said: Mapping[str, str], host: str, trusted: Trusted, hops: int) -> Origin:
    """Return what the fields ``said`` tell, a trusted peer having sent them; ``host`` is what Host says.

    ``hops``: how many proxies there are, whatever their addresses; 0: as many as are trusted.

    Raises:
        BadRequest: a value that counts is malformed, or Forwarded and X-Forwarded-* tell different things.
    """
    if FORWARDED not in said:
        origin = _from_x_forwarded(said, trusted, hops)
    else:
        origin = _from_forwarded(said[FORWARDED], trusted, hops)
        if len(said) > 1:
            other = _from_x_forwarded(said, trusted, hops)
            if origin.told != other.told:
                # One of them is the client's: proxies pass on what they do not set. Nobody can tell which.
                raise BadRequest("Forwarded and X-Forwarded-* must tell the same client, scheme and host.")
            other.fields.update(origin.fields)
            origin = other
    if origin.host is not None or origin.port is not None:
        _settle_host(origin, host)
    return origin


def _from_x_forwarded(said: Mapping[str, str], trusted: Trusted, hops: int) -> Origin:
    origin, depth = Origin(), hops or 1
    if FOR in said:
        entries = [entry for entry in _entries(said[FOR]) if entry]
        depth, origin.remote = _walk(entries, trusted, hops, "X-Forwarded-For")
        if depth:
            origin.fields[FOR] = ", ".join(entries[-depth:])
    for name, read in _READERS.items():
        if name in said:
            # An entry for each hop; or fewer, if not each proxy appends: then the first of them.
            entries = _entries(said[name])
            value = entries[-min(max(depth, 1), len(entries))]
            read(origin, value)
            origin.fields[name] = value
    return origin


def _entries(value: str) -> list[str]:
    return [entry.strip(" \t") for entry in value.split(",")] if "," in value else [value]


def _from_forwarded(value: str, trusted: Trusted, hops: int) -> Origin:
    origin, elements = Origin(), read_elements(value)
    nodes = [element.get("for", "unknown") for element in elements]
    depth, origin.remote = _walk(nodes, trusted, hops, "Forwarded")
    believed = elements[-depth:] if depth else []
    if believed and "for" not in believed[0] and hops == 0:
        origin.remote = None  # nobody said
    for element in reversed(believed):  # so that the proxy nearest to the client has the last word
        if "proto" in element:
            _read_scheme(origin, element["proto"])
        if "host" in element:
            _read_host(origin, element["host"])
    if believed:
        origin.fields[FORWARDED] = ", ".join(map(written, believed))
    return origin


def _walk(
    entries: list[str], trusted: Trusted, hops: int, field: str
) -> tuple[int, tuple[str, int] | None]:  # fmt: skip
    """Return how many entries from the end are believed, and the first of them: the client."""
    if hops:
        depth = min(hops, len(entries))
        return depth, read_node(entries[-depth], field) if depth else None
    client: tuple[str, int] | None = None
    for depth, entry in enumerate(reversed(entries), 1):
        client = read_node(entry, field)
        if entry == UNIX_PEER and trusted.connects(""):
            continue
        if client == HIDDEN or not trusted.includes(client[0]):
            return depth, client
    return len(entries), client


def _read_scheme(origin: Origin, value: str) -> None:
    scheme = SCHEMES.get(value.lower())
    if scheme is None:
        raise BadRequest(f"A forwarded scheme must be http or https. Found {value[:20]!r}.")
    origin.scheme = scheme


def _read_host(origin: Origin, value: str) -> None:
    check_host(value)
    if not value:
        raise BadRequest("A forwarded host must not be empty.")
    origin.host = value


def _read_port(origin: Origin, value: str) -> None:
    if not re.fullmatch(r"[0-9]{1,5}", value) or not 0 < int(value) < 65536:
        raise BadRequest(f"A forwarded port must be a number from 1 to 65535. Found {value[:20]!r}.")
    origin.port = int(value)


def _read_prefix(origin: Origin, value: str) -> None:
    if not _PREFIX.fullmatch(value):
        raise BadRequest(f"A forwarded prefix must be a path. Found {value[:60]!r}.")
    origin.prefix = percent_decode(value.rstrip("/")).decode("latin-1") if "%" in value else value.rstrip("/")


_READERS = {PROTO: _read_scheme, HOST: _read_host, PORT: _read_port, PREFIX: _read_prefix}


def _settle_host(origin: Origin, asked: str) -> None:
    """Bring the host and the port that were told into one value of Host, and one port."""
    host = origin.host if origin.host is not None else asked
    name, _, digits = host.rpartition(":") if re.search(r":[0-9]*$", host) else (host, "", "")
    default = DEFAULT_PORTS.get(origin.scheme or "")
    origin.name = name
    if origin.port is not None:
        origin.host = (name if origin.port == default else f"{name}:{origin.port}") if name else None
    else:
        origin.port = int(digits) if digits else default
    if origin.host is not None:
        origin.fields["host"] = origin.host
