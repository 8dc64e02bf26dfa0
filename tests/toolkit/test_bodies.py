"""Bodies of requests: read as octets, text, JSON or a file, or refused."""

from __future__ import annotations

import encodings
import gzip
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests

from ehttpd.errors import BadRequest, ContentTooLarge
from ehttpd.fields import Fields
from ehttpd.native import Request, Response, Router, UnsupportedMediaType
from tests.server.live import PATIENCE, serving
from tests.toolkit.asking import asked


def sent(body: bytes, *fields: str) -> Request:
    return asked("/", *fields, method="POST", body=body)


def chunked(body: bytes) -> Request:
    """Return a request that does not tell how long its body is."""
    return Request("POST", "/", headers=Fields([("Transfer-Encoding", "chunked")]), body=io.BytesIO(body))


def test_a_request_tells_whether_and_how_much_body_there_is() -> None:
    assert (asked("/").has_body, asked("/").content_length) == (False, None)
    assert (sent(b"abc").has_body, sent(b"abc").content_length) == (True, 3)
    assert (chunked(b"abc").has_body, chunked(b"abc").content_length) == (True, None)


def test_a_body_is_read_and_read_again() -> None:
    request = sent(b"1234", "Content-Type: application/json")
    assert (request.read_all(), request.read_all(4), request.text(), request.json()) == (b"1234", b"1234", "1234", 1234)


@pytest.mark.parametrize("made", [sent, chunked])
@pytest.mark.parametrize("read", [Request.read_all, Request.text, Request.json])
def test_a_body_beyond_the_limit_is_refused(made: Callable[[bytes], Request], read: Callable[..., Any]) -> None:
    assert read(made(b"1234"), 4) in (b"1234", "1234", 1234)
    with pytest.raises(ContentTooLarge, match="3 octets"):
        read(made(b"1234"), 3)


def test_a_length_that_was_told_is_refused_before_anything_is_read() -> None:
    request = sent(b"1234")
    with pytest.raises(ContentTooLarge):
        request.read_all(3)
    assert request.body.read() == b"1234"


def test_a_body_beyond_the_limit_is_not_read_to_its_end() -> None:
    request = chunked(b"x" * (1 << 20))
    with pytest.raises(ContentTooLarge):
        request.read_all(1000)
    assert len(request.body.read()) > 900_000


def test_what_was_read_within_one_limit_may_be_too_large_for_another() -> None:
    request = sent(b"1234")
    request.read_all()
    with pytest.raises(ContentTooLarge):
        request.text(3)


@pytest.mark.parametrize(
    ("body", "content_type", "text"),
    [
        ("é".encode(), None, "é"),
        ("é".encode(), "text/plain", "é"),
        ("é".encode("latin-1"), "text/plain; charset=ISO-8859-1", "é"),
        ("é".encode("utf-16"), 'text/plain; format=flowed; charset="utf-16"', "é"),
        ("ї".encode("koi8-u"), "text/plain; charset=KOI8-U", "ї"),
        ("é".encode("cp1252"), "text/plain; charset=windows-1252", "é"),
        ("é".encode("latin-1"), 'text/plain; charset="ISO_8859-1:1987"', "é"),
    ],
)
def test_text_is_in_the_charset_of_its_type(body: bytes, content_type: str | None, text: str) -> None:
    assert sent(body, *([f"Content-Type: {content_type}"] if content_type else [])).text() == text


def test_text_that_cannot_be_read_is_refused() -> None:
    with pytest.raises(BadRequest, match="utf-8"):
        sent(b"\xff").text()
    for charset in ("klingon", "rot13", "hex", "idna", "unicode_escape", "undefined"):
        with pytest.raises(UnsupportedMediaType, match=charset):
            sent(b"abcd", f"Content-Type: text/plain; charset={charset}").text()
    with pytest.raises(UnsupportedMediaType):
        sent(b"abcd", 'Content-Type: text/plain; charset="a\0b"').text()


def test_the_names_of_charsets_that_clients_make_up_are_not_kept() -> None:
    """Python keeps them for ever: a client could fill the memory with them."""
    known = len(encodings._cache)
    for number in range(2, 30):
        assert sent(b"a", f"Content-Type: text/plain; charset=utf{'-' * number}8").text() == "a"
        with pytest.raises(UnsupportedMediaType):
            sent(b"a", f"Content-Type: text/plain; charset=klingon-{number}").text()
    assert len(encodings._cache) <= known + 1


@pytest.mark.parametrize("content_type", ["application/json", "Application/JSON ; charset=utf-8", "application/a+json"])
def test_json_is_read_by_its_type_or_without_one(content_type: str) -> None:
    assert sent(b'{"a": [1, null, "\xc3\xa9"]}', f"Content-Type: {content_type}").json() == {"a": [1, None, "é"]}
    assert sent(b"[]").json() == []


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b"[1,]",
        b"NaN",
        b"[Infinity]",
        b'"\xff"',
        b"1 2",
        b"[" * 100_000,
        b"1" * 5000,
        b"\xff\xfe1\0",
        b"1e999",
        b'["\\ud83d"]',
    ],
)
def test_what_is_no_json_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="JSON"):
        sent(body).json()


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert sent(b'["\\ud83d\\ude00", 1.5e3, "\\\\ud83d"]').json() == ["\U0001f600", 1500.0, "\\ud83d"]


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/x-www-form-urlencoded", "application/ld+json"])
def test_json_is_read_whatever_its_type_is_said_to_be(content_type: str) -> None:
    # curl --data and urllib call everything a form, and http.client says nothing.
    assert sent(b'{"a": 1}', f"Content-Type: {content_type}").json() == {"a": 1}


