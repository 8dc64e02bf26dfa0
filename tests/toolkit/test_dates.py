"""Moments as HTTP writes them."""

from __future__ import annotations

import pytest

from ehttpd.server.clock import imf_fixdate
from ehttpd.toolkit import dates
from ehttpd.toolkit.dates import parse_date

MOMENT = 784111777  # RFC 9110 §5.6.7 has it in all three forms.


@pytest.mark.parametrize(
    "text",
    ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"],
)
def test_a_date_is_read_in_its_three_forms(text: str) -> None:
    assert parse_date(text) == MOMENT


def test_what_was_written_can_be_read() -> None:
    for moment in (0, 951782400, MOMENT, 2**31, 4102444799):
        assert parse_date(imf_fixdate(moment)) == moment


def test_a_leap_second_is_as_good_as_the_one_before() -> None:
    assert parse_date("Sat, 31 Dec 2016 23:59:60 GMT") == parse_date("Sat, 31 Dec 2016 23:59:59 GMT")


@pytest.mark.parametrize(
    "text",
    [
        "", "yesterday", "784111777", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 +0100",
        "Sun, 6 Nov 1994 08:49:37 GMT", "sun, 06 Nov 1994 08:49:37 GMT", "Sun, 31 Feb 1994 08:49:37 GMT",
        "Sun, 06 Nov 1994 24:00:00 GMT", "Sun, 06 Nov 0000 00:00:00 GMT", "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, ０6 Nov 1994 08:49:37 GMT",
    ],
)  # fmt: skip
def test_what_is_no_date_is_none(text: str) -> None:
    assert parse_date(text) is None


@pytest.mark.parametrize(("digits", "year"), [(26, 2026), (76, 2076), (77, 1977), (99, 1999), (0, 2000)])
def test_two_digits_are_a_year_that_is_not_far_ahead(digits: int, year: int) -> None:
    assert dates._full_year(digits, 2026) == year
