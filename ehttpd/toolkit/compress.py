"""A middleware that sends less: contents are encoded for clients that take that (RFC 9110 §8.4).

Knows when that is right; how it is done is codings.py. What is compressed already has neighbours on disk: static.py.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ehttpd.messages import FedBody, FileBody, Handler, Request, Response, close_body, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.codings import Encoder, encoders
from ehttpd.toolkit.negotiation import best_coding
from ehttpd.toolkit.pipeline import Middleware
from ehttpd.toolkit.vary import add_vary
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# Images, films and archives are compressed already.
WORTHWHILE = re.compile(
    r"text/.+|application/(?:.+\+)?(?:json|xml|yaml|javascript|wasm|x-ndjson)|image/(?:svg\+xml|bmp|x-icon)|font/[ot]tf"
)

# RFC 9110 §15.3.7: several parts vary as the whole does, whose type is not here.
PARTS = "multipart/byteranges"


def compress(minimum: int = 1000) -> Middleware:
    """Encode contents of ``minimum`` bytes or more with zstd (Python 3.14), br (the extra ``ehttpd[brotli]``) or gzip.

    Left as they are: contents of types that are compressed already, parts of contents (206), what has a coding, what
    ``Cache-Control: no-transform`` forbids to touch, server-sent events, for which no thread waits, and what has begun
    to be sent. Pieces of any other stream still leave as they are made.
    """
    offered = encoders()

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            response = answer_of(view, request)
            if request.client.response_begun:  # by the ``write`` of PEP 3333: what is sent already is plain
                return response
            coding = best_coding(request.headers.get("accept-encoding"), list(offered))
            if response.status == 304:
                # RFC 9110 §15.4.5: what 200 would say. Whether that is encoded, its type tells, which is not here.
                add_vary(response, "Accept-Encoding")
                if coding:
                    _weaken(response)
            elif _may_encode(response) and not _is_short(response, minimum):
                add_vary(response, "Accept-Encoding")
                if coding and response.status != 206:
                    _encode(response, coding, offered[coding](), request.method)
            return response

        return streaming_as(view, handler)

    return middleware


def _may_encode(response: Response) -> bool:
    headers = response.headers
    kind = (headers.get("content-type") or "").partition(";")[0].strip().lower()
    return (
        response.status not in (204, 205)
        and response.status >= 200
        and (WORTHWHILE.fullmatch(kind) is not None or kind == PARTS)
        and "content-encoding" not in headers
        and ("content-range" not in headers or response.status == 206)
        and "no-transform" not in (headers.get("cache-control") or "").lower()
        and not isinstance(response.body, FedBody)
    )


def _is_short(response: Response, minimum: int) -> bool:
    if response.status == 206:  # RFC 9110 §15.3.7: it varies as 200 does, whose length is not here
        return False
    length = response.content_length  # of a body that HEAD has left out already, perhaps
    return length is not None and length < minimum


def _encode(response: Response, coding: str, encoder: Encoder, method: str) -> None:
    if response.body == b"" and method == "HEAD":
        pass  # RFC 9110 §9.3.2: the fields are those of GET
    elif isinstance(response.body, bytes):
        response.body = encoder.compress(response.body) + encoder.finish()
    else:
        response.body = EncodedBody(response.body, encoder)
    headers = response.headers
    headers["Content-Encoding"] = coding
    headers.remove("Content-Length")
    headers.remove("Accept-Ranges")  # ranges would be those of the plain content
    headers.remove("Content-Digest")  # and so would digests (RFC 9530 §2, §3)
    headers.remove("Repr-Digest")
    _weaken(response)


def _weaken(response: Response) -> None:
    """Make its entity tag weak: the octets are not those that it was made for (RFC 9110 §8.8.1)."""
    tag = response.headers.get("etag")
    if tag is not None and not tag.startswith("W/"):
        response.headers["ETag"] = f"W/{tag}"


class EncodedBody:
    """A body that is encoded as it is produced. Each piece can be read as soon as it arrives; a file has no pieces."""

    def __init__(self, body: Any, encoder: Encoder) -> None:
        self._body: Iterable[bytes] = FileBody(body) if hasattr(body, "read") else body
        self._encoder = encoder
        self._flushes = not isinstance(self._body, FileBody)

    def __iter__(self) -> Iterator[bytes]:
        encoder = self._encoder
        for piece in self._body:
            encoded = encoder.compress(piece)
            yield encoded + encoder.flush() if self._flushes and piece else encoded
        yield encoder.finish()

    def close(self) -> None:
        close_body(self._body)
