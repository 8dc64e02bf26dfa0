"""Queries: names and values, in order, decoded."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from typing import Any
from urllib.parse import parse_qsl, quote_plus

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ehttpd.errors import BadRequest
from ehttpd.native import Query, Request, Response, percent_decode
from ehttpd.toolkit.query import MOST_PAIRS
from tests.server.live import serving
from tests.toolkit.asking import asked


@pytest.mark.parametrize(
    ("raw", "pairs"),
    [
        ("", []),
        ("a=1&b=2&a=3", [("a", "1"), ("b", "2"), ("a", "3")]),
        ("key", [("key", "")]),
        ("key=", [("key", "")]),
        ("=no+name&&&", []),
        ("a=b=c", [("a", "b=c")]),
        ("a=?b#", [("a", "?b#")]),
        ("a+b=c+d%2B", [("a b", "c d+")]),
        ("%61%3D=%26", [("a=", "&")]),
        ("a=%C3%A9", [("a", "é")]),
        ("a=%ff", [("a", "\ufffd")]),
        ("a=%4&b=%zz&c=%", [("a", "%4"), ("b", "%zz"), ("c", "%")]),
        ("a;b=c", [("a;b", "c")]),
    ],
)
def test_a_query_is_read_as_forms_write_it(raw: str, pairs: list[tuple[str, str]]) -> None:
    assert Query.parse_raw(raw).pairs == pairs
    assert Query.parse_raw(raw.encode()).pairs == pairs
    assert asked(f"/?{raw}").query.pairs == pairs


@hypothesis_settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.text(st.sampled_from("a&=+% é;"), min_size=1, max_size=4), st.text(max_size=4)), max_size=4)
)
def test_what_the_standard_library_quotes_is_read_as_it_was(pairs: list[tuple[str, str]]) -> None:
    raw = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs)
    assert Query.parse_raw(raw).pairs == pairs == parse_qsl(raw, keep_blank_values=True)


def test_the_last_of_several_values_is_the_mapping_s_and_all_are_kept() -> None:
    query = asked("/x?a=1&a=2&b=").query
    assert (query["a"], query.all("a"), query.all("c"), dict(query)) == ("2", ["1", "2"], [], {"a": "2", "b": ""})
    assert ("b" in query, "c" in query, len(query), list(query)) == (True, False, 2, ["a", "b"])
    with pytest.raises(KeyError):
        query["c"]


def test_a_value_is_converted_or_it_is_the_client_s_mistake() -> None:
    query = asked("/?page=3&size=big").query
    assert (query.get("page", type=int), query.get("none", 7, type=int), query.get("none")) == (3, 7, None)
    with pytest.raises(BadRequest, match="'size' must be int"):
        query.get("size", type=int)


@pytest.mark.parametrize(("type", "value"), [(Decimal, "big"), (Fraction, "1/0")])
def test_a_number_that_is_none_is_the_client_s_mistake_whatever_its_type_raises(type: Any, value: str) -> None:
    with pytest.raises(BadRequest, match=f"must be {type.__name__}"):
        asked(f"/?price={value}").query.get("price", type=type)


def test_a_plus_sign_may_stand_for_itself() -> None:
    assert Query.parse("/a?b=c+d", plus=False)["b"] == "c+d"


def test_a_query_knows_how_it_was_sent_and_what_stood_before_it() -> None:
    query = Query.parse("/a%20b?c=%64?e")
    assert (str(query), query.raw, query.path, query["c"]) == ("c=%64?e", "c=%64?e", "/a%20b", "d?e")
    assert repr(Query.parse_raw("a=1")) == "Query([('a', '1')])"


def test_a_query_is_read_once_for_each_request() -> None:
    request = Request("GET", "/?a=1")
    assert request.query is request.query
    assert request.raw_query == "a=1"


def test_a_flood_of_names_is_refused() -> None:
    assert len(Query.parse_raw("&".join("a" * MOST_PAIRS)).pairs) == MOST_PAIRS
    with pytest.raises(BadRequest, match="1000 names"):
        Query.parse_raw("&" * MOST_PAIRS)


def test_percent_decoding_is_strict_where_it_is_asked_to_be() -> None:
    assert percent_decode(b"a%20%4a%4A%ff+") == b"a JJ\xff+"
    assert percent_decode("%zz%", strict=False) == b"%zz%"
    for broken in ("%", "a%4", "%zz", "%4g", "%+1", "%\n1", "%１１"):
        with pytest.raises(BadRequest, match="two hexadecimal digits"):
            percent_decode(broken)


def test_a_bad_number_in_a_query_is_answered_with_400() -> None:
    with serving(lambda request: Response.json(request.query.get("page", 1, type=int))) as server:
        peer = server.connect()
        assert peer.ask("/?page=2").body == b"2"
        assert peer.ask("/?page=two").status == 400
