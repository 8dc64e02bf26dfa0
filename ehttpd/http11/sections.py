"""Header sections of responses: from names and values to octets, checked, and what they say about the message.

RFC 9112 §5, RFC 9110 §5.5. Applications answer with the same section again and again, so sections that were encoded
of late are remembered, as those of requests are.
"""

from __future__ import annotations

from collections.abc import Iterable

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11 import grammar
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

_ORDINARY, _LENGTH, _CONNECTION, _DROPPED, _DATE, _SERVER = range(6)

# What the writer does with a field, by its name in lower case. RFC 9110 §7.6.1: these concern one connection, so they
# are the server's and not the application's. Many applications set them all the same, so they are left out rather
# than refused.
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
_CRLFS = [b"\r\n" * count for count in range(256)]

# Sections that are remembered: so many of them, of at most so many octets. One with a cookie belongs to one client.
MOST_SECTIONS = 500
MOST_OCTETS_KEPT = 1000


NO_PAIRS = "Fields must be given as a list of pairs: name and value, both str."

# An application's header section, but for the fields that are the server's business: octets, what Content-Length says
# and its line, whether there is Connection: close, Date, Server. A plain tuple, since each response takes it apart.
Section: TypeAlias = tuple[bytes, "int | None", bytes, bool, bool, bool]


class KnownSections(dict[tuple[FieldLine, ...], Section]):
    """Header sections -> what they are encoded to. Ask it for any: what it does not know it encodes.

    Sections that have not been asked for while five hundred others came are forgotten. Any thread.
    """

    def __init__(self) -> None:
        self._older: dict[tuple[FieldLine, ...], Section] = {}

    def __missing__(self, lines: tuple[FieldLine, ...]) -> Section:
        section = self._older.get(lines)
        if section is None:
            if lines and isinstance(lines[0], str):  # a dictionary's keys, of which those of two letters pass for pairs
                raise HandlerError(NO_PAIRS)
            section = encode_section(lines)
        octets = section[0]
        if len(octets) <= MOST_OCTETS_KEPT and b"cookie:" not in octets.lower():
            if len(self) >= MOST_SECTIONS:
                self._older = dict(self)
                self.clear()
            self[lines] = section
        return section


def encode_section(lines: Iterable[FieldLine]) -> Section:
    """Return a header section as octets. Raises HandlerError for a field that cannot be sent."""
    texts: list[str] = []
    length, length_line = None, b""
    closes = has_date = has_server = False
    try:
        for name, value in lines:
            kind = _kind(name, value)
            if kind == _LENGTH:
                length, length_line = _declared_length(name, value, length)
                continue
            if kind == _CONNECTION:
                closes = closes or "close" in [option.strip() for option in value.lower().split(",")]
            if kind in (_CONNECTION, _DROPPED):
                continue
            has_date = has_date or kind == _DATE
            has_server = has_server or kind == _SERVER
            texts.append("".join((name, ": ", value, "\r\n")))  # as `_line`
    except (TypeError, ValueError):
        raise HandlerError(NO_PAIRS) from None
    return _encode(texts), length, length_line, closes, has_date, has_server


def encode_field_lines(lines: Iterable[FieldLine]) -> bytes:
    """Return field lines of a trailer section or an interim response as octets, each with its CRLF.

    Raises HandlerError for one that cannot be sent, or that would frame a message there (RFC 9110 §6.5.1, §8.6).
    """
    texts = []
    for name, value in lines:
        if _kind(name, value) in (_LENGTH, _CONNECTION, _DROPPED):
            raise HandlerError(f"In this place a field must not frame a message. Found {name!r}.")
        texts.append(_line(name, value))
    return _encode(texts)


def encode_upgrade(lines: Iterable[FieldLine]) -> bytes:
    """Return the Upgrade fields among some, with the Connection field that belongs to them (RFC 9110 §7.8).

    Raises HandlerError for one that cannot be sent.
    """
    upgrade = encode_listed("Upgrade", lines)
    return upgrade + b"Connection: upgrade\r\n" if upgrade else b""


def encode_listed(wanted: str, lines: Iterable[FieldLine]) -> bytes:
    """Return those of some fields that are called ``wanted`` as one; nothing if there are none.

    Raises HandlerError for one that cannot be sent.
    """
    values = [value for name, value in lines if name.lower() == wanted.lower()]
    return _encode([f"{wanted}: {', '.join(values)}\r\n"]) if values else b""


def _kind(name: str, value: str) -> int:
    kind = _KINDS.get(name)
    if kind is None:
        kind = _learn(name)
    if not isinstance(value, str):
        raise HandlerError(f"The value of the field {name!r} must be str. Found {type(value).__name__}.")
    return kind


def _learn(name: str) -> int:
    if type(name) is not str or not grammar.TOKEN.fullmatch(name):
        raise HandlerError(f"A field name must be a token. Found {name!r}.")
    kind = _SPECIAL.get(name.lower(), _ORDINARY)
    if len(_KINDS) < _MOST_NAMES:
        _KINDS[name] = kind
    return kind


def _declared_length(name: str, value: str, earlier: int | None) -> tuple[int, bytes]:
    if earlier is not None or not (value.isdigit() and value.isascii() and len(value) <= 18):
        raise HandlerError(f"Content-Length must be one number in digits, given once. Found {value!r}.")
    return int(value), _line(name, value).encode()


def _line(name: str, value: str) -> str:
    return "".join((name, ": ", value, "\r\n"))  # never what a subclass of str would make of itself


def _encode(lines: list[str]) -> bytes:
    """Join lines, and check that the result has so many line ends, and no control characters besides."""
    try:
        octets = "".join(lines).encode("latin-1")
    except UnicodeEncodeError:
        raise _unsendable(lines) from None
    count = len(lines)
    if octets.translate(None, grammar.FIELD_OCTETS) != (_CRLFS[count] if count < 256 else b"\r\n" * count):
        raise _unsendable(lines)
    return octets


def _unsendable(lines: list[str]) -> HandlerError:
    for line in lines:
        text = line.removesuffix("\r\n")
        if not grammar.FIELD_VALUE.fullmatch(text) or any(character > "\xff" for character in text):
            name = text.partition(":")[0]
            return HandlerError(
                f"A field must not have control characters or characters beyond latin-1: {name[:60]!r}."
            )
    raise AssertionError("every line can be sent")
