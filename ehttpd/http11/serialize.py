"""Whole responses to octets, for those who use this package without a server.

RFC 9112 §2.1.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ehttpd.errors import HandlerError
from ehttpd.fields import Fields
from ehttpd.http11.encoding import encode_chunk, encode_last_chunk
from ehttpd.http11.framing import Framing
from ehttpd.http11.writer import NOTHING_STANDING, Head, Standing, encode_head
from ehttpd.messages import NO_FIELDS, Request, Response, close_body


def serialize(
    response: Response,
    request: Request | None = None,
    *,
    persistent: bool = True,
    standing: Standing = NOTHING_STANDING,
) -> bytes:
    """Return a response as octets, its body included.

    ``request`` tells method and version; without it, a GET of HTTP/1.1 is answered. What is ``standing`` is added. The
    body is closed if it can be.

    Raises:
        HandlerError: the head cannot be sent, a piece of the body is not bytes, or it is not as long as its
            Content-Length says.
    """
    body = response.body
    try:
        return _serialize(response, request, persistent, standing)
    finally:
        close_body(body)


def _serialize(response: Response, request: Request | None, persistent: bool, standing: Standing) -> bytes:
    body = response.body
    method, version = (request.method, request.version) if request else ("GET", "HTTP/1.1")
    length = len(body) if isinstance(body, bytes) else None

    def head(length: int | None) -> Head:
        return encode_head(
            response.status, response.headers, length, method, version, persistent, standing,
            response.trailers is not None,
        )  # fmt: skip

    octets, framing, promised, _ = head(length)
    if framing is Framing.NONE:
        return octets
    pieces = [piece for piece in _checked([body] if isinstance(body, bytes) else body) if piece]
    if framing is not Framing.LENGTH:
        trailers = NO_FIELDS if response.trailers is None else Fields(response.trailers())
        if not pieces and not trailers:
            return head(0)[0]  # as the server does: RFC 9110 §8.6 asks for a length that is known
        if framing is Framing.CHUNKED:
            return octets + b"".join(map(encode_chunk, pieces)) + encode_last_chunk(trailers)
    data = b"".join(pieces)
    if framing is Framing.LENGTH and len(data) != promised:
        raise HandlerError(f"Content-Length says {promised} octets, but the body has {len(data)}.")
    return octets + data


def _checked(pieces: Iterable[bytes]) -> Iterator[bytes]:
    for piece in pieces:
        if not isinstance(piece, (bytes, bytearray, memoryview)):
            raise HandlerError(f"A piece of a body must be bytes. Found {type(piece).__name__}.")
        yield bytes(piece)  # the items of a memoryview need not be octets, and framing counts those
