"""A middleware that sends content only to who wants that and has not got it already: 304 and 412.

RFC 9110 §8.8.3. Knows what a tag is made of; what follows from one is conditions.py. Files do this by themselves.
"""

from __future__ import annotations

from hashlib import blake2b

from ehttpd.messages import Handler, Request, Response, close_body, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.conditions import early_answer
from ehttpd.toolkit.pipeline import Middleware


def conditional() -> Middleware:
    """Answer GET and HEAD as their conditions say, by ETag and Last-Modified of the response: 304, or 412.

    Content that is there as a whole gets an ETag made of it, unless it has one. A handler that changes something has to
    ask before it does so: `Request.evaluate_preconditions`.
    """

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            response = answer_of(view, request)
            if request.method not in ("GET", "HEAD") or response.status not in (200, 206):
                return response  # RFC 9110 §13.2.1: other answers stand, whatever the conditions are
            _tag(response, request.method)
            early = early_answer(request, response.headers)
            if early is None:
                return response
            close_body(response.body)
            return early

        return streaming_as(view, handler)

    return middleware


def _tag(response: Response, method: str) -> None:
    """Give it an entity tag, if that can be told from what it is."""
    body, headers = response.body, response.headers
    if not isinstance(body, bytes) or response.status == 206 or "etag" in headers:
        return
    if method == "GET" or body:  # to HEAD, nothing is also what a handler sends that leaves its content out
        # RFC 9110 §8.8.1: two representations with the same octets are still two.
        digest = blake2b((headers.get("content-type") or "").encode() + b"\n" + body, digest_size=16)
        headers["ETag"] = f'"{digest.hexdigest()}"'
