"""The health path: answered by the lane, so that it needs no thread that could be busy."""

from __future__ import annotations

from collections.abc import Callable

from ehttpd.messages import Handler, Request, Response


def with_health(handler: Handler, path: str, ailment: Callable[[], str]) -> Handler:
    """Return a handler that answers ``path`` itself: 200, or 503 with what ``ailment`` says, if that is anything."""

    def run(request: Request) -> Response:
        if path not in request.target or request.target.partition("?")[0] != path:  # `in` is no call, and settles most
            return handler(request)
        wrong = ailment()
        return Response.text(f"{wrong or 'healthy'}\n", 503 if wrong else 200, {"Cache-Control": "no-store"})

    return run
