"""Requests and responses with no server: from octets, to octets."""

from __future__ import annotations

import io
from pathlib import Path

import pytest

from ehttpd.errors import BadRequest, ConnectionLost, ContentTooLarge, HandlerError
from ehttpd.http11.limits import Limits
from ehttpd.native import Request, Response
from tests.server.live import serving

HEAD = b"POST /a?b=c HTTP/1.1\r\nHost: here\r\nX-One: 1\r\n"
SIZED = HEAD + b"Content-Length: 6\r\n\r\nli\nne\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n3;x=y\r\nli\n\r\n3\r\nne\n\r\n0\r\nX-Two: 2\r\n\r\n"
PLAIN = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def read(source: bytes) -> Request:
    request = Request.read(source)
    assert request is not None
    return request


def test_a_request_is_read_with_its_body_and_trailers() -> None:
    for octets, trailers in ((SIZED, []), (CHUNKED, [("X-Two", "2")])):
        request = read(octets)
        assert (request.method, request.path, str(request.query), request.headers["x-one"]) == (
            "POST",
            "/a",
            "b=c",
            "1",
        )
        assert (request.has_body, request.read_all(), list(request.trailers)) == (True, b"li\nne\n", trailers)
    assert not read(PLAIN).has_body


def test_a_file_is_read_request_by_request_and_no_octet_further() -> None:
    file = io.BytesIO(SIZED + CHUNKED + PLAIN + b"and more")
    found = [Request.read(file) for _ in range(3)]
    assert [request and request.read_all() for request in found] == [b"li\nne\n", b"li\nne\n", b""]
    assert file.read() == b"and more"


def test_a_body_that_was_not_read_is_not_the_next_request() -> None:
    file = io.BytesIO(HEAD + b"Content-Length: %d\r\n\r\n" % len(PLAIN) + PLAIN + SIZED)
    Request.read(file)
    request = Request.read(file)
    assert request is not None
    assert request.method == "POST"


def test_the_end_of_a_file_is_no_request() -> None:
    assert Request.read(b"") is None
    file = io.BytesIO(PLAIN)
    Request.read(file)
    assert Request.read(file) is None


@pytest.mark.parametrize("octets", [PLAIN, SIZED, CHUNKED])
def test_what_ends_in_the_middle_is_lost(octets: bytes) -> None:
    for end in range(1, len(octets)):
        with pytest.raises(ConnectionLost, match="in the middle of a"):
            Request.read(octets[:end])


def test_a_handler_that_reads_octets_which_end_too_early_has_not_lost_its_client() -> None:
    with serving(lambda request: f"{Request.read(SIZED[:-1])}") as server:
        assert server.connect().ask().status == 500


def test_what_breaks_a_rule_or_a_limit_is_refused() -> None:
    with pytest.raises(BadRequest):
        Request.read(b"GET / HTTP/1.1\r\n\r\n")
    with pytest.raises(BadRequest):
        Request.read(HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n")
    with pytest.raises(ContentTooLarge):
        Request.read(SIZED, Limits(body=5))
    with pytest.raises(ContentTooLarge):
        Request.read(CHUNKED, Limits(body=5))


def test_a_head_is_written_as_it_was_but_for_whitespace() -> None:
    assert read(SIZED).raw_head == SIZED.removesuffix(b"li\nne\n")
    assert read(b"GET / HTTP/1.0\r\nA:\t\xe9 \r\na: b\r\n\r\n").raw_head == b"GET / HTTP/1.0\r\nA: \xe9\r\na: b\r\n\r\n"


@pytest.mark.parametrize(
    ("octets", "keeps"),
    [
        (PLAIN, True),
        (b"GET / HTTP/1.0\r\n\r\n", False),
        (b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", True),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n", False),
        (b"GET / HTTP/1.1\r\nHost: a\r\nConnection: CLOSE\r\n\r\n", False),
    ],
)
def test_a_request_tells_whether_its_connection_persists(octets: bytes, keeps: bool) -> None:
    assert read(octets).keep_alive is keeps


def test_a_response_is_written_to_whatever_takes_octets(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    path.write_bytes(b"0123456789")
    sink = io.BytesIO()
    request = read(b"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes=-3\r\n\r\n")
    Response.file(path, request=request).write_to(sink, request)
    head, _, body = sink.getvalue().partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 206 Partial Content\r\n")
    assert body == b"789"
    sink = io.BytesIO()
    Response.text("hello").write_to(sink, read(PLAIN.replace(b"GET", b"HEAD")))
    assert sink.getvalue().endswith(b"Content-Length: 5\r\n\r\n")


def test_nothing_is_written_of_a_response_that_cannot_be_sent() -> None:
    sink = io.BytesIO()
    with pytest.raises(HandlerError):
        Response(b"", 99).write_to(sink)
    assert sink.getvalue() == b""
