"""Responses to octets: status line, header section, framing.

RFC 9112 §4 to §6, RFC 9110 §6.4. What cannot be sent safely raises HandlerError before an octet of it is out.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TypeAlias

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11 import grammar
from ehttpd.http11.framing import Framing
from ehttpd.messages import Status

# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_BY_LENGTH = Framing.LENGTH

_ORDINARY, _LENGTH, _CONNECTION, _DROPPED, _DATE, _SERVER = range(6)

# What the writer does with a field, by its name in lower case. RFC 9110 §7.6.1: these concern one connection, so they are
# the server's and not the application's. Many applications set them all the same, so they are left out rather than refused.
_SPECIAL = {
    "content-length": _LENGTH,
    "connection": _CONNECTION,
    "date": _DATE,
    "server": _SERVER,
    **dict.fromkeys(
        ("keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"),
        _DROPPED,
    ),
}
# The same by the name as written, for the names seen: valid tokens only, and not without bound.
_KINDS: dict[str, int] = {}
_MOST_NAMES = 2000
_STATUS_TEXTS = {code: Status(code).text for code in range(200, 600)}
_CRLFS = [b"\r\n" * count for count in range(256)]
_UNUSUAL = frozenset((204, 205, 304))


class Standing:
    """The fields that a server adds to every response: whole field lines with CRLF. One is made a second, for all of them."""

    __slots__ = ("date", "ends", "server", "text")

    def __init__(self, date: str = "", server: str = "") -> None:
        self.date = date
        self.server = server
        self.text = date + server + "\r\n"  # with the empty line that ends the head
        self.ends = self.text.count("\r\n")


NOTHING_STANDING = Standing()

# The head of a response, ready to be sent, and what it promises: octets, framing, the body's length with Framing.LENGTH, and
# whether the connection persists. A plain tuple, for one is made for every response.
Head: TypeAlias = tuple[bytes, Framing, int, bool]


def encode_head(
    status: int,
    headers: Iterable[FieldLine],
    body_length: int | None,
    method: str = "GET",
    version: str = "HTTP/1.1",
    persistent: bool = True,
    standing: Standing = NOTHING_STANDING,
) -> Head:
    """Return the head of a final response.

    ``body_length`` is None if it is not known. What is ``standing`` is added unless the application gives its own. Framing
    follows RFC 9112 §6: the given or known length, else chunks, else closing.

    Raises:
        HandlerError: the status or a field cannot be sent.
    """
    lines = ["HTTP/1.1 " + (status.text if type(status) is Status else _status_text(status))]
    length, length_line = body_length, None
    for name, value in headers:
        kind = _KINDS.get(name)
        if kind is None:
            kind = _learn(name)
        if type(value) is not str:
            raise HandlerError(f"The value of the field {name!r} must be str. Found {type(value).__name__}.")
        if kind:
            if kind == _LENGTH:
                length = _declared_length(value, length_line)
                length_line = f"{name}: {value}"
                continue
            if kind == _CONNECTION:
                persistent = persistent and "close" not in value.lower()
                continue
            if kind == _DROPPED:
                continue
            standing = Standing(server=standing.server) if kind == _DATE else Standing(date=standing.date)
        lines.append(f"{name}: {value}")
    if length is not None and method != "HEAD" and status not in _UNUSUAL:
        framing = _BY_LENGTH
        lines.append(length_line or f"Content-Length: {length}")
    else:
        framing, length = _frame(lines, status, length, length_line, method, version)
        persistent = persistent and framing is not Framing.CLOSE
    if not persistent:
        lines.append("Connection: close")
    elif version == "HTTP/1.0":
        lines.append("Connection: keep-alive")
    lines.append(standing.text)
    return _encode(lines, len(lines) - 1 + standing.ends), framing, length, persistent


def _status_text(status: int) -> str:
    text = _STATUS_TEXTS.get(status)
    if text is None:
        raise HandlerError(f"A final response has a status from 200 to 599. Found {status!r}.")
    return text


def _frame(
    lines: list[str], status: int, length: int | None, length_line: str | None, method: str, version: str
) -> tuple[Framing, int]:  # fmt: skip
    """Return how the body ends, and its length; add the field line that says so (RFC 9112 §6.3)."""
    if status == 205:  # RFC 9110 §15.3.6: no content, and said so
        lines.append("Content-Length: 0")
        return Framing.NONE, 0
    if method == "HEAD" or status in (204, 304):
        # RFC 9110 §8.6: no Content-Length with 204; with HEAD and 304 only that of the body which is not sent. An empty
        # body given for a HEAD request says nothing about the length of a GET's.
        if status != 204 and (length_line or (length and status != 304)):
            lines.append(length_line or f"Content-Length: {length}")
        return Framing.NONE, 0
    if version == "HTTP/1.0":
        return Framing.CLOSE, 0
    lines.append("Transfer-Encoding: chunked")
    return Framing.CHUNKED, 0


def _encode(lines: list[str], ends: int) -> bytes:
    """Join lines, and check that the result has so many line ends, and no control characters besides."""
    try:
        octets = "\r\n".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        raise _unsendable(lines) from None
    if octets.translate(None, grammar.FIELD_OCTETS) != (_CRLFS[ends] if ends < 256 else b"\r\n" * ends):
        raise _unsendable(lines)
    return octets


def _unsendable(lines: list[str]) -> HandlerError:
    for line in lines[:-1]:
        if not grammar.FIELD_VALUE.fullmatch(line) or any(character > "\xff" for character in line):
            name = line.partition(":")[0]
            return HandlerError(f"A field must not have control characters or characters beyond latin-1: {name[:60]!r}.")
    raise AssertionError("every line can be sent")


def _learn(name: str) -> int:
    if type(name) is not str or not grammar.TOKEN.fullmatch(name):
        raise HandlerError(f"A field name must be a token. Found {name!r}.")
    kind = _SPECIAL.get(name.lower(), _ORDINARY)
    if len(_KINDS) < _MOST_NAMES:
        _KINDS[name] = kind
    return kind


def _declared_length(value: str, earlier: str | None) -> int:
    if earlier is not None or not (value.isdigit() and value.isascii() and len(value) <= 18):
        raise HandlerError(f"Content-Length must be one number in digits, given once. Found {value!r}.")
    return int(value)


def encode_field_lines(lines: Iterable[FieldLine]) -> bytes:
    """Return field lines of a trailer section or an interim response as octets, each with its CRLF.

    Raises HandlerError for one that cannot be sent, or that would frame a message there (RFC 9110 §6.5.1, §8.6).
    """
    texts = []
    for name, value in lines:
        kind = _KINDS.get(name)
        if kind is None:
            kind = _learn(name)
        if type(value) is not str or kind in (_LENGTH, _CONNECTION, _DROPPED):
            raise HandlerError(f"In this place a field must be str, and must not frame a message. Found {name!r}.")
        texts.append(f"{name}: {value}")
    return _encode([*texts, ""], len(texts)) if texts else b""


def interim(status: int, headers: Iterable[FieldLine] = ()) -> bytes:
    """Return an interim response (RFC 9110 §15.2). Raises HandlerError for another status."""
    if not 100 <= status < 200 or status == 101:
        raise HandlerError(f"An interim response has a status from 100 to 199, not 101. Found {status}.")
    return f"HTTP/1.1 {Status(status).text}\r\n".encode() + encode_field_lines(headers) + b"\r\n"


CONTINUE = interim(100)
