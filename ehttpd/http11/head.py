"""The head of a request: request line and header section, from octets to values.

RFC 9112 §3 and §5, RFC 9110 §5. Single field lines are fieldlines.py's.
"""

from __future__ import annotations

from collections.abc import Iterator

from ehttpd.errors import BadRequest, ContentTooLarge, FieldsTooLarge, NotImplementedHere, VersionNotSupported
from ehttpd.fields import FieldLine, Fields
from ehttpd.http11 import grammar
from ehttpd.http11.fieldlines import REPEATING, KnownLines, parse_field_line
from ehttpd.http11.framing import body_length, expects_continue, persists
from ehttpd.http11.limits import Limits
from ehttpd.messages import METHODS

MOST_HOSTS = 1000
LONGEST_HOST_KEPT = 64
MOST_PORT = 65535

KNOWN_METHODS = {name.encode(): name for name in METHODS}
VERSIONS = {b"HTTP/1.1": "HTTP/1.1", b"HTTP/1.0": "HTTP/1.0"}
_known_lines = KnownLines()


FRAMING = frozenset(("content-length", "transfer-encoding", "connection", "expect"))


class RequestLine:
    """A parsed request line. ``authority`` is the host of an absolute-form target, else None (RFC 9112 §3.2.2).

    ``derived`` is a place for what somebody computed from it and wants to find again with it.
    """

    __slots__ = ("authority", "derived", "method", "target", "version")

    def __init__(self, method: str, target: str, version: str, authority: str | None) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.authority = authority
        self.derived: str | None = None


class HeaderSection:
    """A parsed header section, and what it says about the message: its framing (RFC 9112 §6.3, §9.3)."""

    __slots__ = ("body_length", "expects_continue", "fields", "forwarded", "persistent")

    def __init__(self, fields: Fields, version: str) -> None:
        values = fields.values
        self.fields = fields
        # Whether there may be fields that say how the request was forwarded (RFC 7239, and X-Forwarded-*).
        self.forwarded = "forwarded" in "\n".join(values)
        if FRAMING.isdisjoint(values):
            self.body_length, self.persistent, self.expects_continue = 0, version != "HTTP/1.0", False
        else:
            self.body_length = body_length(values, version)
            self.persistent = persists(values, version)
            self.expects_continue = expects_continue(values, version)
        host = values.get("host")
        if host is not None:
            if host not in _valid_hosts:
                check_host(host)
        elif version != "HTTP/1.0":
            raise BadRequest("A request must have a Host field.")

    def again(self) -> HeaderSection:
        """Return the same section, read anew: with nothing derived from its fields."""
        section = HeaderSection.__new__(HeaderSection)
        section.fields = self.fields.again()
        section.forwarded = self.forwarded
        section.body_length = self.body_length
        section.persistent = self.persistent
        section.expects_continue = self.expects_continue
        return section


def parse_request_line(line: bytes) -> RequestLine:
    """Return the request line without its CRLF, parsed.

    Raises:
        BadRequest: it is not method, space, request target, space, version (RFC 9112 §3).
        VersionNotSupported: it is not HTTP/1.
        NotImplementedHere: the method is CONNECT; this is no tunnel (RFC 9110 §9.3.6).
    """
    try:
        method_octets, target_octets, version_octets = line.split(b" ")
    except ValueError:
        raise BadRequest(
            f"A request line must be: method, one space, request target, one space, version. Found {line[:60]!r}."
        ) from None
    version = VERSIONS.get(version_octets) or _parse_version(version_octets)
    method = KNOWN_METHODS.get(method_octets) or _parse_method(method_octets)
    if not target_octets or target_octets.translate(None, grammar.TARGET_OCTETS):
        raise BadRequest(f"A request target is visible ASCII without '#'. Found {target_octets[:60]!r}.")
    target = target_octets.decode("ascii")
    if method == "CONNECT":
        raise NotImplementedHere("This server is no proxy: it makes no tunnels (CONNECT).")
    if target[0] == "/":
        return RequestLine(method, target, version, None)
    return RequestLine(method, target, version, _authority(method, target))


def _parse_version(octets: bytes) -> str:
    version = grammar.HTTP_VERSION.fullmatch(octets)
    if not version:
        raise BadRequest(f"A version must be HTTP/, a digit, a dot, a digit. Found {octets[:20]!r}.")
    if version[1] != b"1":
        raise VersionNotSupported(f"This server speaks HTTP/1.1 and HTTP/1.0. Found {octets!r}.")
    return octets.decode("ascii")


def _parse_method(octets: bytes) -> str:
    method = octets.decode("latin-1")
    if not grammar.METHOD.fullmatch(method):
        raise BadRequest(f"A method must be a token. Found {octets[:40]!r}.")
    return method


