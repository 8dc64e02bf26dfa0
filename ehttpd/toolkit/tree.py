"""The patterns of a router as a tree of segments: finding one takes as long as its path is, however many there are.

The handler author's; how patterns are written and compared is patterns.py, what is done with a route router.py.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeAlias

from ehttpd.toolkit.answers import View
from ehttpd.toolkit.patterns import CaptureType, Pattern, Segment, capturable


class Route:
    """A handler with its pattern."""

    __slots__ = ("captured_rest", "names", "pattern", "view")

    def __init__(self, pattern: Pattern, view: View) -> None:
        self.pattern = pattern
        self.view = view
        self.names = [segment.name for segment in pattern.segments if segment.literal is None]
        if self.names[-1:] == [""]:
            self.names.pop()  # a rest that nobody asked for
        last = pattern.segments[-1]
        self.captured_rest = last.rest and bool(last.name)

    def takes_rest(self, segments: list[str]) -> bool:
        """Tell whether this route takes these segments as its rest."""
        *before, last = segments
        return not self.captured_rest or (all(map(capturable, before)) and (not last or capturable(last)))


# A route, and the values of its captures.
Found: TypeAlias = tuple[Route, tuple[Any, ...]]


class Endpoint:
    """The routes of one place, by method; that of any method by the empty string."""

    __slots__ = ("by_method", "routes")

    def __init__(self) -> None:
        self.routes: list[Route] = []
        self.by_method: dict[str, Route] = {}

    def add(self, route: Route) -> None:
        self.routes.append(route)
        self.by_method = {each.pattern.method: each for each in self.routes}
        if "GET" in self.by_method:
            self.by_method.setdefault("HEAD", self.by_method["GET"])

    def route(self, method: str) -> Route | None:
        """Return the route of a method."""
        return self.by_method.get(method) or self.by_method.get("")


class Node:
    """A place in the tree of patterns: what may follow the segments that led here, the most specific first."""

    __slots__ = ("captured", "endpoint", "forks", "literals", "rest", "sole", "typed")

    def __init__(self) -> None:
        self.literals: dict[str, Node] = {}
        self.typed: dict[CaptureType, Node] = {}
        self.captured: Node | None = None
        self.rest: Endpoint | None = None
        self.endpoint: Endpoint | None = None
        # What follows from these: a typed capture that is all that may come; whether a segment may lead several ways.
        self.sole: tuple[CaptureType, Node] | None = None
        self.forks = False

    def endpoint_for(self, segments: tuple[Segment, ...]) -> Endpoint:
        """Return where routes with these segments belong."""
        node = self
        for segment in segments:
            if segment.rest:
                rest = node.rest = node.rest or Endpoint()
                node._note_ways()
                return rest
            child = node._child_for(segment)
            node._note_ways()
            node = child
        node.endpoint = node.endpoint or Endpoint()
        return node.endpoint

    def _note_ways(self) -> None:
        alone = len(self.typed) == 1 and not (self.literals or self.captured or self.rest)
        self.sole = next(iter(self.typed.items())) if alone else None
        self.forks = not alone and bool(self.typed or self.captured or self.rest)

    def _child_for(self, segment: Segment) -> Node:
        if segment.literal is not None:
            return self.literals.setdefault(segment.literal, Node())
        if segment.type is not None:
            return self.typed.setdefault(segment.type, Node())
        self.captured = self.captured or Node()
        return self.captured

    def competitors(self, segments: tuple[Segment, ...]) -> Iterator[Route]:
        """Yield every route below that may match what a pattern with these segments matches."""
        if self.rest:
            yield from self.rest.routes
        if not segments:
            if self.endpoint:
                yield from self.endpoint.routes
            return
        segment, *others = segments
        if segment.rest:
            yield from self._all_below()
            return
        for child in self._children_like(segment):
            yield from child.competitors(tuple(others))

    def _children_like(self, segment: Segment) -> Iterator[Node]:
        if segment.literal is None:
            yield from self._children()
            return
        if segment.literal in self.literals:
            yield self.literals[segment.literal]
        yield from self.typed.values()
        if self.captured:
            yield self.captured

    def _children(self) -> Iterator[Node]:
        yield from self.literals.values()
        yield from self.typed.values()
        if self.captured:
            yield self.captured

    def _all_below(self) -> Iterator[Route]:
        for child in self._children():
            for endpoint in (child.endpoint, child.rest):
                if endpoint:
                    yield from endpoint.routes
            yield from child._all_below()

    def find(self, method: str, segments: list[str], position: int = 0, values: tuple[Any, ...] = ()) -> Found | None:
        """Return the most specific route, with the values of its captures. What fits ends the search at once."""
        node = self
        for at in range(position, len(segments)):
            if node.forks:
                return node._find_among(method, segments, at, values)
            if node.sole:
                kind, child = node.sole
                value = kind.value(segments[at])
                if value is None:
                    return None
                values = (*values, value)
                node = child
            else:
                found = node.literals.get(segments[at])
                if found is None:
                    return None
                node = found
        if node.endpoint is None:
            return None
        route = node.endpoint.by_method.get(method) or node.endpoint.by_method.get("")
        return (route, values) if route else None

    def _find_among(self, method: str, segments: list[str], position: int, values: tuple[Any, ...]) -> Found | None:
        """Find where there is more than one way: each is tried in turn."""
        text = segments[position]
        if text in self.literals:
            found = self.literals[text].find(method, segments, position + 1, values)
            if found:
                return found
        for kind, child in self.typed.items():
            value = kind.value(text)
            if value is not None:
                found = child.find(method, segments, position + 1, (*values, value))
                if found:
                    return found
        if self.captured and capturable(text):
            found = self.captured.find(method, segments, position + 1, (*values, text))
            if found:
                return found
        return self._find_rest(method, segments, position, values) if self.rest else None

    def _find_rest(self, method: str, segments: list[str], position: int, values: tuple[Any, ...]) -> Found | None:
        assert self.rest
        rest = segments[position:]
        # One that captures what is left may not take it where one that does not capture does.
        for each in (method, "GET" if method == "HEAD" else "", ""):
            route = self.rest.by_method.get(each)
            if route and route.takes_rest(rest):
                return route, (*values, "/".join(rest))
        return None
