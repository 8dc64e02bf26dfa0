"""A middleware that gives each request a name, by which logs of several programs find together."""

from __future__ import annotations

import re
from uuid import uuid4

from ehttpd.messages import Handler, Request, Response
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.pipeline import Middleware

# What comes from a client ends in logs: a name there has no spaces, quotes or line ends, and an end.
NAME = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")


def request_id(header: str = "X-Request-ID") -> Middleware:
    """Take the name of a request from its field ``header``, or make one; the response has it in the same field.

    Handlers find it as ``request.state["request_id"]``.
    """

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            given = request.headers.get(header) or ""
            name = given if NAME.fullmatch(given) else uuid4().hex
            request.state["request_id"] = name
            response = answer_of(view, request)
            response.headers[header] = name
            return response

        return handler

    return middleware
