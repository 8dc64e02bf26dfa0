"""A middleware that gives each request a name, by which logs of several programs find together."""

from __future__ import annotations

from ehttpd.messages import Handler, Request, Response, streaming_as
from ehttpd.messages.naming import given_name
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.pipeline import Middleware


def request_id(header: str = "X-Request-ID") -> Middleware:
    """Take the name of a request from its field ``header``, or make one; the response has it in the same field.

    Handlers find it as ``request.id``, and the records of the server have it too.
    """

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            name = request.state["request_id"] = given_name(request.headers.get(header)) or request.id
            response = answer_of(view, request)
            response.headers[header] = name
            return response

        return streaming_as(view, handler)

    return middleware
