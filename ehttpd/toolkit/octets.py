"""Messages from octets and to octets, with no server.

RFC 9112. Reads from and writes to binary files, one message at a time and no octet more.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import IO, BinaryIO, Protocol, cast

from ehttpd.errors import ConnectionLost
from ehttpd.http11.framing import persists
from ehttpd.http11.limits import DEFAULT_LIMITS
from ehttpd.http11.limits import Limits as Limits  # for those above who read without a server
from ehttpd.http11.reader import RequestReader
from ehttpd.http11.serialize import serialize
from ehttpd.messages import Request, Response
from ehttpd.server.body import BodyBuffer
from ehttpd.server.budget import Budget

READ_AT_ONCE = 1 << 16
IN_MEMORY = 1 << 20  # Octets of a body. What is longer goes to a temporary file.


class Writable(Protocol):
    """Whatever takes octets."""

    def write(self, data: bytes, /) -> object:
        """Take them all."""


def read_request(source: bytes | IO[bytes], limits: Limits | None = None) -> Request | None:
    """Return the next request of a binary file, or that of octets, its body received; None at the end.

    The file then stands behind the request.

    Raises:
        RequestRefused: the request breaks a rule, or is larger than ``limits``.
        ConnectionLost: the file ends in the middle of a request.
    """
    file = io.BytesIO(source) if isinstance(source, bytes) else source
    reader = RequestReader(limits or DEFAULT_LIMITS)
    request = reader.next_request()
    while request is None:
        line = file.readline(READ_AT_ONCE)
        if not line:
            if reader.pending:
                raise ConnectionLost("The octets end in the middle of a head.", file)
            return None
        request = reader.next_request(data=line)
    if reader.in_body:
        request.body = _receive_body(reader, file)
        request.trailers = reader.trailers
    return request


def _receive_body(reader: RequestReader, file: IO[bytes]) -> BinaryIO:
    body = BodyBuffer(IN_MEMORY, Budget())
    try:
        while data := _next_data(reader, file, body.size):
            body.write(data)
        return cast("BinaryIO", body.finish())
    finally:
        body.discard()


def _next_data(reader: RequestReader, file: IO[bytes], received: int) -> bytes:
    """Return the next piece of a body of which so much has been received, ``b""`` at its end."""
    while (data := reader.next_data()) is None:
        reader.receive(_next_octets(reader.section.body_length - received, file))
    return data


def _next_octets(missing: int, file: IO[bytes]) -> bytes:
    """Return octets of a body that has a length, or of chunks: those end with a line, so no line goes beyond them."""
    read: Callable[[int], bytes] = file.read if missing > 0 else file.readline
    octets = read(min(missing, READ_AT_ONCE) if missing > 0 else READ_AT_ONCE)
    if not octets:
        raise ConnectionLost("The octets end in the middle of a body.", file)
    return octets


def write_response(response: Response, sink: Writable, request: Request | None = None) -> None:
    """Write a response, its body included, and close the body. ``request`` tells method and version.

    Raises:
        HandlerError: the response cannot be sent; nothing was written.
    """
    sink.write(serialize(response, request))


def head_of(request: Request) -> bytes:
    """Return the head of a request as octets, its empty line included. Whitespace around field values is not kept."""
    lines = [f"{request.method} {request.target} {request.version}", *map(": ".join, request.headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


def keeps_alive(request: Request) -> bool:
    """Tell whether a request lets its connection persist (RFC 9112 §9.3)."""
    return persists(request.headers.values, request.version)
