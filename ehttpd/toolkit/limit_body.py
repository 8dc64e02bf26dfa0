"""A middleware that refuses long bodies: 413 (RFC 9110 §15.5.14)."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from ehttpd.errors import ContentTooLarge
from ehttpd.messages import NO_BODY, Handler, Request, Response, close_body, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.bodies import kept_of
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.pipeline import Middleware

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer


def limit_body(limit: int) -> Middleware:
    """Refuse bodies of more than ``limit`` bytes, below what the server's own ``limit_request_body`` lets pass.

    A body whose length is told is refused before the handler is called, another while it is read.
    """

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            content = kept_of(request).get("content")  # whoever is outside may have read it
            if (request.content_length or 0 if content is None else len(content)) > limit:
                return HTTPError(413, _told(limit)).response(request)
            if request.body is not NO_BODY:
                limited = io.BufferedReader(_Limited(request.body, limit))
                request.body = cast("BinaryIO", limited)
            return answer_of(view, request)

        return streaming_as(view, handler)

    return middleware


def _told(limit: int) -> str:
    return f"The body is longer than {limit} bytes."


class _Limited(io.RawIOBase):
    """A body that raises ContentTooLarge where it goes on beyond its limit."""

    def __init__(self, body: Any, limit: int) -> None:
        self._body = body
        self._read: Callable[[int], bytes] = getattr(body, "read1", None) or body.read
        self._left = self._limit = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        # One byte more than is left tells whether the body ends there.
        data: bytes = self._read(min(len(view), self._left + 1))
        self._left -= len(data)
        if self._left < 0:
            raise ContentTooLarge(_told(self._limit))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        """Close the body as well."""
        if not self.closed:
            super().close()
            close_body(self._body)
