"""Responses to octets: status line, header section, framing.

RFC 9112 §4 to §6, RFC 9110 §6.4. What cannot be sent safely raises HandlerError before an octet of it is out.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple, cast

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11 import grammar
from ehttpd.http11.framing import Framing
from ehttpd.messages import Request, Response, Status

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
NO_CONTENT = frozenset((204, 304))


class Head(NamedTuple):
    """The head of a response, ready to be sent, and what it promises."""

    octets: bytes
    framing: Framing
    length: int  # of the body, with Framing.LENGTH
    persistent: bool


def encode_head(
    status: int,
    headers: Iterable[FieldLine],
    body_length: int | None,
    method: str = "GET",
    version: str = "HTTP/1.1",
    persistent: bool = True,
    date: str = "",
    server: str = "",
) -> Head:
    """Return the head of a final response.

    ``body_length`` is None if it is not known; ``date`` and ``server`` are whole field lines with CRLF, left out if the
    application gives its own. Framing follows RFC 9112 §6: the given or known length, else chunks, else closing.

    Raises:
        HandlerError: the status or a field cannot be sent.
    """
    text = status.text if type(status) is Status else _STATUS_TEXTS.get(status)
    if text is None or status < 200:
        raise HandlerError(f"A final response has a status from 200 to 599. Found {status!r}.")
    lines = ["HTTP/1.1 " + text]
    declared: int | None = None
    for name, value in headers:
        kind = _KINDS.get(name)
        if kind is None:
            kind = _learn(name)
        if type(value) is not str:
            raise HandlerError(f"The value of the field {name!r} must be str. Found {type(value).__name__}.")
        if kind:
            if kind == _LENGTH:
                declared = _declared_length(value, declared)
                continue
            if kind == _CONNECTION and "close" in value.lower():
                persistent = False
            if kind == _DATE:
                date = ""
            elif kind == _SERVER:
                server = ""
            else:
                continue
        lines.append(f"{name}: {value}")
    framing, length, line = _framing(status, declared, body_length, method, version)
    if line:
        lines.append(line)
    if framing is Framing.CLOSE:
        persistent = False
    if not persistent:
        lines.append("Connection: close")
    elif version == "HTTP/1.0":
        lines.append("Connection: keep-alive")
    octets = _encode(lines)
    return Head(octets + (date + server + "\r\n").encode("latin-1"), framing, length, persistent)


def _framing(
    status: int, declared: int | None, known: int | None, method: str, version: str
) -> tuple[Framing, int, str | None]:
    """Return how the body ends, its length, and the field line that says so (RFC 9112 §6.3)."""
    length = known if declared is None else declared
    if method == "HEAD" or status in NO_CONTENT:
        # RFC 9110 §8.6: no Content-Length with 204; with HEAD and 304 only that of the body which is not sent. An empty
        # body given for a HEAD request says nothing about the length of a GET's.
        if status == 204 or declared is None:
            return Framing.NONE, 0, f"Content-Length: {known}" if known and status != 204 else None
        return Framing.NONE, 0, f"Content-Length: {declared}"
    if status == 205:  # RFC 9110 §15.3.6: no content, and said so
        return Framing.NONE, 0, "Content-Length: 0"
    if length is not None:
        return Framing.LENGTH, length, f"Content-Length: {length}"
    if version == "HTTP/1.0":
        return Framing.CLOSE, 0, None
    return Framing.CHUNKED, 0, "Transfer-Encoding: chunked"


def _encode(lines: list[str]) -> bytes:
    try:
        octets = ("\r\n".join(lines) + "\r\n").encode("latin-1")
    except UnicodeEncodeError:
        raise _unsendable(lines) from None
    if octets.translate(None, grammar.FIELD_OCTETS) != b"\r\n" * len(lines):
        raise _unsendable(lines)
    return octets


def _unsendable(lines: list[str]) -> HandlerError:
    for line in lines:
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


def _declared_length(value: str, earlier: int | None) -> int:
    if not grammar.CONTENT_LENGTH.fullmatch(value) or earlier is not None:
        raise HandlerError(f"Content-Length must be one number in digits, given once. Found {value!r}.")
    return int(value)


def encode_field_lines(lines: Iterable[FieldLine]) -> bytes:
    """Return field lines as octets, each with its CRLF. Raises HandlerError for one that cannot be sent."""
    texts = []
    for name, value in lines:
        if _KINDS.get(name) is None:
            _learn(name)
        texts.append(f"{name}: {value}")
    return _encode(texts) if texts else b""


def interim(status: int, headers: Iterable[FieldLine] = ()) -> bytes:
    """Return an interim response (RFC 9110 §15.2). Raises HandlerError for another status."""
    if not 100 <= status < 200 or status == 101:
        raise HandlerError(f"An interim response has a status from 100 to 199, not 101. Found {status}.")
    return f"HTTP/1.1 {Status(status).text}\r\n".encode() + encode_field_lines(headers) + b"\r\n"


CONTINUE = interim(100)


def serialize(response: Response, request: Request | None = None, *, persistent: bool = True) -> bytes:
    """Return a whole response as octets, for those who use this package without a server.

    ``request`` tells method and version; without it, a GET of HTTP/1.1 is answered.
    """
    from ehttpd.http11.encoding import encode_chunk, encode_last_chunk

    body = response.body
    method, version = (request.method, request.version) if request else ("GET", "HTTP/1.1")
    head = encode_head(
        response.status,
        response.headers,
        len(body) if isinstance(body, bytes) else None,
        method=method,
        version=version,
        persistent=persistent,
    )
    pieces: Iterator[bytes] = iter([body] if isinstance(body, bytes) else cast("Iterable[bytes]", body))
    if head.framing is Framing.NONE:
        return head.octets
    if head.framing is Framing.CHUNKED:
        trailers = response.trailers() if response.trailers else ()
        chunks = b"".join(encode_chunk(piece) for piece in pieces if piece)
        return head.octets + chunks + encode_last_chunk(cast("Iterable[FieldLine]", trailers))
    data = b"".join(pieces)
    if head.framing is Framing.LENGTH and len(data) != head.length:
        raise HandlerError(f"Content-Length says {head.length} octets, but the body has {len(data)}.")
    return head.octets + data
