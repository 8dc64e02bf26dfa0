"""Where a message ends: how the fields of a head decide the length of the body, and whether the connection persists.

RFC 9112 §6.3 and §9.3. Looks at fields only; reading and writing the body itself is decoding.py and encoding.py.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping

from ehttpd.errors import BadRequest, ContentTooLarge, ExpectationFailed, NotImplementedHere
from ehttpd.http11 import grammar

CHUNKED = -1


class Framing(enum.Enum):
    """How the end of a response's body is told (RFC 9112 §6.3)."""

    NONE = "no body"
    LENGTH = "Content-Length"
    CHUNKED = "chunked"
    CLOSE = "the connection closes"


def body_length(values: Mapping[str, str], version: str) -> int:
    """Return the length of a request's body in octets, or `CHUNKED` (RFC 9112 §6.3).

    Raises:
        BadRequest: the fields contradict each other or themselves.
        NotImplementedHere: a transfer coding that we do not undo.
    """
    codings = values.get("transfer-encoding")
    length = values.get("content-length")
    if codings is not None:
        return _chunked(codings, length, version)
    if length is None:
        return 0
    if grammar.CONTENT_LENGTH.fullmatch(length):
        return int(length)
    if grammar.DIGITS.fullmatch(length):
        # A number all the same (RFC 9110 §8.6), with leading zeros or larger than anything we would take.
        if len(digits := length.lstrip("0")) > 18:
            raise ContentTooLarge("A Content-Length of more than 18 digits is more than this server takes.")
        return int(digits or "0")
    raise BadRequest(f"Content-Length must be one number in digits. Found {_shown(length)}.")


def _chunked(codings: str, length: str | None, version: str) -> int:
    # A sender that gives both lengths is confused or smuggling (RFC 9112 §11.2). §6.1 would let chunked win; we refuse,
    # because a proxy in front may have picked the other.
    if length is not None:
        raise BadRequest("Content-Length and Transfer-Encoding exclude each other.")
    # RFC 9112 §6.1: faulty framing, since HTTP/1.0 knows no transfer codings.
    if version == "HTTP/1.0":
        raise BadRequest("Transfer-Encoding does not exist in HTTP/1.0.")
    if codings == "chunked":
        return CHUNKED
    names = [name.strip(" \t").lower() for name in codings.split(",")]
    if names == ["chunked"]:
        return CHUNKED
    if names[-1] != "chunked" or "" in names or "chunked" in names[:-1]:
        raise BadRequest(f"chunked must be the last transfer coding, and stand there once. Found {_shown(codings)}.")
    raise NotImplementedHere(f"No transfer coding but chunked is understood. Found {_shown(codings)}.")


def persists(values: Mapping[str, str], version: str) -> bool:
    """Tell whether the connection may carry another exchange after this one (RFC 9112 §9.3)."""
    options = values.get("connection")
    if options is None:
        return version != "HTTP/1.0"
    if options == "close":
        return False
    names = {name.strip(" \t").lower() for name in options.split(",")}
    return "close" not in names and (version != "HTTP/1.0" or "keep-alive" in names)


def expects_continue(values: Mapping[str, str], version: str) -> bool:
    """Tell whether the client waits for 100 (Continue) before it sends the body (RFC 9110 §10.1.1).

    Raises:
        ExpectationFailed: the client expects something else.
    """
    expectations = values.get("expect")
    if expectations is None or version == "HTTP/1.0":
        return False
    if expectations == "100-continue":
        return True
    # RFC 9110 §10.1.1:  Expect = #expectation. §5.6.1.2: empty members of a list are ignored.
    names = {name.strip(" \t").lower() for name in expectations.split(",")} - {""}
    if names - {"100-continue"}:
        raise ExpectationFailed(f"The only expectation is 100-continue. Found {_shown(expectations)}.")
    return bool(names)


def _shown(value: str) -> str:
    """Show octets from the network: as repr, and not too many of them."""
    return repr(value if len(value) <= 60 else value[:60] + "…")
