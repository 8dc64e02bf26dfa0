"""Requests for handlers, with no server between."""

from __future__ import annotations

import io
from typing import cast

from ehttpd.fields import Fields
from ehttpd.messages import NO_BODY, Handler, Request, Response


def asked(target: str = "/", *fields: str, method: str = "GET", body: bytes | None = None) -> Request:
    """Return a request. ``fields`` are field lines; a body's length is told."""
    lines = [cast("tuple[str, str]", tuple(field.split(": ", 1))) for field in fields]
    if body is not None:
        lines.append(("Content-Length", str(len(body))))
    return Request(method, target, "HTTP/1.1", Fields(lines), NO_BODY if body is None else io.BytesIO(body))


def ask(handler: Handler, target: str = "/", *fields: str, method: str = "GET", body: bytes | None = None) -> Response:
    """Return what a handler answers."""
    return handler(asked(target, *fields, method=method, body=body))


def text_of(response: Response) -> str:
    """Return the body of a response, whatever form it has, as text."""
    body = response.body
    return (body if isinstance(body, bytes) else b"".join(body)).decode()
