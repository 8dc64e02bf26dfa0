"""A middleware that lets pages of other origins read what is answered: the CORS protocol of the Fetch standard, §3.3.

Knows what a browser asks and reads; whoever is no browser is not kept from anything.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.messages import Handler, Request, Response, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.pipeline import Middleware
from ehttpd.toolkit.vary import add_vary

ANY = "*"
USUAL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


def cors(
    origins: Collection[str] = (ANY,),
    *,
    methods: Collection[str] = USUAL_METHODS,
    headers: Collection[str] = (),
    expose: Collection[str] = (),
    credentials: bool = False,
    max_age: int = 600,
) -> Middleware:
    """Let pages of these ``origins``, such as ``https://example.com``, use what is answered; ``"*"``: any page.

    They may ask with ``methods`` and the fields ``headers``, and read the fields ``expose``, with the ``credentials``
    of their visitor or without. A preflight request is answered here; a browser need not ask again for ``max_age``
    seconds.

    Raises:
        HandlerError: any page was to use the credentials of its visitors.
    """
    origins, methods, headers, expose = map(_several, (origins, methods, headers, expose))
    if credentials and ANY in origins:
        raise HandlerError("Name the origins that may use credentials: with '*', every page could act for its visitor.")

    # What is for any page says so to everybody: a cache may give a script what an image or a link was answered (Fetch,
    # "CORS protocol and HTTP caches"). What is not, depends on Origin.
    for_all = ANY in origins

    def allowing(origin: str) -> Iterator[FieldLine]:
        yield "Access-Control-Allow-Origin", ANY if for_all else origin
        if credentials:
            yield "Access-Control-Allow-Credentials", "true"

    def preflight(origin: str) -> Iterator[FieldLine]:
        yield from allowing(origin)
        yield "Access-Control-Allow-Methods", ", ".join(methods)
        if headers:
            yield "Access-Control-Allow-Headers", ", ".join(headers)
        yield "Access-Control-Max-Age", str(max_age)

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            origin = request.headers.get("origin") or ""
            allowed = for_all or origin in origins
            if allowed and origin and _is_preflight(request):
                response = Response(b"", 204, preflight(origin))
            else:
                response = answer_of(view, request)
                for name, value in allowing(origin) if allowed else ():
                    response.headers[name] = value
                if allowed and expose:
                    response.headers["Access-Control-Expose-Headers"] = ", ".join(expose)
            if not for_all:
                add_vary(response, "Origin")
            return response

        return streaming_as(view, handler)

    return middleware


def _several(names: Collection[str]) -> Collection[str]:
    """Return names as a collection, even if somebody gives but one."""
    return (names,) if isinstance(names, str) else names


def _is_preflight(request: Request) -> bool:
    return request.method == "OPTIONS" and "access-control-request-method" in request.headers
