"""A middleware that gives a handler a deadline: 503 where it is missed (RFC 9110 §15.6.4)."""

from __future__ import annotations

from ehttpd.messages import Handler, Request, Response, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.pipeline import Middleware


def timeout(seconds: float) -> Middleware:
    """Give handlers ``seconds`` for each request, unless ``request.deadline`` is earlier.

    Nobody interrupts a thread: a handler gives ``request.deadline.remaining()`` to whatever it waits for. Where that
    raises TimeoutError, and the deadline has passed, the answer is 503.
    """

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            request.set_deadline(seconds)
            try:
                return answer_of(view, request)
            except TimeoutError:
                if not request.deadline.passed:
                    raise
                return HTTPError(503, "The answer was not ready in time.").response(request)

        return streaming_as(view, handler)

    return middleware
