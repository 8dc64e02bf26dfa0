"""The head of a response: status line, header section, and how the end of the body is told.

RFC 9112 §4 to §6, RFC 9110 §6.4. What cannot be sent safely raises HandlerError before an octet of it is out.
"""

from __future__ import annotations

from collections.abc import Iterable

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine, Headers
from ehttpd.http11 import grammar
from ehttpd.http11.framing import Framing
from ehttpd.http11.sections import (
    NO_PAIRS,
    KnownSections,
    encode_field_lines,
    encode_listed,
    encode_section,
    encode_upgrade,
)
from ehttpd.messages import Status
from ehttpd.messages.response import SharedFields
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_BY_LENGTH, _BY_CLOSING = Framing.LENGTH, Framing.CLOSE
_UNUSUAL = frozenset((204, 205, 304, 426))
MOST_STATUS_LINES = 1000
MOST_LENGTH_LINES = 1000
_known_sections = KnownSections()


class KnownStatusLines(dict[str, bytes]):
    """Status codes with their reason phrases -> status lines. Ask it for any: what it does not know it makes."""

    def __missing__(self, text: str) -> bytes:
        """Raises HandlerError for what is no final status."""
        if not grammar.STATUS.fullmatch(text) or not "200" <= text[:3] < "600":
            raise HandlerError(
                f"A final response has a status from 200 to 599 and a reason in one line. Found {text!r}."
            )
        line = f"HTTP/1.1 {text}\r\n".encode("latin-1")
        if len(self) < MOST_STATUS_LINES:
            self[text] = line
        return line


class UsualStatusLines(dict[int, bytes]):
    """The same, by the code alone."""

    def __missing__(self, status: int) -> bytes:
        """Raises HandlerError for what is no final status, or no number."""
        if not isinstance(status, int):
            raise HandlerError(f"A status is a number from 200 to 599. Found {status!r}.")
        line = self[status] = _known_status_lines[Status(status).text]
        return line


_known_status_lines = KnownStatusLines()
_usual_status_lines = UsualStatusLines()


class KnownLengthLines(dict[int, bytes]):
    """Lengths -> field lines that tell them. Ask it for any: what it does not know it makes."""

    def __missing__(self, length: int) -> bytes:
        line = b"Content-Length: %d\r\n" % length
        if len(self) < MOST_LENGTH_LINES:
            self[length] = line
        return line


_known_length_lines = KnownLengthLines()


class Standing:
    """The fields that a server adds to every response: whole field lines with CRLF. One is made a second, for all of
    them.
    """

    __slots__ = ("date", "octets", "others", "server")

    def __init__(self, date: bytes = b"", server: bytes = b"", others: bytes = b"") -> None:
        self.date = date
        self.server = server
        self.others = others
        self.octets = date + server + others + b"\r\n"  # with the empty line that ends the head


NOTHING_STANDING = Standing()

# The head of a response, ready to be sent, and what it promises: octets, framing, the body's length with
# Framing.LENGTH, and whether the connection persists. A plain tuple, for one is made for every response.
Head: TypeAlias = tuple[bytes, Framing, int, bool]


