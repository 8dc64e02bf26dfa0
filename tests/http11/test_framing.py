"""Where a request ends, and whether the connection goes on."""

from __future__ import annotations

import pytest

from ehttpd.errors import BadRequest, ContentTooLarge, ExpectationFailed, NotImplementedHere
from ehttpd.http11.framing import CHUNKED, body_length, expects_continue, persists


@pytest.mark.parametrize(
    ("values", "length"),
    [
        ({}, 0),
        ({"content-length": "0"}, 0),
        ({"content-length": "5"}, 5),
        ({"content-length": "0005"}, 5),
        ({"content-length": "0" * 30}, 0),
        ({"content-length": "4294967298"}, 2**32 + 2),
        ({"content-length": "9" * 18}, 10**18 - 1),
        ({"content-length": "0" * 9 + "9" * 18}, 10**18 - 1),
        ({"transfer-encoding": "chunked"}, CHUNKED),
        ({"transfer-encoding": "CHUNKED"}, CHUNKED),
        ({"transfer-encoding": "\tchunked "}, CHUNKED),
    ],
)
def test_the_fields_tell_the_length_of_a_body(values: dict[str, str], length: int) -> None:
    assert body_length(values, "HTTP/1.1") == length


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "0x1", "1_0", "1 0", "1, 1", "one", "²", "1\x0b", "\xa01"])
def test_a_length_that_is_not_plain_digits_is_refused(value: str) -> None:
    with pytest.raises(BadRequest, match="Content-Length"):
        body_length({"content-length": value}, "HTTP/1.1")


def test_a_length_beyond_all_measure_is_refused_without_computing_it() -> None:
    with pytest.raises(ContentTooLarge):
        body_length({"content-length": "9" * 8000}, "HTTP/1.1")


@pytest.mark.parametrize("codings", ["", ",", "gzip", "chunked, gzip", "chunked,chunked", ",chunked", "x, ,chunked"])
def test_codings_that_leave_the_length_open_are_refused(codings: str) -> None:
    with pytest.raises(BadRequest, match="chunked"):
        body_length({"transfer-encoding": codings}, "HTTP/1.1")


@pytest.mark.parametrize("codings", ["gzip, chunked", "gzip,deflate,chunked", "identity, chunked"])
def test_codings_that_we_do_not_undo_are_not_implemented(codings: str) -> None:
    with pytest.raises(NotImplementedHere, match="chunked"):
        body_length({"transfer-encoding": codings}, "HTTP/1.1")


@pytest.mark.parametrize("codings", ["chunked", "gzip", ""])
@pytest.mark.parametrize("length", ["0", "5", ""])
def test_both_lengths_at_once_are_refused(codings: str, length: str) -> None:
    with pytest.raises(BadRequest, match="exclude"):
        body_length({"transfer-encoding": codings, "content-length": length}, "HTTP/1.1")


def test_transfer_codings_do_not_exist_in_http_1_0() -> None:
    with pytest.raises(BadRequest, match="HTTP/1\\.0"):
        body_length({"transfer-encoding": "chunked"}, "HTTP/1.0")


@pytest.mark.parametrize(
    ("options", "in_1_1", "in_1_0"),
    [
        (None, True, False),
        ("", True, False),
        ("close", False, False),
        ("Close", False, False),
        ("keep-alive", True, True),
        ("Keep-Alive, x", True, True),
        ("x,\tclose , y", False, False),
        ("keep-alive, close", False, False),
        ("closed, keep-alives", True, False),
        ("upgrade", True, False),
    ],
)
def test_the_connection_persists_unless_someone_says_otherwise(options: str | None, in_1_1: bool, in_1_0: bool) -> None:
    values = {} if options is None else {"connection": options}
    assert persists(values, "HTTP/1.1") is in_1_1
    assert persists(values, "HTTP/1.2") is in_1_1
    assert persists(values, "HTTP/1.0") is in_1_0


@pytest.mark.parametrize("value", ["100-continue", "100-Continue", "100-continue, 100-CONTINUE", ",\t100-continue ,"])
def test_a_client_may_wait_for_continue(value: str) -> None:
    assert expects_continue({"expect": value}, "HTTP/1.1")


@pytest.mark.parametrize("value", ["", ",", " ,\t"])
def test_a_client_that_expects_nothing_waits_for_nothing(value: str) -> None:
    assert not expects_continue({"expect": value}, "HTTP/1.1")


def test_a_client_of_http_1_0_waits_for_nothing() -> None:
    assert not expects_continue({"expect": "100-continue"}, "HTTP/1.0")
    assert not expects_continue({"expect": "anything"}, "HTTP/1.0")


@pytest.mark.parametrize("value", ["101-continue", "100-continue, x", "x" * 100])
def test_another_expectation_fails_and_is_shown_in_short(value: str) -> None:
    with pytest.raises(ExpectationFailed) as refusal:
        expects_continue({"expect": value}, "HTTP/1.1")
    assert len(str(refusal.value)) < 120
