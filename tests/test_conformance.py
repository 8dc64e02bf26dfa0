"""Every case of `make conformance`, held with ehttpd: none may fail, none may warn. And that the judge is no friend."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

import pytest

from conformance.answers import Malformed, parse_answer
from conformance.application import application
from conformance.case import HIDDEN, Case, get, post, refuses, serves
from conformance.cases import GROUPS
from conformance.cases.refusals import bodiless, bodiless_unread, head
from conformance.report import renewed
from conformance.results import FILE, Results
from conformance.verdict import Grade, Verdict
from ehttpd.server.raw import Sink
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


# The judge


def judged(case: Case, answer: bytes) -> Grade:
    """Hold the case with a server that answers with these octets whatever it is sent, and closes."""

    def canned(source: BinaryIO, sink: Sink) -> bool:
        source.read(1)
        sink.write(answer)
        return False

    with Server(connection=canned, bind="127.0.0.1:0") as server:
        return case.judged(server.port, PATIENCE).grade


REFUSAL = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
SMUGGLED = b'{"method": "GET", "path": "/smuggled", "body": "", "fields": {}}'
SERVED = b'{"method": "GET", "path": "/x", "body": "", "fields": {}}'


def ok(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)


REFUSED_OR_NOT = refuses("RFC 9112 §6.3", "bad", post("Content-Length: x", body=HIDDEN), 400, closes=True)


@pytest.mark.parametrize(
    ("answer", "grade"),
    [
        (REFUSAL, Grade.PASS),
        (REFUSAL.replace(b"400", b"413"), Grade.WARN),
        (b"", Grade.WARN),
        (ok(SERVED), Grade.FAIL),
        (REFUSAL + ok(SMUGGLED), Grade.FAIL),
        (b"oops" + REFUSAL, Grade.FAIL),
    ],
)
def test_a_refusal_is_judged_by_its_status_and_by_what_follows(answer: bytes, grade: Grade) -> None:
    assert judged(REFUSED_OR_NOT, answer) is grade


@pytest.mark.parametrize(
    ("answer", "grade"), [(ok(SERVED), Grade.PASS), (REFUSAL, Grade.FAIL), (ok(SERVED) + REFUSAL, Grade.FAIL)]
)
def test_what_must_be_served_is_not_passed_when_refused(answer: bytes, grade: Grade) -> None:
    assert judged(serves("RFC 9112 §3", "good", get(), path="/x"), answer) is grade


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.2 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX A: b\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX-A: b\rc\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\nhello\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhelloXX0\r\n\r\n",
        b"<html>",
    ],
)
def test_an_answer_that_a_client_could_misread_is_malformed(octets: bytes) -> None:
    with pytest.raises(Malformed):
        parse_answer(octets, "GET", ended=True)


TO_HEAD = REFUSAL.replace(b"Length: 0", b"Length: 4") + b"oops"


@pytest.mark.parametrize(
    ("case", "answer", "grade"),
    [
        (bodiless("HEAD", head(host="")), REFUSAL, Grade.PASS),
        (bodiless("HEAD", head(host="")), TO_HEAD, Grade.FAIL),
        (bodiless_unread("HEAD", head("X-A : b")), b"", Grade.PASS),
        (bodiless_unread("HEAD", head("X-A : b")), TO_HEAD, Grade.WARN),
        (bodiless_unread("HEAD", head("X-A : b")), TO_HEAD.replace(b"Connection: close\r\n", b""), Grade.FAIL),
    ],
)
def test_content_for_head_is_worse_where_the_method_was_read_or_more_may_follow(
    case: Case, answer: bytes, grade: Grade
) -> None:
    assert judged(case, answer) is grade


# What is published


def test_the_page_shows_the_results_that_are_kept() -> None:
    page = (FILE.parent.parent / "docs" / "conformance.md").read_text("utf-8")
    assert renewed(page, Results.load(FILE)) == page


def test_ehttpd_passed_every_case_that_is_published() -> None:
    results = Results.load(FILE)
    assert results.count("ehttpd") == {"pass": len(results.cases)}


def test_no_two_cases_of_a_group_have_the_same_name() -> None:
    for group in GROUPS:
        names = [case.name for case in group.cases]
        assert len(set(names)) == len(names)