def encode_head(
    status: int,
    headers: Iterable[FieldLine],
    body_length: int | None,
    method: str = "GET",
    version: str = "HTTP/1.1",
    persistent: bool = True,
    standing: Standing = NOTHING_STANDING,
    trailers: bool = False,
) -> Head:
    """Return the head of a final response.

    ``body_length`` is None if it is not known. What is ``standing`` is added unless the application gives its own.
    Framing follows RFC 9112 §6: the given or known length, else chunks, else closing. A Trailer field is sent only
    where ``trailers`` may follow.

    Raises:
        HandlerError: the status or a field cannot be sent.
    """
    try:
        lines = tuple(headers._lines if type(headers) is Headers else headers)  # five times as fast as to iterate
    except TypeError:
        raise HandlerError(NO_PAIRS) from None
    try:
        section = _known_sections[lines]
    except TypeError:  # a line that is a list, or worse
        section = encode_section(lines)
    octets, declared, length_line, closes, has_date, has_server = section
    status_line = _known_status_lines[status.text] if type(status) is Status else _usual_status_lines[status]
    length = declared
    if declared is None and body_length is not None:
        length, length_line = body_length, _known_length_lines[body_length]
    if length is not None and method != "HEAD" and status not in _UNUSUAL:
        framing, framing_line = _BY_LENGTH, length_line
    else:
        framing, framing_line = _frame(status, length, length_line, declared is not None, method, version)
        length = length if length is not None and framing is _BY_LENGTH else 0
        if status == 426:
            framing_line += encode_upgrade(lines)  # RFC 9110 §15.5.22: it must say to what
        if trailers and framing is Framing.CHUNKED:
            framing_line += encode_listed("Trailer", lines)  # RFC 9110 §6.6.2: it should say which
    persistent = persistent and not closes and framing is not _BY_CLOSING
    if not persistent:
        framing_line += b"Connection: close\r\n"
    elif version == "HTTP/1.0":
        framing_line += b"Connection: keep-alive\r\n"
    last = standing.octets
    if has_date or has_server:
        server = b"" if has_server else standing.server
        last = (b"" if has_date else standing.date) + server + standing.others + b"\r\n"
    return b"".join((status_line, octets, framing_line, last)), framing, length, persistent


def encode_shared(
    fields: SharedFields, status: int, body: bytes, method: str, version: str, standing: Standing
) -> bytes | None:  # fmt: skip
    """Return a response whole, for a connection that persists: what `encode_head` gives, in a third of the time. None
    if method, version or status want another framing, or the status has a reason of its own.

    Raises:
        HandlerError: the status cannot be sent.
    """
    if version != "HTTP/1.1" or method == "HEAD":
        return None
    begun = fields.derived.get(status)
    if begun is None or type(status) is not int:  # one with a reason of its own is equal to its code
        if type(status) is not int or status in _UNUSUAL:
            return None
        begun = fields.derived[status] = _usual_status_lines[status] + _known_sections[fields.lines][0]
    return b"".join((begun, _known_length_lines[len(body)], standing.octets, body))


def _frame(
    status: int, length: int | None, length_line: bytes, declared: bool, method: str, version: str
) -> tuple[Framing, bytes]:  # fmt: skip
    """Return how the body ends, and the field line that says so (RFC 9112 §6.3)."""
    if status == 205:  # RFC 9110 §15.3.6: no content, and said so
        return Framing.NONE, b"Content-Length: 0\r\n"
    if method == "HEAD" or status in (204, 304):
        # RFC 9110 §8.6: no Content-Length with 204; with HEAD and 304 only that of the body which is not sent. An empty
        # body given for a HEAD request says nothing about the length of a GET's; nor does 0 with 304, which frameworks
        # count of the body that they leave out.
        known = declared and bool(length) if status == 304 else declared or bool(length)
        return Framing.NONE, length_line if known and status != 204 else b""
    if length is not None:
        return Framing.LENGTH, length_line
    if version == "HTTP/1.0":
        return Framing.CLOSE, b""
    return Framing.CHUNKED, b"Transfer-Encoding: chunked\r\n"


def switching(protocol: str, headers: Iterable[FieldLine] = ()) -> bytes:
    """Return the head after which a connection is no more HTTP (RFC 9110 §15.2.2).

    Raises HandlerError if a field cannot be sent. Those that concern the connection are left out, as everywhere.
    """
    status_line = f"HTTP/1.1 {Status(101).text}\r\n".encode()
    return b"".join((status_line, encode_upgrade([("Upgrade", protocol)]), encode_section(headers)[0], b"\r\n"))


def interim(status: int, headers: Iterable[FieldLine] = ()) -> bytes:
    """Return an interim response (RFC 9110 §15.2). Raises HandlerError for another status."""
    if not 100 <= status < 200 or status == 101:
        raise HandlerError(f"An interim response has a status from 100 to 199, not 101. Found {status}.")
    return f"HTTP/1.1 {Status(status).text}\r\n".encode() + encode_field_lines(headers) + b"\r\n"


CONTINUE = interim(100)
