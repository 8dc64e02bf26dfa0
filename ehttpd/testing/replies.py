"""What a rule answers: values on their way to a `Response`.

The test author's. Knows HTTP's meaning, not its wire: faults are elsewhere. What cannot be sent is refused where it is
written, not when a request comes.
"""

from __future__ import annotations

import json
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import chain, repeat
from pathlib import Path
from threading import Event
from typing import IO, Any, TypeAlias, TypedDict

from ehttpd.fields import FieldLine, FieldLines
from ehttpd.http11.writer import encode_head, interim
from ehttpd.messages import Request, Response
from ehttpd.testing.delivery import pause, whole_body

Lines: TypeAlias = "FieldLines | Mapping[str, str | int]"
Interim: TypeAlias = "int | tuple[int, Lines]"
Body: TypeAlias = "bytes | IO[bytes] | Iterable[bytes]"
# Pieces a second, where a response is throttled.
THROTTLED_PIECES = 20
CONTENTS = ("json", "text", "body", "file", "stream")


class ReplyOptions(TypedDict, total=False):
    """What a reply may be told besides its status: one content at most, and how it is sent."""

    json: object
    text: str
    body: bytes | str
    file: str | Path
    stream: Iterable[bytes] | Callable[[], Iterable[bytes]]  # an iterator can be sent once
    chunks: Sequence[bytes] | Sequence[int] | int  # a content of its own, or how long the chunks of another are
    headers: Lines
    trailers: Lines
    informational: Interim | Sequence[Interim]
    delay: float  # seconds
    throttle: float  # octets a second


class Reply:
    """An answer that can be given any number of times, unless its ``stream`` is an iterator.

    Raises:
        TypeError: there are two contents, or something is of the wrong type.
        HandlerError: it cannot be sent.
    """

    def __init__(self, status: int, options: ReplyOptions) -> None:
        if not isinstance(status, int):
            raise TypeError(f"The first that a reply is told is its status, a number. Found {status!r}.")
        given: dict[str, Any] = {name: each for name, each in options.items() if each is not None or name == "json"}
        if unknown := given.keys() - ReplyOptions.__annotations__.keys():
            raise TypeError(f"A reply knows no {', '.join(map(repr, sorted(unknown)))}.")
        self._status = status
        self._headers = field_lines(given.get("headers", ()))
        self._trailers = field_lines(given["trailers"]) if "trailers" in given else None
        self._informational = list(interim_responses(given.get("informational", ())))
        self._delay, self._throttle = duration(given, "delay"), duration(given, "throttle")
        chunks = given.get("chunks", ())
        self._sizes = sizes_of(chunks)
        self._content, media_type = content_of(given if self._sizes or not chunks else {**given, "stream": chunks})
        if media_type and not any(name.lower() == "content-type" for name, _ in self._headers):
            self._headers.append(("Content-Type", media_type))
        encode_head(status, self._headers, None)

    def respond(self, request: Request, ending: Event) -> Response:
        """Return the response to a request, after its delay. Raises ConnectionLost if the server stops meanwhile."""
        for status, fields in self._informational:
            request.client.send_interim(request, status, fields)
        if self._delay:
            pause(self._delay, ending)
        response = Response(b"", self._status, self._headers)
        response.body = body = self._body()
        if self._trailers is not None:
            trailers = self._trailers
            response.trailers = lambda: trailers
        if self._throttle:
            if isinstance(body, bytes):
                response.headers.setdefault("Content-Length", str(len(body)))
            response.body = throttled([body] if isinstance(body, bytes) else body, self._throttle, ending)
        return response

    def _body(self) -> Body:
        """Return the content as it is to be sent: octets, a file, or pieces that become chunks."""
        body = self._content()
        if self._sizes:
            return list(cut(whole_body(body), self._sizes))
        if hasattr(body, "read") and (self._throttle or self._trailers is not None):
            body = whole_body(body)
        return [body] if isinstance(body, bytes) and self._trailers is not None else body


