"""Requests and responses: plain values."""

from __future__ import annotations

import io
from typing import Any
from urllib.parse import unquote_to_bytes

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from ehttpd.fields import Fields
from ehttpd.messages import NO_BODY, REASONS, Client, FileBody, NoBody, Request, Response, Status, percent_decode
from ehttpd.native import access_log, pipeline


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
    request = Request("GET", "/a\n")
    assert repr(request) == r"<Request GET '/a\n' HTTP/1.1>"
    assert str(request) == rf"<Request GET '/a\n' HTTP/1.1 {request.id}>"


def test_no_body_is_an_empty_file_that_stays_open() -> None:
    assert NO_BODY.readable()
    assert (NO_BODY.read(5), NO_BODY.readline(), NO_BODY.readlines(), NoBody().readall()) == (b"", b"", [], b"")
    assert list(NO_BODY) == []
    NO_BODY.close()
    assert not NO_BODY.closed
    assert io.BufferedReader(NoBody()).read() == b""


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


@pytest.mark.parametrize(
    ("response", "status", "body", "headers"),
    [
        (Response.ok(), 200, b"", []),
        (Response.ok("a", {"B": "c"}), 200, b"a", [("B", "c"), ("Content-Type", "text/plain; charset=utf-8")]),
        (Response.ok(b"a", type="a/b"), 200, b"a", [("Content-Type", "a/b")]),
        (Response.json({"é": [1, None]}), 200, '{"é": [1, null]}'.encode(), [("Content-Type", "application/json")]),
        (Response.json([], 201), 201, b"[]", [("Content-Type", "application/json")]),
        (Response.html("<p>é"), 200, "<p>é".encode(), [("Content-Type", "text/html; charset=utf-8")]),
        (Response.bad_request("no\n"), 400, b"no\n", []),
        (Response.unauthorized('Basic realm="a"'), 401, b"Unauthorized\n", [("WWW-Authenticate", 'Basic realm="a"')]),
        (Response.forbidden(), 403, b"Forbidden\n", []),
        (Response.not_found(), 404, b"Not Found\n", []),
        (Response.method_not_allowed("GET, HEAD"), 405, b"Method Not Allowed\n", [("Allow", "GET, HEAD")]),
        (Response.method_not_allowed(["PUT", "GET"], "no"), 405, b"no", [("Allow", "PUT, GET")]),
        (Response.too_large(), 413, b"Content Too Large\n", []),
        (Response.range_not_satisfiable(7), 416, b"Range Not Satisfiable\n", [("Content-Range", "bytes */7")]),
        (Response.error(), 500, b"Internal Server Error\n", []),
        (Response.error("later\n", 503), 503, b"later\n", []),
    ],
)
def test_a_response_has_a_name(response: Response, status: int, body: bytes, headers: list[tuple[str, str]]) -> None:
    if status >= 400:
        headers = [*headers, ("Content-Type", "text/plain; charset=utf-8")]
    assert (response.status, response.body, list(response.headers)) == (status, body, headers)


def test_what_is_no_json_is_not_sent() -> None:
    for value, error in ((float("nan"), ValueError), (object(), TypeError)):
        with pytest.raises(error):
            Response.json(value)


def test_a_response_has_a_reason_that_may_be_another() -> None:
    response = Response(b"", 404)
    assert (response.reason, response.version) == ("Not Found", "HTTP/1.1")
    response.reason = "Gone Fishing"
    assert (response.status, response.reason, Status(404).reason) == (404, "Gone Fishing", "Not Found")


def test_a_response_closes_its_connection_if_it_is_told_to() -> None:
    response = Response(b"")
    response.close()
    assert response.headers["connection"] == "close"


def test_a_response_without_its_body_says_how_long_it_was() -> None:
    response = Response("hello")
    response.make_head()
    assert (response.body, response.content_length) == (b"", 5)
    file = io.BytesIO(b"hello")
    response = Response(file)
    assert response.content_length is None
    response.make_head()
    assert (response.body, file.closed, "content-length" in response.headers) == (b"", True, False)


def test_a_request_tells_where_it_came_to_and_who_it_is() -> None:
    request = Request("GET", "/", headers=Fields([("Host", "example.org:81")]), client=Client(scheme="https"))
    assert (request.scheme, request.host, Request("GET", "/").host) == ("https", "example.org:81", "")
    assert len(request.id) == 16
    assert request.id == request.id == request.state["request_id"] != Request("GET", "/").id
    request.state["request_id"] = "given"
    assert request.id == "given"


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


def test_no_file_has_fewer_octets_than_none() -> None:
    with pytest.raises(ValueError, match="A file has no -1 octets"):
        FileBody(io.BytesIO(b"01234"), count=-1)


def test_what_can_be_read_need_not_be_closed() -> None:
    class Readable:
        def read(self, size: int) -> bytes:
            return b""

    body = FileBody(Readable())
    assert list(body) == []
    body.close()


@pytest.mark.parametrize("kind", [bytearray, memoryview])
def test_octets_of_any_kind_are_a_body_also_for_middlewares(kind: Any) -> None:
    response = Response(kind(b"octets"))
    assert (response.body, response.content_length) == (b"octets", 6)
    handler = pipeline(lambda request: Response(kind(b"octets")), access_log())
    assert handler(Request("GET", "/")).body == b"octets"


@pytest.mark.parametrize("body", [5, None, {"a": 1}, object()])
def test_what_is_no_body_is_an_error_where_it_is_made_one(body: Any) -> None:
    with pytest.raises(TypeError, match="A body is bytes, text, a binary file or an iterable of bytes"):
        Response(body)


def test_a_file_that_gives_text_is_an_error_where_it_is_made_a_body() -> None:
    with open(__file__) as text:
        for make in (Response, Response.file):
            with pytest.raises(TypeError, match="open it with 'rb'"):
                make(text)  # type: ignore[arg-type]


def test_fields_that_are_shared_become_a_responses_own_when_they_are_asked_for() -> None:
    one, other = Response.json({}), Response.json({})
    assert one.shared is other.shared is not None
    one.headers["X-A"] = "b"
    assert one.shared is None
    assert dict(one.headers) == {"Content-Type": "application/json", "X-A": "b"}
    assert dict(other.headers) == {"Content-Type": "application/json"}
    with pytest.raises(AttributeError, match="'Response' object has no attribute 'header'"):
        other.header  # type: ignore[attr-defined]  # noqa: B018
