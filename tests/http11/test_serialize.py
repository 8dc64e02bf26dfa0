"""Whole responses, without a server."""

from __future__ import annotations

import array
import io
from collections.abc import Iterator
from typing import Any

import pytest

from ehttpd.errors import HandlerError
from ehttpd.http11 import RequestReader, serialize
from ehttpd.messages import FileBody, Request, Response


def test_a_request_in_a_response_out() -> None:
    reader = RequestReader()
    reader.receive(b"GET /name HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    request = reader.next_request()
    assert request is not None
    octets = serialize(Response(request.path), request, persistent=reader.section.persistent)
    assert octets == (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\nConnection: close\r\n\r\n"
        b"/name"
    )


def test_without_a_request_a_get_is_answered() -> None:
    assert serialize(Response(b"hi")) == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def test_head_has_the_length_and_no_body() -> None:
    assert serialize(Response(b"hi"), Request("HEAD", "/")) == b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"


def test_a_piece_is_counted_in_octets_whatever_its_items_are() -> None:
    letters: Any = memoryview(array.array("H", [0x6161] * 2))
    assert serialize(Response.stream([letters])).endswith(b"\r\n\r\n4\r\naaaa\r\n0\r\n\r\n")


def test_a_stream_is_sent_in_chunks_with_its_trailers() -> None:
    response = Response.stream([b"a", b"", b"bc"], trailers=lambda: {"Digest": "x"})
    assert serialize(response) == (
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\nDigest: x\r\n\r\n"
    )


def test_a_stream_for_http_1_0_ends_with_the_connection() -> None:
    response = Response.stream([b"a", b"bc"], trailers=lambda: {"Digest": "x"})
    octets = serialize(response, Request("GET", "/", "HTTP/1.0"))
    assert octets == b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc"


def test_a_file_is_sent_from_where_it_stands() -> None:
    file = io.BytesIO(b"0123")
    file.seek(2)
    assert serialize(Response(FileBody(file), headers={"Content-Length": "2"})).endswith(b"\r\n\r\n23")


@pytest.mark.parametrize("pieces", [[b"a"], [b"a", b"bc"]])
def test_a_body_that_breaks_its_promise_is_not_sent(pieces: list[bytes]) -> None:
    with pytest.raises(HandlerError, match="2 octets"):
        serialize(Response.stream(pieces, headers={"Content-Length": "2"}))


class Closing:
    """An iterable that counts how often it is closed."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"a"])

    def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_body_is_closed_once_even_if_nobody_wants_it(method: str) -> None:
    body = Closing()
    serialize(Response.stream(body), Request(method, "/"))
    assert body.closed == 1


def test_the_body_is_closed_even_if_the_head_cannot_be_sent() -> None:
    body = Closing()
    with pytest.raises(HandlerError):
        serialize(Response.stream(body, status=42))
    assert body.closed == 1


@pytest.mark.parametrize("headers", [None, {"Content-Length": "1"}])
def test_a_piece_that_is_no_octets_is_the_applications_mistake(headers: dict[str, str] | None) -> None:
    response = Response(iter(["a"]), headers=headers)  # type: ignore[arg-type]
    with pytest.raises(HandlerError, match="A piece of a body must be bytes"):
        serialize(response)
