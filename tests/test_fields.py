"""The field section: ordered, case-insensitive, repeats kept."""

from __future__ import annotations

import copy

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine, FieldLines, Fields, Headers, combined

LINES = [("Accept", "a"), ("Host", "h"), ("ACCEPT", "b")]


def test_lines_keep_their_order_and_their_case() -> None:
    fields = Fields(LINES)
    assert list(fields) == LINES
    assert len(fields) == 3


@pytest.mark.parametrize("name", ["accept", "Accept", "ACCEPT"])
def test_a_field_is_found_in_any_case(name: str) -> None:
    fields = Fields(LINES)
    assert name in fields
    assert fields[name] == fields.get(name) == "a, b"
    assert fields.all(name) == ["a", "b"]


def test_a_field_that_is_not_there_is_not_found() -> None:
    fields = Fields(LINES)
    assert "Age" not in fields
    assert fields.get("Age") is None
    assert fields.get("Age", "0") == "0"
    assert fields.all("Age") == []
    with pytest.raises(KeyError):
        fields["Age"]


def test_only_text_can_be_a_name() -> None:
    assert 5 not in Fields(LINES)


def test_cookies_join_with_semicolons() -> None:
    assert combined([("Cookie", "a=1"), ("cookie", "b=2")]) == {"cookie": "a=1; b=2"}


def test_values_that_are_given_are_believed_and_the_lines_are_read_once() -> None:
    fields = Fields(iter(LINES), {"accept": "a, b", "host": "h"})
    assert fields["Host"] == "h"
    assert [list(fields), list(fields), len(fields)] == [LINES, LINES, 3]


@pytest.mark.parametrize("lines", [[("A", "b")], (("A", "b"),), {"A": "b"}, iter([("A", "b")]), Fields([("A", "b")])])
def test_a_section_is_made_from_whatever_has_lines(lines: FieldLines) -> None:
    assert list(Headers(lines)) == [("A", "b")]


def test_a_section_made_from_another_is_its_own() -> None:
    lines = [("A", "b")]
    first = Headers(lines)
    second = Headers(first)
    second.add("C", "d")
    assert (lines, list(first)) == ([("A", "b")], [("A", "b")])


def test_sections_are_equal_if_their_lines_are() -> None:
    assert Fields(LINES) == Headers(LINES)
    assert Fields(LINES) != Fields(LINES[:2])
    assert Fields() != []


def test_a_section_can_be_no_key() -> None:
    with pytest.raises(TypeError):
        hash(Fields())


def test_repr_shows_names_and_no_values() -> None:
    assert repr(Headers([("Authorization", "secret")])) == "Headers(['Authorization'])"


def test_a_received_section_cannot_be_changed() -> None:
    assert not {"add", "remove", "__setitem__", "__delitem__", "setdefault"} & set(dir(Fields))


def test_a_set_field_replaces_every_line_of_its_name() -> None:
    headers = Headers(LINES)
    headers["accept"] = "c"
    assert list(headers) == [("Host", "h"), ("accept", "c")]
    assert headers["Accept"] == "c"


def test_an_added_field_stands_beside_the_others() -> None:
    headers = Headers(LINES)
    assert headers["Accept"] == "a, b"
    headers.add("Accept", "c")
    assert headers["Accept"] == "a, b, c"


def test_a_removed_field_is_gone_and_need_not_have_been_there() -> None:
    headers = Headers(LINES)
    headers.remove("ACCEPT")
    headers.remove("ACCEPT")
    assert list(headers) == [("Host", "h")]


def test_a_deleted_field_must_have_been_there() -> None:
    headers = Headers(LINES)
    del headers["accept"]
    assert "Accept" not in headers
    with pytest.raises(KeyError):
        del headers["accept"]


def test_a_default_is_set_only_if_there_is_no_field() -> None:
    headers = Headers(LINES)
    assert headers.setdefault("host", "x") == "h"
    assert headers.setdefault("Age", "0") == "0"
    assert list(headers) == [*LINES, ("Age", "0")]


steps = st.tuples(st.sampled_from(["add", "set", "remove"]), st.sampled_from(["A", "a", "B"]), st.sampled_from("xyz"))


@hypothesis_settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.lists(steps, max_size=8))
def test_what_is_combined_is_never_stale(sequence: list[tuple[str, str, str]]) -> None:
    headers, lines = Headers(), list[FieldLine]()
    for step, name, value in sequence:
        if step != "add":
            lines = [line for line in lines if line[0].lower() != name.lower()]
        if step == "add":
            headers.add(name, value)
        elif step == "set":
            headers[name] = value
        else:
            headers.remove(name)
        if step != "remove":
            lines.append((name, value))
        assert headers.values == combined(lines)
        assert list(headers) == lines


def test_a_field_that_would_be_more_than_one_line_is_refused_where_it_is_set() -> None:
    headers = Headers()
    for name, value in (("A", "b\r\nC: d"), ("A", "b\n"), ("A", "b\0"), ("A\r", "b"), ("A\n", "b")):
        for change in (headers.add, headers.set, headers.__setitem__, headers.setdefault):
            with pytest.raises(HandlerError, match="no CR, LF or NUL"):
                change(name, value)
    assert list(headers) == []


def test_a_field_may_have_a_tab_or_octets_that_are_no_ascii() -> None:
    headers = Headers()
    headers.add("A", "b\tc")
    headers.set("B", "\x80\xad")
    headers.set("b", "\xe9")
    assert headers.raw == [("A", "b\tc"), ("b", "\xe9")]


def test_a_copy_of_fields_is_changed_alone() -> None:
    headers = Headers([("A", "1")])
    other = copy.copy(headers)
    other.add("B", "2")
    assert list(headers) == [("A", "1")]
    assert list(other) == [("A", "1"), ("B", "2")]
    assert other["b"] == "2"
