"""Received octets come out in order, whole or in pieces."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ehttpd.http11.buffer import ReceiveBuffer
from tests.http11.streams import modest


def buffer_of(*pieces: bytes) -> ReceiveBuffer:
    buffer = ReceiveBuffer()
    for piece in pieces:
        buffer.append(piece)
    return buffer


def test_an_empty_buffer_gives_nothing() -> None:
    buffer = ReceiveBuffer()
    assert len(buffer) == 0
    assert buffer.take(5) == b""
    assert buffer.take_line(5) is None


@modest
@given(st.lists(st.one_of(st.binary(max_size=8), st.integers(0, 12)), max_size=20))
def test_what_is_taken_is_what_was_appended(steps: list[bytes | int]) -> None:
    buffer, appended, taken = ReceiveBuffer(), b"", b""
    for step in steps:
        if isinstance(step, bytes):
            buffer.append(step)
            appended += step
        else:
            taken += buffer.take(step)
        assert len(buffer) == len(appended) - len(taken)
    assert taken + buffer.take(len(buffer)) == appended


def test_a_line_is_taken_with_its_end() -> None:
    buffer = buffer_of(b"ab\r", b"\ncd\r\n\r\ne")
    assert [buffer.take_line(10) for _ in range(4)] == [b"ab\r\n", b"cd\r\n", b"\r\n", None]
    assert buffer.take(10) == b"e"


def test_a_line_as_long_as_the_limit_is_whole() -> None:
    assert buffer_of(b"abcd\r\nrest").take_line(6) == b"abcd\r\n"


def test_a_longer_line_is_given_as_far_as_the_limit() -> None:
    assert buffer_of(b"abcde\r\n").take_line(6) == b"abcde\r"
    assert buffer_of(b"abcde").take_line(6) is None
