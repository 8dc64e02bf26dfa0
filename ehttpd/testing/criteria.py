"""Which requests a rule is for, and what keeps another from being one of them.

The test author's. Looks at received requests; answers nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from re import Pattern
from urllib.parse import parse_qs

from ehttpd.messages import METHODS
from ehttpd.testing.journal import ReceivedRequest
from ehttpd.testing.paths import PathPattern
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeAlias

ANYTHING: Any = object()  # for a criterion that is not given, where None would be one
# "GET /items/{id}", "GET|HEAD /files/{path...}", "/anything"
PATTERN = re.compile(r"(?:([!#$%&'*+.^_`|~0-9A-Za-z-]+) +)?(/[^\s?]*|\*)(?:\?(\S*))?")
Value: TypeAlias = "str | int | Pattern[str]"
Query: TypeAlias = "Mapping[str, Value | list[Value]] | str"


class Criteria:
    """What a request must have to be meant: a method and a path, and whatever else is given.

    Raises:
        ValueError: ``pattern`` is no method and path, or has a method in small letters or a query where there is
            another.
        TypeError: ``query``, ``headers`` or ``body`` is what no request could have.
    """

    def __init__(
        self,
        pattern: str,
        query: Query | None = None,
        headers: Mapping[str, str | Pattern[str]] | None = None,
        json: object = ANYTHING,
        body: bytes | str | Pattern[bytes] | Pattern[str] | None = None,
        where: Callable[[ReceivedRequest], object] | None = None,
    ) -> None:
        found = PATTERN.fullmatch(pattern)
        if found is None:
            raise ValueError(
                f"A pattern is a method, a space and a path, such as 'GET /items/{{id}}'. Found {pattern!r}."
            )
        if found[3] is not None and query is not None:
            raise ValueError(f"Give the query in the pattern or as query=. Found {pattern!r} and {query!r}.")
        check_type("query", query, "a mapping or text", Mapping, str)
        check_type("headers", headers, "a mapping", Mapping)
        check_type("body", body, "octets, text or a regular expression", bytes, str, Pattern)
        self.pattern = pattern
        self._methods = found[1].split("|") if found[1] and found[1] != "*" else None
        for method in self._methods or ():
            if method not in METHODS and method.upper() in METHODS:  # RFC 9110 §9.1: methods are case-sensitive
                raise ValueError(f"The method of {pattern!r} is never asked for. Did you mean {method.upper()!r}?")
        self._path = PathPattern(found[2])
        self._query = query if found[3] is None else found[3]
        self._headers = headers or {}
        self._json = json
        self._body = body.encode() if isinstance(body, str) else body
        self._where = where

    def parameters(self, path: str) -> dict[str, Any] | None:
        """Return the named parts of a path; None if the path is another."""
        return self._path.match(path)

    def fits_head(self, method: str, path: str) -> bool:
        """Tell whether method and path are those that are meant."""
        return (self._methods is None or method in self._methods) and self._path.match(path) is not None

    def likeness(self, method: str, path: str) -> float:
        """Return how alike method and path look to those that are meant, from 0 to 1."""
        from difflib import SequenceMatcher

        asked = f"{method} {path}" if self._methods else path
        return SequenceMatcher(None, asked, self.pattern).ratio()

    def differences(self, request: ReceivedRequest) -> list[str]:
        """Return what keeps a request from being meant, each as a line; nothing if it is."""
        found = []
        if self._methods is not None and request.method not in self._methods:
            found.append(difference("method", "|".join(self._methods), request.method))
        if self._path.match(request.path) is None:
            found.append(difference("path", self._path.text, request.path))
        found += self._query_differences(request)
        for name, value in self._headers.items():
            received = request.headers.get(name)
            if received is None or not agrees(value, received):
                found.append(difference(f"field {name}", written(value), received))
        if self._body is not None and not agrees(self._body, request.body):
            found.append(difference("body", written(self._body), request.body))
        if self._json is not ANYTHING:
            found += self._json_differences(request)
        if not found and self._where is not None and not self._where(request):
            found.append(f"where: {getattr(self._where, '__qualname__', self._where)} returned something false")
        return found

    def _query_differences(self, request: ReceivedRequest) -> list[str]:
        if self._query is None:
            return []
        received = request.parameters
        if isinstance(self._query, str):
            same = parse_qs(self._query, keep_blank_values=True) == received
            return [] if same else [difference("query", self._query, request.query)]
        expected = {name: value if isinstance(value, list) else [value] for name, value in self._query.items()}
        return [
            difference(f"query {name}", [written(value) for value in values], received.get(name))
            for name, values in expected.items()
            if not all_agree(values, received.get(name, []))
        ]

    def _json_differences(self, request: ReceivedRequest) -> list[str]:
        try:
            received = request.json()
        except ValueError:
            return [difference("json", self._json, request.body)]
        return list(json_differences("json", self._json, received))

    def __str__(self) -> str:
        given = [self.pattern]
        if self._query is not None and "?" not in self.pattern:
            given.append(f"query={self._query!r}")
        if self._headers:
            given.append(f"headers={dict(self._headers)!r}")
        if self._body is not None:
            given.append(f"body={written(self._body)!r}")
        if self._json is not ANYTHING:
            given.append(f"json={self._json!r}")
        return ", ".join(given)


def check_type(name: str, value: object, words: str, *types: type) -> None:
    """Raises TypeError unless a criterion is of one of these types, or is not given."""
    if value is not None and not isinstance(value, types):
        raise TypeError(f"{name} is {words}. Found {value!r}.")


def agrees(expected: Any, received: Any) -> bool:
    """Tell whether a value is the expected one, or matches the expected expression as a whole."""
    if isinstance(expected, Pattern):
        if isinstance(received, bytes) and isinstance(expected.pattern, str):
            received = received.decode("utf-8", "replace")
        return expected.fullmatch(received) is not None
    return bool((str(expected) if isinstance(expected, int) else expected) == received)


def all_agree(expected: list[Value], received: list[str]) -> bool:
    """Tell whether there are as many values as are expected, and each agrees."""
    return len(expected) == len(received) and all(map(agrees, expected, received))


def written(expected: Any) -> Any:
    return expected.pattern if isinstance(expected, Pattern) else expected


def difference(what: str, expected: object, received: object) -> str:
    return f"{what}: expected {shortened(expected)}, received {shortened(received)}"


def shortened(value: object, most: int = 300) -> str:
    text = repr(value)
    return text if len(text) <= most else f"{text[:most]} … ({len(text)} characters)"


def json_differences(where: str, expected: Any, received: Any) -> list[str]:
    """Return what differs between two values of JSON, each with its place."""
    if isinstance(expected, dict) and isinstance(received, dict):
        names = [*expected, *(name for name in received if name not in expected)]
        nothing = object()
        return [
            line
            for name in names
            for line in (
                [f"{where}[{name!r}]: not expected, received {shortened(received[name])}"]
                if name not in expected
                else [f"{where}[{name!r}]: expected {shortened(expected[name])}, not received"]
                if received.get(name, nothing) is nothing
                else json_differences(f"{where}[{name!r}]", expected[name], received[name])
            )
        ]
    if isinstance(expected, list) and isinstance(received, list) and len(expected) == len(received):
        pairs = enumerate(zip(expected, received, strict=True))
        return [line for place, pair in pairs for line in json_differences(f"{where}[{place}]", *pair)]
    same = expected == received and isinstance(expected, bool) == isinstance(received, bool)
    return [] if same else [difference(where, expected, received)]