def content_of(given: Mapping[str, Any]) -> tuple[Callable[[], Body], str]:
    """Return what makes the content that is given, and its media type; nothing if that is not known."""
    names = [name for name in CONTENTS if name in given]
    if len(names) > 1:
        raise TypeError("Give one of json, text, body, file, stream and chunks; or one of them and the size of chunks.")
    name = names[0] if names else "body"
    value = given.get(name, b"")
    if name == "stream":
        return stream_of(value), ""
    if name == "file":
        return (lambda: Path(value).open("rb")), mimetypes.guess_type(value)[0] or "application/octet-stream"
    if name == "json":
        data, media_type = json.dumps(value).encode(), "application/json"
    else:
        data, media_type = octets(value, name), "text/plain; charset=utf-8" if name == "text" else ""
    return (lambda: data), media_type


def octets(value: object, name: str) -> bytes:
    """Return text or octets as octets. Raises TypeError."""
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, (bytes, bytearray, memoryview)):
        raise TypeError(f"{name} is text or octets. Found {value!r}.")
    return bytes(value)


def stream_of(value: Any) -> Callable[[], Body]:
    """Return what gives the pieces of a stream again and again; those of an iterator once."""
    if callable(value):
        return value  # type: ignore[no-any-return]
    if isinstance(value, (bytes, bytearray, memoryview, str)):
        return lambda: [octets(value, "stream")]
    if not isinstance(value, Iterator):
        pieces = [octets(piece, "a piece of a stream") for piece in value]
        return lambda: pieces
    unread = [value]

    def pieces_once() -> Body:
        if not unread:
            raise RuntimeError("The stream of a reply was an iterator, and has been read: give a list or a function.")
        return unread.pop()

    return pieces_once


def sizes_of(chunks: Any) -> list[int]:
    """Return how long the chunks of a content are to be; nothing if ``chunks`` is not about that."""
    sizes = [chunks] if isinstance(chunks, int) else list(chunks)
    if not sizes or not all(isinstance(size, int) for size in sizes):
        return []
    if min(sizes) < 1:
        raise ValueError(f"A chunk has one octet or more. Found {min(sizes)}.")
    return sizes


def cut(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Yield data in pieces of these sizes; the last holds for all that follows."""
    begin = 0
    for size in chain(sizes, repeat(sizes[-1])):
        if begin >= len(data):
            return
        yield data[begin : begin + size]
        begin += size


def field_lines(lines: Lines) -> list[FieldLine]:
    """Return the lines of a section; numbers, such as those of Retry-After, are written as text. Raises TypeError."""
    pairs: Iterable[tuple[Any, Any]] = lines.items() if isinstance(lines, Mapping) else lines
    section = [(name, str(value) if type(value) is int else value) for name, value in pairs]
    for name, value in section:
        if not (isinstance(name, str) and isinstance(value, str)):
            raise TypeError(f"The name and the value of a field are text. Found {name!r}: {value!r}.")
    return section


def interim_responses(given: Any) -> Iterator[tuple[int, list[FieldLine]]]:
    """Yield the status and the fields of each interim response. Raises HandlerError if one cannot be sent."""
    alone = isinstance(given, int) or (isinstance(given, tuple) and len(given) == 2 and not isinstance(given[1], int))
    for each in [given] if alone else given:
        status, fields = each if isinstance(each, tuple) else (each, ())
        lines = field_lines(fields)
        interim(status, lines)
        yield status, lines


def duration(given: Mapping[str, Any], name: str) -> float:
    """Return a number that is not negative, 0 if it is not given. Raises TypeError, ValueError."""
    number = given.get(name, 0.0)
    if not isinstance(number, (int, float)):
        raise TypeError(f"{name} is a number. Found {number!r}.")
    if number < 0:
        raise ValueError(f"{name} cannot be negative. Found {number!r}.")
    return float(number)


def throttled(pieces: Iterable[bytes], rate: float, ending: Event) -> Iterator[bytes]:
    """Yield pieces at ``rate`` octets a second."""
    size = max(1, int(rate / THROTTLED_PIECES))
    for piece in pieces:
        for part in cut(piece, [size]):
            pause(len(part) / rate, ending)
            yield part
