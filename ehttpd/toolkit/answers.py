"""What a handler may return, or raise, as a `Response`.

The handler author's. The one place where this is decided: the router, middlewares and the bridges ask here.
"""

from __future__ import annotations

from collections.abc import Mapping

from ehttpd.errors import HandlerError, RaisedAnswer, RequestRefused
from ehttpd.messages import Answer, Request, Response, View
from ehttpd.toolkit.errors import HTTPError

__all__ = ["Answer", "View", "answer_of", "response_of"]


def response_of(answer: Answer) -> Response:
    """Return a response as it is, text as text/plain, bytes as they are, a mapping or a list as JSON, None as 204.

    Raises:
        HandlerError: it is something else.
    """
    if isinstance(answer, Response):
        return answer
    if answer is None:
        return Response(b"", 204)
    if isinstance(answer, (dict, list, Mapping)):
        return Response.json(answer)
    if isinstance(answer, (str, bytes)):
        return Response(answer)
    raise HandlerError(
        f"A handler must return a Response, str, bytes, a mapping, a list or None. Found {type(answer).__name__}."
    )


def answer_of(view: View, request: Request) -> Response:
    """Call a handler; return what it answers, returned or raised. A refusal (RFC 9110 §15.5) is an answer, too.

    Any other exception passes: the server answers it with 500.
    """
    try:
        return response_of(view(request))
    except RaisedAnswer as raised:
        response: Response = raised.response(request)
        return response
    except RequestRefused as refusal:
        return HTTPError(refusal.status, str(refusal), refusal.fields).response(request)