def test_a_compressed_body_is_refused_not_misread() -> None:
    request = sent(gzip.compress(b"{}"), "Content-Encoding: gzip")
    for read in (request.json, request.text, request.form):
        with pytest.raises(UnsupportedMediaType, match="gzip"):
            read()
    assert gzip.decompress(request.read_all()) == b"{}"


def test_a_body_is_saved_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "saved"
    assert sent(b"first").save(path) == 5
    assert chunked(b"second").save(str(path), limit=6) == 6
    with pytest.raises(ContentTooLarge):
        chunked(b"third, and longer").save(path, limit=6)
    with pytest.raises(ContentTooLarge):
        sent(b"fourth, and longer").save(path, limit=6)
    assert path.read_bytes() == b"second"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError):
        sent(b"").save(tmp_path / "no folder" / "saved")


def test_a_body_is_saved_under_the_longest_name_there_is_and_nobody_is_shown_half_of_it(tmp_path: Path) -> None:
    class Arriving(io.BytesIO):
        def read1(self, size: int | None = -1, /) -> bytes:
            names.update(each.name for each in tmp_path.iterdir())
            return super().read1(size)

    names: set[str] = set()
    path = tmp_path / ("x" * 255)
    assert Request("PUT", "/", body=Arriving(b"whole")).save(path) == 5
    assert path.read_bytes() == b"whole"
    assert [name[0] for name in names] == ["."]  # `StaticFiles` neither serves nor lists it


def test_a_server_answers_a_refusal_with_its_status() -> None:
    with serving(lambda request: Response.json(request.json(limit=10))) as server:
        peer = server.connect()
        kind = "Content-Type: application/json"
        assert peer.ask("/", kind, method="POST", body=b"[1]").body == b"[1]"
        assert peer.ask("/", kind, method="POST", body=b"[1").status == 400
        assert peer.ask("/", kind, method="POST", body=b"[1,2,3,4,5,6]").status == 413
        assert peer.ask("/", "Content-Encoding: gzip", method="POST", body=b"[1]").status == 415
        assert peer.ask("/", kind, method="POST", body=b"[2]").body == b"[2]"


def test_a_body_that_nobody_reads_is_not_the_next_request() -> None:
    smuggled = b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"
    chunks = b"%x\r\n%s\r\n0\r\n\r\n" % (len(smuggled), smuggled)
    with serving(lambda request: Response.text(request.path)) as server:
        peer = server.connect()
        assert peer.ask("/length", method="POST", body=smuggled).body == b"/length"
        peer.send(b"POST /chunks HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks)
        assert peer.reply().body == b"/chunks"
        assert peer.ask("/next").body == b"/next"


def test_other_people_s_clients_send_json() -> None:
    with serving(lambda request: Response.json(request.json())) as server:
        value = {"é": [1, 2.5, None]}
        assert requests.post(server.url, json=value, timeout=PATIENCE).json() == value
        assert httpx.post(server.url, json=value, trust_env=False).json() == value
        assert httpx.post(server.url, content=iter([json.dumps(value).encode()]), trust_env=False).json() == value


class Plain:
    """A body that knows no more than `read`."""

    def __init__(self, content: bytes) -> None:
        self.read = io.BytesIO(content).read


@pytest.mark.parametrize("body", [io.BytesIO(b"some octets"), Plain(b"some octets")])
def test_a_body_comes_in_pieces(body: Any) -> None:
    request = Request("POST", "/", body=body)
    assert b"".join(request.pieces(11)) == b"some octets"
    assert list(Request("GET", "/").pieces()) == []


def test_pieces_beyond_the_limit_are_refused() -> None:
    with pytest.raises(ContentTooLarge):
        list(Request("POST", "/", body=io.BytesIO(b"some octets")).pieces(10))


def test_a_body_that_was_read_is_there_for_every_other_way_to_read_it(tmp_path: Path) -> None:
    request = sent(b"a=1&b=2", "Content-Type: application/x-www-form-urlencoded")
    assert request.read_all() == b"a=1&b=2"
    assert (request.text(), b"".join(request.pieces()), request.save(tmp_path / "saved")) == ("a=1&b=2", b"a=1&b=2", 7)
    assert request.form()["b"] == "2"
    with pytest.raises(ContentTooLarge):
        list(request.pieces(limit=6))


def test_what_was_read_below_a_mount_is_there_outside() -> None:
    router = Router()
    router.mount("/below", lambda request: request.read_all())
    request = asked("/below/", method="POST", body=b"tea")
    assert router(request).body == request.read_all() == b"tea"
