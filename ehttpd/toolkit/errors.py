"""An error status as an exception: a handler raises it, and the client gets it in a form that it understands.

RFC 9110 §15.5 for the statuses, RFC 9457 for the form that programs read.
"""

from __future__ import annotations

from ehttpd.errors import HandlerError, RaisedAnswer
from ehttpd.fields import FieldLine, FieldLines, Headers
from ehttpd.messages import REASONS, Request, Response
from ehttpd.toolkit.json_encoding import encode_json
from ehttpd.toolkit.negotiation import best_type

PROBLEM = "application/problem+json"
# The first is for those who take anything. A browser asks for HTML first: its reader gets text.
OFFERED = (PROBLEM, "application/json", "text/plain", "text/html")
JSON_TYPES = (PROBLEM, "application/json")


class HTTPError(RaisedAnswer):
    """The handler answers with an error status: raise it instead of returning a `Response`.

    ``detail`` is sent to the client: a sentence for whoever reads it. ``headers`` are added to the response. Raises
    HandlerError if ``status`` is no error status, 400 to 599.
    """

    def __init__(self, status: int, detail: str | None = None, headers: FieldLines | None = None) -> None:
        if not 400 <= status <= 599:
            raise HandlerError(f"An HTTPError has a status from 400 to 599. Found {status}.")
        super().__init__(detail or REASONS.get(status, "Unknown"))
        self.status = status
        self.detail = detail
        self.headers = Headers(headers or ())

    def __reduce__(self) -> tuple[type[HTTPError], tuple[int, str | None, list[FieldLine]]]:
        return type(self), (self.status, self.detail, list(self.headers))

    def response(self, request: Request) -> Response:
        """Return the response to ``request``: problem details (RFC 9457) or plain text, as its Accept field wants."""
        title = REASONS.get(self.status, "Unknown")
        if best_type(request.headers.get("accept"), OFFERED) in JSON_TYPES:
            problem = {"title": title, "status": int(self.status)}
            if self.detail is not None:
                problem["detail"] = self.detail
            response = Response(encode_json(problem), self.status, type=PROBLEM)
        else:
            response = Response.text(f"{self.detail or title}\n", self.status)
        response.headers.add("Vary", "Accept")  # RFC 9110 §15.1: caches may keep a 404 without being asked to
        for name, value in self.headers:
            response.headers.add(name, value)
        return response
