"""Requests and responses: plain values."""

from __future__ import annotations

import io
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ehttpd.messages import NO_BODY, REASONS, Client, FileBody, Request, Response, Status, percent_decode


@pytest.mark.parametrize(
    ("target", "raw_path", "path", "query"),
    [
        ("/", "/", "/", ""),
        ("/a/b?c=d?e", "/a/b", "/a/b", "c=d?e"),
        ("/a%20b%C3%A9?%20", "/a%20b%C3%A9", "/a bé", "%20"),
        ("/%ff", "/%ff", "/\ufffd", ""),
        ("/a+b%2Fc%", "/a+b%2Fc%", "/a+b/c%", ""),
        ("//b//c", "//b//c", "//b//c", ""),
        ("/x://y/z", "/x://y/z", "/x://y/z", ""),
        ("?", "/", "/", ""),
        ("*", "/", "/", ""),
        ("http://b", "/", "/", ""),
        ("http://b/", "/", "/", ""),
        ("http://b/c/d?e", "/c/d", "/c/d", "e"),
        ("http://b?/c/d", "/", "/", "/c/d"),
        ("http://b?u=http://c/d", "/", "/", "u=http://c/d"),
    ],
)
def test_a_target_has_a_path_and_a_query(target: str, raw_path: str, path: str, query: str) -> None:
    request = Request("GET", target)
    assert (request.raw_path, request.path, request.raw_query) == (raw_path, path, query)


@hypothesis_settings(max_examples=100, deadline=None, derandomize=True, database=None)
@given(st.text(st.sampled_from("%%%0aF9gz/é"), max_size=12))
def test_percent_decoding_is_that_of_the_standard_library(text: str) -> None:
    assert percent_decode(text) == unquote_to_bytes(text.encode("latin-1"))


def test_a_request_made_by_hand_has_no_body_no_fields_and_no_client() -> None:
    request = Request("GET", "/")
    assert request.version == "HTTP/1.1"
    assert (len(request.headers), len(request.trailers)) == (0, 0)
    assert request.body.read() == b""
    assert request.client.remote == ("", 0)


def test_a_request_is_shown_without_its_fields() -> None:
    assert repr(Request("GET", "/a\n")) == r"<Request GET '/a\n' HTTP/1.1>"


def test_no_body_is_an_empty_file_that_stays_open() -> None:
    assert NO_BODY.readable()
    assert (NO_BODY.read(5), NO_BODY.readline(), NO_BODY.readlines(), NO_BODY.readall()) == (b"", b"", [], b"")
    assert list(NO_BODY) == []
    NO_BODY.close()
    assert not NO_BODY.closed
    assert io.BufferedReader(NO_BODY).read() == b""


def test_a_client_without_a_server_can_be_sent_nothing() -> None:
    client, request = Client(), Request("GET", "/")
    assert not client.response_begun
    with pytest.raises(NotImplementedError):
        client.start_response(request, 200, [])
    with pytest.raises(NotImplementedError):
        client.send_interim(request, 103, [])


def test_a_status_is_its_code_with_a_reason() -> None:
    assert Status(404) == 404
    assert (Status(404).reason, Status(404).text) == ("Not Found", "404 Not Found")
    assert Status(299).text == "299 Unknown"
    assert Status(200, "Fine").text == "200 Fine"
    assert Status(200, "").text == "200 "


def test_every_reason_can_be_sent() -> None:
    assert all(100 <= code < 600 and reason.isascii() and reason.isprintable() for code, reason in REASONS.items())


def test_text_is_sent_as_utf_8_and_says_so() -> None:
    for response in (Response("é", 201), Response.text("é", 201)):
        assert (response.body, response.status) == ("é".encode(), 201)
        assert list(response.headers) == [("Content-Type", "text/plain; charset=utf-8")]


def test_the_type_of_a_text_may_be_another() -> None:
    assert list(Response("{}", type="application/json").headers) == [("Content-Type", "application/json")]
    assert list(Response("{}", headers={"content-type": "a/b"}).headers) == [("content-type", "a/b")]


def test_octets_have_no_type_unless_it_is_given() -> None:
    assert list(Response(b"").headers) == []
    assert Response(b"", type="a/b").headers["content-type"] == "a/b"


def test_a_stream_has_pieces_and_trailers() -> None:
    pieces = iter([b"a"])
    response = Response.stream(pieces, 202, {"A": "b"}, trailers=lambda: [("C", "d")])
    assert response.body is pieces
    assert (response.status, list(response.headers)) == (202, [("A", "b")])
    assert response.trailers is not None
    assert response.trailers() == [("C", "d")]


def test_a_response_is_shown_without_its_body() -> None:
    assert repr(Response(b"secret", 404)) == "<Response 404 bytes>"


def test_a_file_is_read_in_blocks_and_closed() -> None:
    file = io.BytesIO(b"01234")
    body = FileBody(file, 2)
    assert list(body) == [b"01", b"23", b"4"]
    body.close()
    assert file.closed


def test_what_can_be_read_need_not_be_closed() -> None:
    class Readable:
        def read(self, size: int) -> bytes:
            return b""

    body = FileBody(Readable())
    assert list(body) == []
    body.close()
