"""Ranges: what is asked for, and which octets these are. The rules are those of RFC 9110 §14."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ehttpd.native import ByteRange, RangeSet, Request
from tests.toolkit.asking import asked

properties = hypothesis_settings(max_examples=150, deadline=None, derandomize=True, database=None)


@pytest.mark.parametrize(
    ("field", "ranges"),
    [
        ("bytes=0-499", [(0, 499)]),
        ("bytes=500-", [(500, None)]),
        ("bytes=-500", [(None, 500)]),
        ("bytes=0-0,-1", [(0, 0), (None, 1)]),
        ("bytes=0-1, 5-9 ,\t20-", [(0, 1), (5, 9), (20, None)]),
        ("Bytes=,1-2,,", [(1, 2)]),
        ("bytes=999999999999999999-", [(999999999999999999, None)]),
        (f"bytes={'0' * 30}1-{'9' * 5000}", [(1, 10**18)]),
    ],
)
def test_a_range_field_is_read(field: str, ranges: list[tuple[int | None, int | None]]) -> None:
    found = asked("/", f"Range: {field}").range
    assert found is not None
    assert list(found) == ranges


@pytest.mark.parametrize(
    "field",
    [
        "", "bytes", "bytes=", "bytes=,", "bytes=-", "bytes=a-b", "bytes=1", "bytes=2-1", "bytes=0-1,-", "bytes=1-2,x",
        "lines=1-2", "bytes 0-1", "bytes=--1", "bytes=0-1-2", "bytes=+1-2", "bytes=1_0-", "bytes=０-1", "bytes= =1-2",
    ],
)  # fmt: skip
def test_a_range_field_without_a_meaning_is_ignored(field: str) -> None:
    assert RangeSet.parse(field) is None
    assert Request("GET", "/").range is None


@pytest.mark.parametrize(
    ("field", "size", "parts"),
    [
        ("bytes=0-499", 1000, [(0, 499)]),
        ("bytes=-500", 1000, [(500, 999)]),  # the last 500, and not the first 501
        ("bytes=-500", 100, [(0, 99)]),
        ("bytes=500-", 1000, [(500, 999)]),
        ("bytes=0-9999", 1000, [(0, 999)]),
        ("bytes=1000-", 1000, []),
        ("bytes=-0", 1000, []),
        ("bytes=-1", 0, []),
        ("bytes=0-", 0, []),
        ("bytes=5-6,0-1", 10, [(5, 6), (0, 1)]),
        ("bytes=-1,4-5,0-1,2-2,6-6", 10, [(9, 9), (4, 6), (0, 2)]),
        (f"bytes=0-{2**64}", 10, [(0, 9)]),
        (f"bytes={2**64}-", 10, []),
        ("bytes=0-4,2-6", 10, [(0, 6)]),
        ("bytes=0-1,2-3", 10, [(0, 3)]),
        ("bytes=0-8,1-2", 10, [(0, 8)]),
        ("bytes=0-1,100-", 10, [(0, 1)]),
        ("bytes=0-,-1,5-", 10, [(0, 9)]),
    ],
)
def test_ranges_are_resolved_against_a_size(field: str, size: int, parts: list[tuple[int, int]]) -> None:
    ranges = RangeSet.parse(field)
    assert ranges is not None
    assert ranges.resolve(size) == parts


def octets_of(wanted: ByteRange, size: int) -> set[int]:
    """Return which octets of ``size`` a range asks for, as RFC 9110 §14.1.1 has it."""
    first, last = wanted
    if first is None:
        return set(range(max(0, size - (last or 0)), size))
    return set(range(first, size if last is None else min(size, last + 1)))


bounds = st.one_of(st.none(), st.integers(0, 30))
some_bounds = st.lists(st.tuples(bounds, bounds), min_size=1, max_size=6)


@properties
@given(some_bounds, st.integers(0, 25))
def test_parts_hold_every_octet_that_was_asked_for_once(
    asked_for: list[tuple[int | None, int | None]], size: int
) -> None:
    ranges = RangeSet.parse("bytes=" + ",".join(str(ByteRange(*each)) for each in asked_for))
    if ranges is not None:
        parts = ranges.resolve(size)
        wanted = set[int]().union(*(octets_of(each, size) for each in ranges))
        assert sorted(octet for first, last in parts for octet in range(first, last + 1)) == sorted(wanted)
        assert all(before[1] + 1 < after[0] for before, after in pairwise(sorted(parts)))


@properties
@given(some_bounds, st.integers(0, 25))
def test_parts_come_in_the_order_in_which_they_were_asked_for(
    asked_for: list[tuple[int | None, int | None]], size: int
) -> None:
    ranges = RangeSet.parse("bytes=" + ",".join(str(ByteRange(*each)) for each in asked_for))
    if ranges is not None:
        octets = [list(range(first, last + 1)) for first, last in ranges.resolve(size)]
        wanted = [octets_of(each, size) for each in ranges]
        places = [min(place for place, each in enumerate(wanted) if each & set(part)) for part in octets]
        assert places == sorted(places)


@properties
@given(st.text(st.sampled_from("0159-,= bytes"), max_size=20))
def test_whatever_a_range_field_says_what_is_read_is_read_again(text: str) -> None:
    ranges = RangeSet.parse(f"bytes={text}")
    if ranges is not None:
        assert RangeSet.parse(str(ranges)) == ranges


def test_a_slice_becomes_a_range_if_it_lies_within_bounds() -> None:
    assert ByteRange.checked(slice(0, 10), 0, 10) == ByteRange(0, 9)
    assert ByteRange.checked(slice(None, None), 0, 10) == ByteRange(0, 9)
    assert ByteRange.checked(range(3, 4), 0, 10) == ByteRange(3, 3)
    for outside in (slice(0, 11), slice(-1, 2), slice(5, 5), slice(6, 5), slice(0, 10, 2), range(9, 0, -1)):
        with pytest.raises(ValueError, match="within 0 and 10"):
            ByteRange.checked(outside, 0, 10)
