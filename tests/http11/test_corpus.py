"""The corpus: each case read whole, octet by octet, and with another request before or behind it."""

from __future__ import annotations

import pytest

from ehttpd.fields import combined
from tests.http11.corpus import CORPUS, Case, load, load_all
from tests.http11.reading import Reading, octet_by_octet, read, request, split_at

ACCEPTED, REFUSED = load_all("accepted"), load_all("refused")
NEXT = request(line="GET /next HTTP/1.1")
LONG = 20_000  # Octets. Longer ones arrive a few hundred at a time, or the suite would take seconds for them.

accepted = pytest.mark.parametrize("case", ACCEPTED, ids=[case.name for case in ACCEPTED])
refused = pytest.mark.parametrize("case", REFUSED, ids=[case.name for case in REFUSED])


def slowly(stream: bytes) -> list[bytes]:
    return octet_by_octet(stream) if len(stream) < LONG else split_at(stream, range(0, len(stream), 300))


def what_was_read(reading: Reading) -> list[str]:
    """Return the requests whose body has ended, as the cases write them."""
    return [
        f"{message.method} {message.target} {message.data.decode('latin-1')!r}"
        for message in reading.messages
        if message.ended
    ]


def told_of(reading: Reading, case: Case) -> list[str]:
    """Return what became of the fields that a case names."""
    values = combined(reading.messages[-1].fields)
    names = [field.partition(": ")[0] for field in case.noted("field")]
    return [f"{name}: {values[name]}" for name in names]


@accepted
def test_what_is_accepted_is_read_as_it_says(case: Case) -> None:
    reading = read([case.stream])
    last = reading.messages[-1]
    assert reading.complete
    assert what_was_read(reading) == case.noted("reads")
    assert told_of(reading, case) == case.noted("field")
    assert [f"{name}: {value}" for name, value in last.trailers if case.noted("trailer")] == case.noted("trailer")
    assert last.persistent == (not case.noted("closes"))


@accepted
def test_what_is_accepted_is_the_same_octet_by_octet(case: Case) -> None:
    assert read(slowly(case.stream)) == read([case.stream])


@accepted
def test_what_is_accepted_leaves_the_next_request_alone(case: Case) -> None:
    reading = read([case.stream + NEXT])
    assert what_was_read(reading) == [*case.noted("reads"), "GET /next ''"]
    assert reading == read(slowly(case.stream + NEXT))


@refused
def test_what_is_refused_has_its_status_however_it_arrives(case: Case) -> None:
    for pieces in ([case.stream], slowly(case.stream)):
        assert read(pieces).refused == case.status


@refused
def test_what_is_refused_is_told_which_rule_it_broke(case: Case) -> None:
    reading = read([case.stream])
    assert [reading.answer] == case.noted("answers")
    assert what_was_read(reading) == case.noted("reads")


@refused
def test_what_is_refused_takes_the_next_request_with_it(case: Case) -> None:
    reading = read([case.stream + NEXT])
    assert reading == read([case.stream])
    assert "/next" not in [message.target for message in reading.messages]


@refused
def test_what_is_refused_is_refused_behind_another_request(case: Case) -> None:
    alone = read([case.stream])
    behind = read([NEXT, case.stream])
    assert behind.refused == alone.refused
    assert behind.messages[1:] == alone.messages
    assert behind.messages[0].target == "/next"


def test_every_case_says_which_rule_it_shows() -> None:
    for path in CORPUS.glob("*/*.http"):
        case = load(path)
        assert case.section.startswith("RFC ") and "§" in case.section, path.name
        assert case.why, path.name


def test_no_two_cases_are_the_same() -> None:
    streams: dict[bytes, str] = {}
    twins = [(case.name, streams[case.stream]) for case in ACCEPTED + REFUSED
             if streams.setdefault(case.stream, case.name) != case.name]  # fmt: skip
    assert twins == []
