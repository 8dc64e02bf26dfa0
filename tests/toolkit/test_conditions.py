"""Conditional requests: the order and the comparisons of RFC 9110 §13."""

from __future__ import annotations

import time

import pytest

from ehttpd.errors import HandlerError
from ehttpd.server.clock import imf_fixdate
from ehttpd.toolkit.conditions import evaluate_preconditions, precondition, ranges_apply
from tests.toolkit.asking import asked

ETAG = '"v1"'
MODIFIED = 784111777
NOW = imf_fixdate(MODIFIED)
BEFORE, AFTER = imf_fixdate(MODIFIED - 1), imf_fixdate(MODIFIED + 1)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([], None),
        (['If-None-Match: "v1"'], 304),
        (['If-None-Match: W/"v1"'], 304),
        (['If-None-Match: "v0", "v1"'], 304),
        (['If-None-Match: "v0","v2"'], None),
        (['If-None-Match: "a,b", "v1'], None),
        (["If-None-Match: v1"], None),
        (["If-None-Match: *"], 304),
        (['If-Match: "v1"'], None),
        (['If-Match: "v0" , "v1"'], None),
        (["If-Match: *"], None),
        (['If-Match: W/"v1"'], 412),
        (['If-Match: "v0"'], 412),
        ([f"If-Modified-Since: {NOW}"], 304),
        ([f"If-Modified-Since: {AFTER}"], 304),
        ([f"If-Modified-Since: {BEFORE}"], None),
        (["If-Modified-Since: never"], None),
        ([f"If-Unmodified-Since: {NOW}"], None),
        ([f"If-Unmodified-Since: {BEFORE}"], 412),
        (["If-Unmodified-Since: never"], None),
        # RFC 9110 §13.2.2: an entity tag is looked at instead of a date, and what guards a change first.
        ([f"If-Modified-Since: {NOW}", 'If-None-Match: "v0"'], None),
        ([f"If-Unmodified-Since: {BEFORE}", 'If-Match: "v1"'], None),
        (['If-Match: "v0"', 'If-None-Match: "v1"'], 412),
        (['If-Match: "v1"', 'If-None-Match: "v1"'], 304),
        ([f"If-Unmodified-Since: {BEFORE}", f"If-Modified-Since: {NOW}"], 412),
    ],
)
def test_a_condition_ends_a_request_early(fields: list[str], status: int | None) -> None:
    assert precondition(asked("/", *fields), ETAG, NOW) == status
    assert precondition(asked("/", *fields, method="HEAD"), ETAG, NOW) == status


def test_a_change_is_not_made_to_what_is_there_or_has_changed() -> None:
    assert precondition(asked("/", "If-None-Match: *", method="PUT"), ETAG, NOW) == 412
    assert precondition(asked("/", f"If-Modified-Since: {NOW}", method="PUT"), ETAG, NOW) is None


def test_what_has_no_tag_and_no_date_matches_nothing() -> None:
    assert precondition(asked("/", 'If-None-Match: "v1"', f"If-Modified-Since: {NOW}"), None, None) is None
    assert precondition(asked("/", 'If-Match: "v1"'), None, None) == 412


@pytest.mark.parametrize("method", ["CONNECT", "OPTIONS", "TRACE"])
@pytest.mark.parametrize("field", ["If-None-Match: *", 'If-Match: "v0"', f"If-Unmodified-Since: {BEFORE}"])
def test_a_method_that_selects_no_representation_has_no_conditions(method: str, field: str) -> None:
    assert precondition(asked("/", field, method=method), ETAG, NOW) is None


@pytest.mark.parametrize("fields", [{"ETag": "v1"}, {"ETag": '"a", "b"'}, {"Last-Modified": "yesterday"}])
def test_a_handler_that_writes_a_tag_or_a_date_as_nobody_reads_it_has_failed(fields: dict[str, str]) -> None:
    with pytest.raises(HandlerError, match="Found"):
        evaluate_preconditions(asked(), fields)


@pytest.mark.parametrize("etag", ["v1", '"v1", "v2"', '"v1""v2"', 'w/"v1"', ""])
def test_what_is_no_entity_tag_matches_nothing(etag: str) -> None:
    assert precondition(asked("/", 'If-None-Match: "v1"'), etag, None) is None


@pytest.mark.parametrize(
    ("field", "applies"),
    [
        (ETAG, True), ('W/"v1"', False), ('"v0"', False), (NOW, True), (BEFORE, False), (AFTER, False), ("v1", False),
        ("*", False), ("", False),
    ],
)  # fmt: skip
def test_ranges_count_if_the_client_has_a_part_of_this_version(field: str, applies: bool) -> None:
    assert ranges_apply(asked("/", f"If-Range: {field}"), ETAG, NOW) is applies
    assert ranges_apply(asked("/"), ETAG, NOW)


def test_a_date_of_this_very_second_does_not_tell_two_versions_apart() -> None:
    soon = imf_fixdate(time.time() + 100)
    assert not ranges_apply(asked("/", f"If-Range: {soon}"), None, soon)


def test_a_weak_tag_is_no_reason_to_send_a_part() -> None:
    assert not ranges_apply(asked("/", 'If-Range: "v1"'), 'W/"v1"', None)
