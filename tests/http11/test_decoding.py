"""Bodies from octets: by length and in chunks, with the trailer section."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import BadRequest, ContentTooLarge, FieldsTooLarge
from ehttpd.fields import Fields
from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.decoding import FORBIDDEN_TRAILERS, LONGEST_CHUNK_HEAD, Decoder, decode_chunked, decode_length
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from tests.http11.reading import octet_by_octet, split_at
from tests.http11.streams import bodies, modest, write_chunks


def run(decoder: Decoder, buffer: ReceiveBuffer, pieces: list[bytes]) -> tuple[bytes, Fields | None]:
    """Return the data, and the trailer section once the message has ended."""
    data = b""
    waiting = list(pieces)
    while True:
        try:
            piece = next(decoder)
        except StopIteration as end:
            return data, end.value
        if piece is not None:
            data += piece
        elif waiting:
            buffer.append(waiting.pop(0))
        else:
            return data, None


def decode(octets: bytes, limits: Limits = DEFAULT_LIMITS) -> tuple[bytes, list[tuple[str, str]] | None]:
    """Decode chunks whole and octet by octet; give what both give."""
    outcomes = []
    for pieces in ([octets], octet_by_octet(octets)):
        buffer = ReceiveBuffer()
        data, trailers = run(decode_chunked(buffer, limits), buffer, pieces)
        outcomes.append((data, None if trailers is None else list(trailers)))
    assert outcomes[0] == outcomes[1]
    return outcomes[0]


def test_a_length_takes_so_many_octets_and_no_more() -> None:
    buffer = ReceiveBuffer()
    data, trailers = run(decode_length(buffer, 5), buffer, [b"ab", b"c", b"deNEXT"])
    assert (data, trailers) == (b"abcde", Fields())
    assert buffer.take(10) == b"NEXT"


@modest
@given(st.lists(bodies, max_size=6), st.sampled_from([b"", b";a=b", b'\t; a = ";\\\r"'.replace(b"\r", b";")]))
def test_chunks_give_what_was_put_into_them(pieces: list[bytes], extension: bytes) -> None:
    assert decode(write_chunks(pieces, extension, ["X: y"])) == (b"".join(pieces), [("X", "y")])


@pytest.mark.parametrize("octets", [b"", b"5", b"5\r\nhe", b"5\r\nhello", b"2\r\nhi\r\n0\r\n", b"0\r\nX: y\r\n"])
def test_a_body_that_is_cut_off_does_not_end(octets: bytes) -> None:
    assert decode(octets)[1] is None


def test_what_follows_the_last_chunk_is_left() -> None:
    buffer = ReceiveBuffer()
    run(decode_chunked(buffer, DEFAULT_LIMITS), buffer, [b"1\r\na\r\n0\r\n\r\nNEXT"])
    assert buffer.take(10) == b"NEXT"


def test_the_largest_chunk_size_is_no_size_of_ours() -> None:
    assert decode(b"F" * 16 + b"\r\nab") == (b"ab", None)


@pytest.mark.parametrize("size", [2**32 + 2, 2**63 + 2])
def test_a_chunk_size_does_not_overflow(size: int) -> None:
    assert decode(b"%x\r\nhi\r\n0\r\n\r\n" % size) == (b"hi\r\n0\r\n\r\n", None)


def test_a_chunk_head_has_the_same_limit_whole_and_in_pieces() -> None:
    longest = b"1;" + b"a" * (LONGEST_CHUNK_HEAD - 4) + b"\r\n"
    too_long = b"1;" + b"a" * (LONGEST_CHUNK_HEAD - 3) + b"\r\n"
    for cut in range(LONGEST_CHUNK_HEAD - 2, LONGEST_CHUNK_HEAD + 2):
        buffer = ReceiveBuffer()
        pieces = split_at(longest + b"x\r\n0\r\n\r\n", [cut])
        assert run(decode_chunked(buffer, DEFAULT_LIMITS), buffer, pieces) == (b"x", Fields())
        buffer = ReceiveBuffer()
        with pytest.raises(BadRequest, match="chunk"):
            run(decode_chunked(buffer, DEFAULT_LIMITS), buffer, split_at(too_long + b"x\r\n0\r\n\r\n", [cut]))


def test_a_million_extensions_are_refused_in_no_time() -> None:
    with pytest.raises(BadRequest):
        decode(b"1" + b" ; a = b" * 100_000)


def test_data_is_given_before_the_chunk_is_whole() -> None:
    buffer = ReceiveBuffer()
    buffer.append(b"5\r\nhe")
    decoder = decode_chunked(buffer, DEFAULT_LIMITS)
    assert next(decoder) == b"he"
    assert next(decoder) is None


def test_the_limit_of_a_body_is_for_all_its_chunks_together() -> None:
    assert decode(b"2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n", Limits(body=4)) == (b"abcd", [])
    with pytest.raises(ContentTooLarge, match="4 octets"):
        decode(b"2\r\nab\r\n3\r\ncde\r\n0\r\n\r\n", Limits(body=4))


def test_trailers_keep_their_order_and_their_repeats() -> None:
    assert decode(b"0\r\nA: 1\r\nb:2\r\na: 3\r\n\r\n") == (b"", [("A", "1"), ("b", "2"), ("a", "3")])


@pytest.mark.parametrize("name", sorted(FORBIDDEN_TRAILERS))
def test_what_must_stand_before_the_body_is_refused_behind_it(name: str) -> None:
    with pytest.raises(BadRequest, match="trailer section"):
        decode(b"0\r\n" + name.title().encode() + b": 1\r\n\r\n")


def test_a_trailer_line_may_be_as_long_as_a_field_line() -> None:
    limits = Limits(field_size=6)
    assert decode(b"0\r\nA: 123\r\n\r\n", limits) == (b"", [("A", "123")])
    for octets in (b"0\r\nA: 1234\r\n\r\n", b"0\r\nA: 1234\r", b"0\r\nA: 12345"):
        with pytest.raises(FieldsTooLarge, match="trailer section"):
            decode(octets, limits)


def test_a_trailer_section_has_the_limits_of_a_head() -> None:
    assert decode(b"0\r\nA: 1\r\nB: 2\r\n\r\n", Limits(fields=2, head=12))[1]
    for limits in (Limits(fields=1), Limits(head=11)):
        with pytest.raises(FieldsTooLarge):
            decode(b"0\r\nA: 1\r\nB: 2\r\n\r\n", limits)


@pytest.mark.parametrize("line", [b"X : y", b" X: y", b"X", b": y", b"X: y\nZ: z", b"X: \0"])
def test_a_broken_trailer_is_refused(line: bytes) -> None:
    with pytest.raises(BadRequest):
        decode(b"0\r\n" + line + b"\r\n\r\n")


def test_extensions_are_bounded_for_all_chunks_together() -> None:
    limits = Limits(head=100)
    chunk = b"1;a=" + b"x" * 45 + b"\r\nz\r\n"  # extensions of 48 octets
    assert decode(chunk * 2 + b"0\r\n\r\n", limits)[0] == b"zz"
    with pytest.raises(ContentTooLarge, match="100"):
        decode(chunk * 2 + b"0;a=bcd\r\n\r\n", limits)
