"""Chunks as octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import HandlerError
from ehttpd.fields import Fields
from ehttpd.http11.encoding import encode_chunk, encode_last_chunk
from tests.http11.streams import modest
from tests.http11.test_decoding import decode


def test_a_chunk_has_its_size_in_hexadecimal() -> None:
    assert encode_chunk(b"x" * 26) == b"1a\r\n" + b"x" * 26 + b"\r\n"


@pytest.mark.parametrize("trailers", [(), [], {}, Fields()])
def test_a_body_without_trailers_ends_in_one_way(trailers: Fields) -> None:
    assert encode_last_chunk(trailers) == b"0\r\n\r\n"


@pytest.mark.parametrize("trailers", [[("A", "b")], {"A": "b"}, Fields([("A", "b")]), iter([("A", "b")])])
def test_trailers_follow_the_last_chunk(trailers: Fields) -> None:
    assert encode_last_chunk(trailers) == b"0\r\nA: b\r\n\r\n"


@pytest.mark.parametrize(
    "name",
    ["Content-Length", "transfer-encoding", "Connection", "Trailer", "TE", "Upgrade", "Content-Type", "set-cookie"],
)
def test_what_concerns_a_whole_message_is_not_sent_after_it(name: str) -> None:
    with pytest.raises(HandlerError, match=name):
        encode_last_chunk([(name, "5")])


@pytest.mark.parametrize("line", [("A", "b\r\nC: d"), ("A", "\0"), ("A:", "b"), ("", "b"), ("A", "\u20ac")])
def test_trailers_that_break_the_grammar_are_not_sent(line: tuple[str, str]) -> None:
    with pytest.raises(HandlerError):
        encode_last_chunk([line])


@modest
@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6))
def test_what_is_encoded_is_decoded(pieces: list[bytes]) -> None:
    stream = b"".join(map(encode_chunk, pieces)) + encode_last_chunk([("Digest", "x y")])
    assert decode(stream) == (b"".join(pieces), [("Digest", "x y")])
