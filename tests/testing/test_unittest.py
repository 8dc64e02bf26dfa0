"""The mix-in for unittest, in cases that are run here."""

from __future__ import annotations

import unittest
from typing import Any

from ehttpd.messages import Request, Response
from ehttpd.testing import UnmetRule
from ehttpd.testing.unittest import ServerMixin


def hello(request: Request) -> Response:
    return Response.text("hello")


def run(case: type[unittest.TestCase]) -> unittest.TestResult:
    result = unittest.TestResult()
    unittest.defaultTestLoader.loadTestsFromTestCase(case).run(result)
    return result


def test_a_case_has_a_server_for_each_test() -> None:
    class Case(ServerMixin, unittest.TestCase):
        def app(self) -> Any:
            return hello

        def test_one(self) -> None:
            assert self.server.client().get("/").text == "hello"

        def test_other(self) -> None:
            assert self.server.requests == []

    result = run(Case)
    assert (result.testsRun, result.errors, result.failures) == (2, [], [])


def test_a_case_fails_by_itself() -> None:
    class Case(ServerMixin, unittest.TestCase):
        def test_unmet(self) -> None:
            self.server.on("GET /never")

        def test_relaxed(self) -> None:
            self.server.strict = False
            self.server.on("GET /never")

    result = run(Case)
    assert [case.id().rpartition(".")[2] for case, _ in result.failures] == ["test_unmet"]
    assert UnmetRule.__name__ in result.failures[0][1]
    assert result.errors == []
