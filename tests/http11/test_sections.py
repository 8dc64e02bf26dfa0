"""Header sections of responses: what is remembered of them, and that remembering changes nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11 import sections
from ehttpd.http11.sections import KnownSections, encode_field_lines, encode_listed, encode_section
from ehttpd.http11.writer import encode_head
from tests.http11.streams import modest

field_names = st.sampled_from(["X", "x", "Content-Length", "Connection", "Date", "Set-Cookie", "Trailer", "a b"])
field_values = st.sampled_from(["", "1", "close", "x-closed", "a\r\n", "\u20ac"])


@modest
@given(st.lists(st.lists(st.tuples(field_names, field_values), max_size=3), max_size=6))
def test_a_section_that_was_seen_is_what_it_is_afresh(sequence: list[list[FieldLine]]) -> None:
    known = KnownSections()
    for lines in sequence:
        try:
            expected = encode_section(lines)
        except HandlerError:
            with pytest.raises(HandlerError):
                known[tuple(lines)]
        else:
            assert known[tuple(lines)] == expected


def test_lines_may_come_from_anything_that_gives_pairs() -> None:
    expected = encode_head(200, [("A", "b")], 0)
    for lines in ((("A", "b"),), iter([("A", "b")]), [["A", "b"]]):
        assert encode_head(200, lines, 0) == expected  # type: ignore[arg-type]


class Named(str):
    """Text that formats itself as something else, as members of some enumerations do."""

    def __format__(self, specification: str) -> str:
        return "a\r\nb: c"


def test_a_value_is_sent_as_the_text_that_it_is() -> None:
    value = Named("5")
    assert encode_section([("X", value)])[0] == b"X: 5\r\n"
    assert encode_section([("Content-Length", value)])[2] == b"Content-Length: 5\r\n"
    assert encode_field_lines([("X", value)]) == b"X: 5\r\n"
    assert encode_listed("X", [("X", value)]) == b"X: 5\r\n"


def test_sections_that_never_repeat_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MOST_SECTIONS", 3)
    known = KnownSections()
    for number in range(20):
        assert known[("X", str(number)),][0] == b"X: %d\r\n" % number
        assert len(known) <= 3


def test_a_section_that_repeats_outlives_those_that_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "MOST_SECTIONS", 3)
    known, often = KnownSections(), (("X", "often"),)
    section = known[often]
    for number in range(20):
        assert known[("X", str(number)),] is not section
        assert known[often] is section


@pytest.mark.parametrize("lines", [(("Set-Cookie", "a=b"),), (("set-cookie", "a=b"),), (("X", "y" * 1000),)])
def test_what_belongs_to_one_client_or_is_long_is_not_remembered(lines: tuple[FieldLine, ...]) -> None:
    known = KnownSections()
    assert known[lines][0]
    assert not known


def test_close_is_one_of_the_options_and_no_part_of_one() -> None:
    assert encode_section([("Connection", "x, Close")])[3]
    assert not encode_section([("Connection", "x-closed")])[3]
    assert encode_section([("Connection", "close"), ("Connection", "x")])[3]
