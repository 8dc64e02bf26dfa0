"""Field lines that are remembered: which, how many, and that remembering changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import BadRequest
from ehttpd.http11 import fieldlines
from ehttpd.http11.fieldlines import KnownLines, parse_field_line
from tests.http11.streams import field_lines, modest


@modest
@given(st.lists(st.one_of(field_lines, st.text(st.characters(max_codepoint=0xFF), max_size=8)), max_size=8))
def test_a_line_that_was_seen_is_what_it_is_afresh(lines: list[str]) -> None:
    known = KnownLines()
    for line in lines:
        try:
            name, value = parse_field_line(line)
        except BadRequest:
            with pytest.raises(BadRequest):
                known[line]
        else:
            assert known[line] == (name.lower(), value)


@pytest.mark.parametrize("name", ["Cookie", "Authorization", "Proxy-Authorization", "X-API-Key", "ETag"])
def test_what_may_be_a_secret_or_new_each_time_is_not_remembered(name: str) -> None:
    known = KnownLines()
    assert known[f"{name}: secret"] == (name.lower(), "secret")
    assert "secret" not in repr(vars(known)) + repr(known)


def test_a_long_line_is_not_remembered() -> None:
    known = KnownLines()
    assert known["Accept: " + "a" * 300][0] == "accept"
    assert not known


def test_lines_that_never_repeat_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fieldlines, "MOST_LINES", 3)
    known = KnownLines()
    for number in range(20):
        assert known[f"Accept: {number}"] == ("accept", str(number))
        assert len(known) <= 3


def test_a_line_that_repeats_outlives_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fieldlines, "MOST_LINES", 3)
    known, often = KnownLines(), "Accept: often"
    found = known[often]
    for number in range(20):
        assert known[f"Accept: {number}"] is not found
        assert known[often] is found
