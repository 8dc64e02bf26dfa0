"""Answers that only development has: exceptions as pages, and which start of the application this is.

Wraps a handler, and changes nothing of what it answers while all goes well.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator

from ehttpd.develop import tracebacks
from ehttpd.errors import ConnectionLost, RaisedAnswer, RequestRefused
from ehttpd.logs import log
from ehttpd.messages import Handler, Request, Response
from ehttpd.messages.mounting import below
from ehttpd.messages.streaming import streaming_as
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def with_pages(handler: Handler, generation: int) -> Handler:
    """Return a handler that answers with the traceback where ``handler`` raises an exception."""

    def shown(request: Request) -> Response:
        if request.path == tracebacks.GENERATION_PATH:
            return Response.text(f"{generation}\n")
        try:
            return begun(handler(request))
        except (ConnectionLost, RaisedAnswer, RequestRefused):
            raise
        except (Exception, SystemExit) as error:
            if request.client.response_begun:
                raise
            log.error("%s: the application failed", request, exc_info=error)
            return answer(request, error, f"{request.method} {request.target}", generation)

    # The handler does with a prefix what it knows best: a WSGI application has it in SCRIPT_NAME.
    shown.below = lambda prefix: with_pages(below(handler, prefix), generation)  # type: ignore[attr-defined]
    return streaming_as(handler, shown)


def answer(request: Request, error: BaseException, where: str, generation: int) -> Response:
    """Return the traceback as the client can read it: as a page for a browser, else as text."""
    if "text/html" in (request.headers.get("accept") or ""):
        return Response.html(tracebacks.page_of(error, where, generation), 500)
    return Response.text(tracebacks.text_of(error), 500)


def begun(response: Response) -> Response:
    """Return the response once a generator has given its first data, for an exception until then is not too late."""
    body: Any = getattr(response, "body", None)  # a handler may return less than a response
    if isinstance(body, Generator):
        response.body = resumed(body, list(first(body)))
    return response


def first(body: Generator[bytes, None, None]) -> Iterator[bytes]:
    """Yield the first data, if there are any."""
    for data in body:
        yield data
        return


def resumed(body: Generator[bytes, None, None], taken: list[bytes]) -> Iterator[bytes]:
    """Yield what was taken of a body, then the rest; close it whatever happens."""
    try:
        yield from taken
        yield from body
    finally:
        body.close()
