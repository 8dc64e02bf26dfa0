"""A plugin of pytest: the fixture ``httpserver`` of pytest-httpserver, as a mock server of ours.

For suites that were written for the other, unchanged. As much of its interface as those use; what docs/testing.md says
about moving here, as a program.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from re import Pattern
from typing import Any
from urllib.parse import urlsplit

import pytest

from ehttpd.testing import MockServer, ReceivedRequest
from ehttpd.testing.criteria import ANYTHING
from ehttpd.testing.rules import Rule

Matcher = Callable[[str, str | None, str], bool]


class Expected:
    """What is answered to an expected request."""

    def __init__(self, rule: Rule) -> None:
        self._rule = rule

    def respond_with_data(
        self, response_data: str | bytes = "", status: int = 200, headers: Mapping[str, str] | None = None,
        mimetype: str | None = None, content_type: str | None = None,
    ) -> None:  # fmt: skip
        body = response_data.encode() if isinstance(response_data, str) else response_data
        fields = {"Content-Type": content_type or mimetype or "text/plain; charset=utf-8", **(headers or {})}
        self._rule.reply(status, body=body, headers=fields)

    def respond_with_json(
        self, response_json: object, status: int = 200, headers: Mapping[str, str] | None = None,
        content_type: str = "application/json",
    ) -> None:  # fmt: skip
        self.respond_with_data(json.dumps(response_json, indent=4), status, headers, None, content_type)


class HTTPServer(MockServer):
    """A mock server that is told in the other's words. Like there, a request that never comes is no failure."""

    @property
    def host(self) -> str:
        return urlsplit(self.url).hostname or ""

    @property
    def log(self) -> list[tuple[ReceivedRequest, None]]:
        return [(request, None) for request in self.requests]

    def expect_request(
        self, uri: str | Pattern[str], method: str = "", data: str | bytes | None = None,
        headers: Mapping[str, str] | None = None, query_string: Any = None, *,
        header_value_matcher: Matcher | None = None, json: object = ANYTHING,
    ) -> Expected:  # fmt: skip
        def fits(request: ReceivedRequest) -> bool:
            matched = isinstance(uri, str) or uri.match(request.path) is not None
            return matched and (header_value_matcher is None or all(
                header_value_matcher(name, request.headers.get(name), value) for name, value in (headers or {}).items()
            ))  # fmt: skip

        path = uri if isinstance(uri, str) else "/{path*}"
        rule = self.on(
            f"{method} {path}".strip(), query=query_string, json=json, body=data, where=fits,
            headers=None if header_value_matcher else headers,
        )  # fmt: skip
        return Expected(rule.optional())


@pytest.fixture
def httpserver() -> Any:
    with HTTPServer() as server:
        yield server
