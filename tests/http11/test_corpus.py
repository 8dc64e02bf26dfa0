r"""The corpus: requests on paper, each read whole, octet by octet, and with another request before or behind it.

A file of tests/corpus has a first line that says why; refused/ begins it with the status. ``# reads:`` lines name
what is read: method, target and body. The rest is the stream: line ends of the file do not count; ``\r``, ``\n`` and
``\xFF`` do.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.http11.reading import Reading, octet_by_octet, read, request

CORPUS = Path(__file__).parent.parent / "corpus"
NEXT = request(line="GET /next HTTP/1.1")


class Case(NamedTuple):
    why: str
    reads: list[str]
    stream: bytes


def load(path: Path) -> Case:
    lines = path.read_text(encoding="utf-8").splitlines()
    comments = [line.removeprefix("# ") for line in lines if line.startswith("# ")]
    text = "".join(line for line in lines if not line.startswith("# "))
    reads = [comment.removeprefix("reads: ") for comment in comments[1:]]
    return Case(comments[0], reads, text.encode("ascii").decode("unicode_escape").encode("latin-1"))


def cases(folder: str) -> list[object]:
    return [pytest.param(load(path), id=path.stem) for path in sorted((CORPUS / folder).glob("*.http"))]


def what_was_read(reading: Reading) -> list[str]:
    return [f"{message.method} {message.target} {message.data.decode('latin-1')!r}" for message in reading.messages]


@pytest.mark.parametrize("case", cases("accepted"))
def test_what_is_accepted_is_read_as_it_says(case: Case) -> None:
    reading = read([case.stream])
    assert what_was_read(reading) == case.reads
    assert reading.complete


@pytest.mark.parametrize("case", cases("accepted"))
def test_what_is_accepted_is_the_same_octet_by_octet(case: Case) -> None:
    assert read(octet_by_octet(case.stream)) == read([case.stream])


@pytest.mark.parametrize("case", cases("accepted"))
def test_what_is_accepted_leaves_the_next_request_alone(case: Case) -> None:
    reading = read([case.stream + NEXT])
    assert what_was_read(reading) == [*case.reads, "GET /next ''"]
    assert reading == read(octet_by_octet(case.stream + NEXT))


@pytest.mark.parametrize("case", cases("refused"))
def test_what_is_refused_has_its_status_however_it_arrives(case: Case) -> None:
    status = int(case.why.partition(",")[0])
    for pieces in ([case.stream], octet_by_octet(case.stream)):
        assert read(pieces).refused == status


@pytest.mark.parametrize("case", cases("refused"))
def test_what_is_refused_takes_the_next_request_with_it(case: Case) -> None:
    reading = read([case.stream + NEXT])
    assert reading == read([case.stream])
    assert "/next" not in [message.target for message in reading.messages]


@pytest.mark.parametrize("case", cases("refused"))
def test_what_is_refused_is_refused_behind_another_request(case: Case) -> None:
    alone = read([case.stream])
    behind = read([NEXT, case.stream])
    assert behind.refused == alone.refused
    assert behind.messages[1:] == alone.messages
    assert behind.messages[0].target == "/next"


def test_every_case_says_which_rule_it_shows() -> None:
    for path in CORPUS.glob("*/*.http"):
        assert "RFC " in load(path).why, path.name
