"""What is answered while the application cannot be started."""

from __future__ import annotations

from html import escape
from typing import NamedTuple

from ehttpd.develop import tracebacks
from ehttpd.messages import Handler, Request, Response


class Failure(NamedTuple):
    """Why an application could not be started: for the terminal, for a browser, for other clients."""

    message: str
    cure: str
    page: str = ""
    text: str = ""


def shown(failure: Failure, generation: int, *, pages: bool) -> Handler:
    """Return a handler that answers with the failure; without ``pages``, with no more than that there is one."""
    plain = failure.text or f"{failure.message}\n{failure.cure}\n"
    content = f"<pre>{escape(failure.cure)}</pre>"
    page = failure.page or tracebacks.page("The application cannot be started", failure.message, content, generation)

    def handler(request: Request) -> Response:
        if not pages:
            return Response.text("The application cannot be started. The server's terminal says why.\n", 503)
        if request.path == tracebacks.GENERATION_PATH:
            return Response.text(f"{generation}\n")
        if "text/html" in (request.headers.get("accept") or ""):
            return Response.html(page, 500)
        return Response.text(plain, 500)

    return handler
