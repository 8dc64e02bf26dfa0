"""Every case of `make conformance`, held with ehttpd: none may fail, and none may warn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from conformance.application import application
from conformance.case import Case
from conformance.cases import GROUPS
from conformance.verdict import Grade, Verdict
from ehttpd.server.server import Server
from ehttpd.wsgi import adapt

PATIENCE = 10.0  # Seconds. A server that answers as it must is never waited for so long.

CASES = [pytest.param(case, id=f"{group.title}: {case.name}") for group in GROUPS for case in group.cases]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with Server(adapt(application), bind="127.0.0.1:0") as server:
        yield server.port


@pytest.mark.shared_server
@pytest.mark.parametrize("case", CASES)
def test_ehttpd_passes(case: Case, port: int) -> None:
    assert case.judged(port, PATIENCE) == Verdict(Grade.PASS)
