"""Many handlers as one: each is registered with a pattern, and the most specific that matches is called.

The handler author's; RFC 9110 §9.3.2, §9.3.7 and §15.5.6 for the methods that nobody registered. How patterns are
written and compared is patterns.py, how one is found tree.py.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ehttpd.messages import METHODS, Request, Response, percent_decode, streams_of
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.mounting import Mounted
from ehttpd.toolkit.patterns import PatternError, Relation, parse_pattern
from ehttpd.toolkit.tree import Endpoint, Found, Node, Route

V = TypeVar("V", bound=View)

# Whose pattern is how specific, if they compete at all.
CLEAR = (Relation.DISJOINT, Relation.MORE_SPECIFIC, Relation.LESS_SPECIFIC)


class Router:
    """A handler that calls the one whose pattern matches the request best.

    A pattern is ``[METHOD ][host]/path``. A segment of its path is a literal, a capture ``{name}`` or ``{name:type}``
    (``int``, ``date``, ``uuid``), and at the end ``{name...}`` for all that is left. A path that ends in a slash
    matches all that is below it; ``{$}`` behind the slash: nothing below it. Captures are in ``request.params``.

    The most specific pattern wins, wherever it was registered; two of which neither is more specific are an error. GET
    answers HEAD as well. Where only other methods are registered, the answer is 405, and OPTIONS is told which.

    Register everything before the first request; then any thread may call it.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, Node] = {"": Node()}
        self._methods: set[str] = set()
        self._without_captures: dict[str, Endpoint] = {}
        self._fallback: View | None = None
        self._streams = False  # some of the handlers read bodies while they arrive

    def get(self, path: str) -> Callable[[V], V]:
        """Register a handler for GET, and so for HEAD. Raises PatternError."""
        return self.route(f"GET {path}")

    def post(self, path: str) -> Callable[[V], V]:
        """Register a handler for POST. Raises PatternError."""
        return self.route(f"POST {path}")

    def put(self, path: str) -> Callable[[V], V]:
        """Register a handler for PUT. Raises PatternError."""
        return self.route(f"PUT {path}")

    def patch(self, path: str) -> Callable[[V], V]:
        """Register a handler for PATCH. Raises PatternError."""
        return self.route(f"PATCH {path}")

    def delete(self, path: str) -> Callable[[V], V]:
        """Register a handler for DELETE. Raises PatternError."""
        return self.route(f"DELETE {path}")

    def route(self, *patterns: str) -> Callable[[V], V]:
        """Register a handler for each of these patterns. Raises PatternError."""

        def register(view: V) -> V:
            for pattern in patterns:
                self.add(pattern, view)
            return view

        return register

    def fallback(self, view: V) -> V:
        """Have a handler called where no pattern matches, instead of answering 404."""
        self._fallback = view
        self._streams |= streams_of(view) is not None
        return view

    def mount(self, prefix: str, view: View) -> None:
        """Have a handler called for whatever is below ``prefix``, which it does not see. Raises PatternError.

        What is more specific goes first. A request for the prefix without its slash is redirected to it.
        """
        path = prefix.rstrip("/")
        depth = path.count("/")
        self.add(path + "/", Mounted(view, depth) if depth else view)

    def add(self, pattern: str, view: View) -> None:
        """Register a handler.

        Raises:
            PatternError: the pattern cannot be read, or conflicts with one that is there.
            TypeError: the handler cannot be called.
        """
        if not callable(view):
            raise TypeError(f"A handler is a function or has __call__. Found {view!r}.")
        route = Route(parse_pattern(pattern), view)
        parsed = route.pattern
        node = self._hosts.setdefault(parsed.host, Node())
        for other in node.competitors(parsed.segments):
            relation = parsed.relation(other.pattern)
            if relation not in CLEAR:
                raise PatternError(
                    f"The patterns {other.pattern.text!r} and {pattern!r} conflict: of the requests they match, "
                    f"they have {relation.value}. Make one of them more specific; a path that ends in a slash matches "
                    "all that is below it, and with '{$}' behind the slash only itself."
                )
        endpoint = node.endpoint_for(parsed.segments)
        endpoint.add(route)
        self._streams |= streams_of(view) is not None
        self._methods |= {"GET", "HEAD"} if parsed.method == "GET" else {parsed.method} - {""}
        if not parsed.host and "%" not in pattern and all(segment.literal is not None for segment in parsed.segments):
            self._without_captures[pattern.rpartition(" ")[2].replace("{$}", "")] = endpoint

    def __call__(self, request: Request) -> Response:
        """Answer a request. Raises what the handler raises, but for what is an answer: see `answer_of`."""
        path = request.target.partition("?")[0]
        hosts = self._hosts
        if len(hosts) == 1:
            endpoint = self._without_captures.get(path)
            route = endpoint.route(request.method) if endpoint else None
            if route:
                return answer_of(route.view, request)
        if path[:1] != "/":
            path = request.raw_path
        segments = _segments(path)
        if len(hosts) == 1:
            found = hosts[""].find(request.method, segments)
        else:
            found = self._find(request, request.method, segments)
        if not found:
            return answer_of(lambda request: self._unmatched(request, segments), request)
        route, values = found
        if request.target == "*" and not route.pattern.method:
            return self._tell_methods()
        if route.pattern.segments[-1].rest and segments[-1] and self._begins_below(request, segments):
            return _redirect_below(request)
        names = route.names
        if names:
            # One capture is the rule, and the function that makes dictionaries takes four times as long.
            captured = {names[0]: values[0]} if len(names) == 1 else dict(zip(names, values, strict=False))
            request.params = {**request.params, **captured} if request.params else captured
        return answer_of(route.view, request)

    def streams(self, request: Request) -> bool:
        """Tell whether the handler of a request reads its body while it arrives; see `streaming`."""
        if not self._streams:
            return False
        found = self._find(request, request.method, _segments(request.raw_path))
        view = found[0].view if found else self._fallback
        streams = streams_of(view)
        return streams is not None and streams(request)

    def _find(self, request: Request, method: str, segments: list[str]) -> Found | None:
        if len(self._hosts) > 1:
            tree = self._hosts.get(_host(request))
            found = tree.find(method, segments) if tree else None
            if found:
                return found
        return self._hosts[""].find(method, segments)

    def _begins_below(self, request: Request, segments: list[str]) -> bool:
        """Tell whether a pattern matches all that is below a path, but not the path itself."""
        below = self._find(request, request.method, [*segments, ""])
        if not below:
            return False
        ends = below[0].pattern.segments
        return ends[-1].rest and len(ends) > len(segments)

    def _tell_methods(self) -> Response:
        """Answer OPTIONS for the server as a whole (RFC 9110 §9.3.7)."""
        return Response(b"", 204, {"Allow": ", ".join(sorted(self._methods - {""} | {"OPTIONS"}))})

    def _unmatched(self, request: Request, segments: list[str]) -> Response:
        if request.target == "*":
            return self._tell_methods()
        allowed = {method for method in self._methods if self._find(request, method, segments)}
        if not allowed:
            if self._begins_below(request, segments):
                return _redirect_below(request)
            if self._fallback:
                return answer_of(self._fallback, request)
            raise HTTPError(404)
        allow = {"Allow": ", ".join(sorted(allowed | {"OPTIONS"}))}
        if request.method == "OPTIONS":
            return Response(b"", 204, allow)
        if request.method not in METHODS and request.method not in self._methods:
            raise HTTPError(501)  # RFC 9110 §9.1
        raise HTTPError(405, headers=allow)


def _segments(path: str) -> list[str]:
    """Return what stands between the slashes of a path, percent-decoded."""
    segments = path.split("/")[1:]
    if "%" in path:
        return [percent_decode(segment).decode("utf-8", "replace") for segment in segments]
    return segments


def _host(request: Request) -> str:
    """Return the host that was asked for, without its port."""
    authority = request.headers.get("host") or ""
    host, colon, port = authority.rpartition(":")
    return (host if colon and (port.isdigit() or not port) else authority).lower()


def _redirect_below(request: Request) -> Response:
    """Redirect to the same path with a slash behind it, so that relative links of what is there lead below it.

    The location is relative, since whoever is mounted does not know where (RFC 3986 §4.2).
    """
    last = request.raw_path.rpartition("/")[2]
    _, question_mark, query = request.target.partition("?")
    return Response(b"", 308, {"Location": f"./{last}/{question_mark}{query}"})
