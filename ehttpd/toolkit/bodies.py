"""The body of a request as octets, text, JSON or a file, and what keeps it from being that.

RFC 9110 §8.3 and §15.5, RFC 8259. Knows how a body is read, not how it arrives.
"""

from __future__ import annotations

import json
import math
import os
import re
from collections.abc import Callable, Iterator
from encodings import normalize_encoding
from encodings.aliases import aliases

from ehttpd.errors import BadRequest, ContentTooLarge
from ehttpd.http11.grammar import TCHAR
from ehttpd.messages import Request
from ehttpd.toolkit.refusals import UnsupportedMediaType
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

READ_AT_ONCE = 1 << 16
# RFC 9110 §8.3.1:  media-type = type "/" subtype parameters;  parameter = parameter-name "=" parameter-value
PARAMETER = re.compile(rf';[ \t]*({TCHAR}+)=({TCHAR}+|"(?:[^"\\]|\\.)*")')
# What text may be in. KOI8-U is the one charset of the IANA's that Python knows by no other name.
CHARSETS = frozenset((*aliases.values(), "koi8_u"))


def read_all(request: Request, limit: int | None = None) -> bytes:
    """Return the body. It is kept: who asks again gets it again, in this way or another.

    Raises:
        ContentTooLarge: it is longer than ``limit``. If its length was told, nothing has been read.
    """
    kept = kept_of(request)
    content: bytes | None = kept.get("content")
    if content is None:
        check_length(request.content_length or 0, limit)
        content = kept["content"] = b"".join(pieces_of(request, limit))
    check_length(len(content), limit)
    return content


def kept_of(request: Request) -> dict[str, Any]:
    """Return what is kept of the body of a request, which is one for those outside and below a mount."""
    kept: dict[str, Any] = request.origin.__dict__.setdefault("_kept", {})
    return kept


def pieces_of(request: Request, limit: int | None) -> Iterator[bytes]:
    """Yield the body piece by piece, as it arrives. Raises ContentTooLarge where it goes on beyond ``limit``."""
    content: bytes | None = kept_of(request).get("content")
    if content is not None:
        check_length(len(content), limit)
        yield content
        return
    size = 0
    # What a program or another server gives for a body may know no more than `read`.
    read: Callable[[int], bytes] = getattr(request.body, "read1", request.body.read)
    while piece := read(READ_AT_ONCE):
        size += len(piece)
        check_length(size, limit)
        yield piece


def check_length(length: int, limit: int | None) -> None:
    """Raises ContentTooLarge if a length is beyond the limit."""
    if limit is not None and length > limit:
        raise ContentTooLarge(f"The body may have {limit} octets.")


def save(request: Request, path: str | os.PathLike[str], limit: int | None = None) -> int:
    """Write the body to a new or existing file, which is there as a whole or not at all; return its length.

    Raises:
        ContentTooLarge: it is longer than ``limit``.
        OSError: it cannot be written.
    """
    check_length(request.content_length or 0, limit)
    # Its name is hidden, and not longer for a long one: a file system has an end to that.
    unfinished = os.path.join(os.path.dirname(path), f".{os.urandom(6).hex()}.part")
    try:
        with open(unfinished, "xb") as file:
            size = sum(map(file.write, pieces_of(request, limit)))
        os.replace(unfinished, path)
    except BaseException:
        if os.path.exists(unfinished):
            os.unlink(unfinished)
        raise
    return size


def media_type(request: Request) -> tuple[str, dict[str, str]]:
    """Return the media type of the body and its parameters, names in lower case; an empty type if nobody said."""
    name, semicolon, rest = (request.headers.get("content-type") or "").partition(";")
    parameters = {
        parameter.lower(): value if value[0] != '"' else re.sub(r"\\(.)", r"\1", value[1:-1])
        for parameter, value in PARAMETER.findall(semicolon + rest)
    }
    return name.strip(" \t").lower(), parameters


def check_coding(request: Request) -> None:
    """Refuse a body with a content coding (RFC 9110 §8.4): decoding it is nobody's wish until somebody says so."""
    coding = (request.headers.get("content-encoding") or "identity").strip(" \t").lower()
    if coding != "identity":
        raise UnsupportedMediaType(f"The body must not be encoded. Content-Encoding is {coding[:60]!r}.")


def read_text(request: Request, limit: int | None = None) -> str:
    """Return the body as text, in the charset that its type names, else in UTF-8.

    Raises:
        BadRequest: it is not in that charset.
        UnsupportedMediaType: there is no such charset, or the body is compressed.
        ContentTooLarge: it is longer than ``limit``.
    """
    check_coding(request)
    charset = media_type(request)[1].get("charset", "utf-8")
    return text_in(charset, read_all(request, limit))


def text_in(charset: str, content: bytes, errors: str = "strict") -> str:
    """Return octets as text. ``errors`` says, as in Python, what becomes of those that are none; see `read_text`."""
    name = normalize_encoding(charset.lower())
    codec = aliases.get(name, name)
    try:
        # Python keeps every name that it was ever asked for, in whatever spelling, known or not: a client has no end
        # of them.
        if codec not in CHARSETS:
            raise LookupError(charset)
        return content.decode(codec, errors)
    except UnicodeError:
        raise BadRequest(f"The body must be text in {charset[:60]!r}.") from None
    except LookupError:  # also of what Python calls a charset, and is none, such as hex
        raise UnsupportedMediaType(f"The body is in a charset that is not known here: {charset[:60]!r}.") from None


def read_json(request: Request, limit: int | None = None) -> Any:
    """Return the value that the body is as JSON (RFC 8259), whatever its Content-Type says: ``curl --data`` and urllib
    call everything a form.

    Raises:
        BadRequest: it is no JSON.
        UnsupportedMediaType: it is compressed.
        ContentTooLarge: it is longer than ``limit``.
    """
    check_coding(request)
    content = read_all(request, limit)
    try:
        text = content.decode()
        value = _decoder.decode(text)
        if SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
        return value
    except json.JSONDecodeError as error:
        raise BadRequest(f"The body must be JSON: {error}.") from None
    except UnicodeError:  # also of half a character, such as "\ud83d" (RFC 8259 §8.2)
        raise BadRequest("The body must be JSON in UTF-8.") from None
    except (ValueError, RecursionError):  # more digits or levels than Python reads
        raise BadRequest("The body must be JSON of reasonable numbers and depth.") from None


def _refuse_constant(name: str) -> Any:
    raise BadRequest(f"The body must be JSON, which has no {name}.")


def _finite(digits: str) -> float:
    """Return a number. Raises ValueError for one that would become infinite, which is no JSON any more."""
    number = float(digits)
    if math.isinf(number):
        raise ValueError(digits)
    return number


_decoder = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_finite)
# Maybe: halves of characters may be there in pairs.
SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")
