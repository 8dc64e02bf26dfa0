"""The health path: answered by the lane, so that it needs no thread that could be busy."""

from __future__ import annotations

from collections.abc import Callable

from ehttpd.messages import Answer, Request, Response, View


def with_health(handler: View, path: str, ailment: Callable[[], str]) -> View:
    """Return a handler that answers ``path`` itself: 200, or 503 with what ``ailment`` says, if that is anything."""

    def run(request: Request) -> Answer:
        if path not in request.target or request.raw_path != path:  # `in` is no call, and settles most
            return handler(request)
        wrong = ailment()
        return Response.text(f"{wrong or 'healthy'}\n", 503 if wrong else 200, {"Cache-Control": "no-store"})

    return run
