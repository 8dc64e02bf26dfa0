"""The fields that stand in every response, made once a second."""

from __future__ import annotations

import time

import pytest

from ehttpd.server.clock import StandingFields, imf_fixdate


@pytest.mark.parametrize(
    ("seconds", "date"),
    [
        (0, "Thu, 01 Jan 1970 00:00:00 GMT"),
        (784111777.9, "Sun, 06 Nov 1994 08:49:37 GMT"),  # the example of RFC 9110 §5.6.7
        (951782400, "Tue, 29 Feb 2000 00:00:00 GMT"),
        (4102444799, "Thu, 31 Dec 2099 23:59:59 GMT"),
    ],
)
def test_a_date_is_written_as_http_writes_it(seconds: float, date: str) -> None:
    assert imf_fixdate(seconds) == date


def at(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    monkeypatch.setattr(time, "time", lambda: seconds)


def test_standing_fields_are_made_anew_when_the_second_changes(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1000.0)
    standing = StandingFields()
    first = standing.now
    at(monkeypatch, 1000.9)
    standing.refresh()
    assert standing.now is first
    at(monkeypatch, 1001.0)
    standing.refresh()
    assert standing.now is not first
    assert standing.now.date == b"Date: %b\r\n" % imf_fixdate(1001).encode()


def test_a_clock_that_is_set_back_changes_the_date_too(monkeypatch: pytest.MonkeyPatch) -> None:
    at(monkeypatch, 1000.0)
    standing = StandingFields()
    at(monkeypatch, 900.0)
    standing.refresh()
    assert standing.now.date == b"Date: %b\r\n" % imf_fixdate(900).encode()


def test_the_server_is_named_only_if_the_operator_wants_it() -> None:
    assert StandingFields().now.server == b""
    assert StandingFields("ehttpd").now.server == b"Server: ehttpd\r\n"