def _authority(method: str, target: str) -> str | None:
    """Check a target that is not in origin-form; return the authority of one in absolute-form."""
    absolute = grammar.ABSOLUTE_FORM.fullmatch(target)
    if absolute:
        authority = absolute[1]
        if not authority:
            raise BadRequest("The host of a request target in absolute-form must not be empty.")
        check_host(authority)
        return authority
    if target == "*" and method == "OPTIONS":
        return None
    raise BadRequest(
        "A request target must begin with '/', or be an http URI without user information, or, for OPTIONS, '*'. "
        f"Found {target[:60]!r}."
    )


_valid_hosts: set[str] = set()


def check_host(value: str) -> None:
    """Check a Host field (RFC 9110 §7.2, RFC 9112 §3.2). Raises BadRequest."""
    host = grammar.HOST.fullmatch(value)
    if not host or (host["ipv6"] and not _is_ipv6(host["ipv6"])):
        raise BadRequest(f"Host must be one host, with a port or without. Found {value[:60]!r}.")
    # RFC 9110 §4.2.1: an http URI has a host. Host is empty where the target URI has no authority at all (§7.2).
    if value[:1] == ":":
        raise BadRequest(f"Host must not be a port alone. Found {value[:60]!r}.")
    # TCP has no more; and what some read as a number, others cut to its last sixteen bits.
    port = (host["port"] or "").lstrip("0")
    if len(port) > 5 or int(port or 0) > MOST_PORT:
        raise BadRequest(f"The port of Host must be at most {MOST_PORT}. Found {value[:60]!r}.")
    if len(_valid_hosts) < MOST_HOSTS and len(value) <= LONGEST_HOST_KEPT:
        _valid_hosts.add(value)


def _is_ipv6(address: str) -> bool:
    import ipaddress  # dear to import, and seldom needed

    try:
        ipaddress.IPv6Address(address)
    except ValueError:
        return False
    return True


class Sections:
    """Parses the header sections of many connections.

    Who connects anew for every request, such as a probe, sends the same section each time. So the last one is kept with
    what it parsed to, as a reader does for its own connection; but only if nothing in it identifies anybody. Any
    thread.
    """

    def __init__(self) -> None:
        self._last: tuple[bytes, str, Limits, HeaderSection] | None = None

    def parse(self, octets: bytes, version: str, limits: Limits) -> HeaderSection:
        """Return a header section: all its lines, and the empty line after them, each with its CRLF.

        Raises:
            RequestRefused: see `parse_section` and `HeaderSection`; or the body is longer than ``limits`` allow.
        """
        last = self._last
        if last is not None and last[0] == octets and last[1] == version and last[2] is limits:
            return last[3].again()
        section = HeaderSection(parse_section(octets, limits), version)
        if 0 < limits.body < section.body_length:
            raise ContentTooLarge(f"A body may have {limits.body} octets. Content-Length is {section.body_length}.")
        if REPEATING.issuperset(section.fields.values):
            self._last = octets, version, limits, section
        return section


def parse_section(octets: bytes, limits: Limits) -> Fields:
    """Return the fields of a header section: all its lines, and the empty line after them, each with its CRLF.

    Raises BadRequest (RFC 9112 §5), FieldsTooLarge (RFC 6585 §5).
    """
    lines = _lines(octets) if len(octets) <= limits.field_size else _many_lines(octets, limits)
    count = len(lines)
    if count > limits.fields:
        raise _too_many(count, limits)
    values = dict(map(_known_lines.__getitem__, lines))
    # With a field that is repeated, the lines have to be looked at one by one, and their values combined.
    return Fields(SectionLines(octets), values if len(values) == count else None)


def _lines(octets: bytes) -> list[str]:
    return octets[:-4].decode("latin-1").split("\r\n") if len(octets) > 2 else []


def parse_lines(octets: bytes) -> Iterator[FieldLine]:
    """Return the lines of a section as they were sent. Raises BadRequest."""
    return map(parse_field_line, _lines(octets))


class SectionLines:
    """The field lines of a section, parsed when somebody wants them as they were sent. Few do; the octets are kept
    anyway.
    """

    __slots__ = ("_octets",)

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def __iter__(self) -> Iterator[FieldLine]:
        return parse_lines(self._octets)


def _many_lines(octets: bytes, limits: Limits) -> list[str]:
    """Return the lines of a large section. They are counted before they are told apart: 10,000 take 0.3 ms of the
    leader's time, and a crowd may send them.
    """
    count = octets.count(b"\r\n") - 1
    if count > limits.fields:
        raise _too_many(count, limits)
    lines = _lines(octets)
    longest = max(map(len, lines))
    if longest > limits.field_size:
        raise FieldsTooLarge(f"A field line may have {limits.field_size} octets. Found {longest}.")
    return lines


def _too_many(count: int, limits: Limits) -> FieldsTooLarge:
    return FieldsTooLarge(f"A request may have {limits.fields} fields. Found {count}.")
