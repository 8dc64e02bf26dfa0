"""Compression: which contents are encoded, how, and what caches are told."""

from __future__ import annotations

import gzip
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import httpx
import pytest
import requests

from ehttpd.messages import FedBody, Request, Response
from ehttpd.toolkit.codings import encoders
from ehttpd.toolkit.compress import compress
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.publisher import Publisher
from tests.server.live import serving
from tests.toolkit.asking import ask, text_of

TEXT = "All work and no play makes Jack a dull boy.\n" * 100
GZIP = "Accept-Encoding: gzip"


def answering(response: Response) -> Response:
    """Return what `compress` makes of a response."""
    return ask(compress()(lambda request: response), "/", GZIP)


def body_of(response: Response) -> bytes:
    body = response.body
    return body if isinstance(body, bytes) else b"".join(body)


def test_a_text_is_encoded_for_a_client_that_takes_it() -> None:
    response = answering(Response.text(TEXT, headers={"ETag": '"1"', "Accept-Ranges": "bytes"}))
    assert gzip.decompress(body_of(response)) == TEXT.encode()
    assert len(body_of(response)) < len(TEXT) / 10
    assert response.headers["content-encoding"] == "gzip"
    assert response.headers["vary"] == "Accept-Encoding"
    assert response.headers["etag"] == 'W/"1"'
    assert "accept-ranges" not in response.headers


@pytest.mark.parametrize("accepted", [None, "", "identity", "gzip;q=0", "sdch", "gzip;q=0.5, identity"])
def test_others_get_it_plain_and_caches_know_that_it_varies(accepted: str | None) -> None:
    fields = [] if accepted is None else [f"Accept-Encoding: {accepted}"]
    response = ask(compress()(lambda request: Response.text(TEXT)), "/", *fields)
    assert text_of(response) == TEXT
    assert "content-encoding" not in response.headers
    assert response.headers["vary"] == "Accept-Encoding"


@pytest.mark.parametrize(
    "response",
    [
        Response.text("x" * 999),
        Response(b"x" * 2000, type="image/png"),
        Response(b"x" * 2000),
        Response.text(TEXT, headers={"Content-Encoding": "br"}),
        Response.text(TEXT, headers={"Cache-Control": "public, No-Transform"}),
        Response(b"", 204),
    ],
)
def test_what_should_stay_as_it_is_stays(response: Response) -> None:
    body, fields = response.body, list(response.headers)
    answered = answering(response)
    assert (answered.body, list(answered.headers)) == (body, fields)


@pytest.mark.parametrize("kind", ["application/json", "application/problem+json", "image/svg+xml", "Text/HTML; a=b"])
def test_what_is_text_is_encoded(kind: str) -> None:
    assert "content-encoding" in answering(Response(TEXT.encode(), type=kind)).headers


def test_the_length_is_that_of_what_is_sent() -> None:
    response = Response.text(TEXT, headers={"Content-Length": str(len(TEXT))})
    with serving(compress()(lambda request: response)) as server:
        reply = server.connect().ask("/", GZIP)
    assert (reply.whole, gzip.decompress(reply.body)) == (True, TEXT.encode())


def test_an_error_is_encoded_too() -> None:
    def handler(request: Request) -> str:
        raise HTTPError(400, TEXT)

    assert ask(compress()(handler), "/", GZIP).headers["content-encoding"] == "gzip"


@pytest.mark.parametrize(("media_type", "vary"), [("text/plain", "Accept-Encoding"), ("video/mp4", None)])
def test_a_part_stays_as_it_is_and_varies_as_the_whole_does(media_type: str, vary: str | None) -> None:
    response = answering(Response.partial(TEXT.encode(), 0, 9, type=media_type))
    assert (response.headers.get("vary"), response.headers.get("content-encoding")) == (vary, None)
    assert response.headers["content-length"] == "10"


def test_several_parts_vary_as_the_whole_does(tmp_path: Path) -> None:
    """RFC 9110 §15.3.7: their own type tells nothing of that."""
    path = tmp_path / "page.txt"
    path.write_text(TEXT)
    handler = compress()(lambda request: Response.file(path, request=request))
    response = ask(handler, "/", GZIP, "Range: bytes=0-1,8-9")
    assert response.headers["content-type"].startswith("multipart/byteranges")
    assert (response.headers.get("vary"), response.headers.get("content-encoding")) == ("Accept-Encoding", None)
    response.body.close()  # type: ignore[union-attr]


def test_the_tag_of_a_304_is_the_one_that_was_sent() -> None:
    handler = compress()(lambda request: Response(b"", 304, {"ETag": '"1"'}))
    assert ask(handler, "/", GZIP).headers["etag"] == 'W/"1"'
    assert ask(handler).headers["etag"] == '"1"'
    assert ask(handler).headers["vary"] == "Accept-Encoding"


def test_head_has_the_fields_of_get(tmp_path: Path) -> None:
    """RFC 9110 §9.3.2: above all not the length of what GET would encode."""
    path = tmp_path / "page.txt"
    path.write_text(TEXT)
    handler = compress()(lambda request: Response.file(path, request=request))
    got, head = (ask(handler, "/", GZIP, method=method) for method in ("GET", "HEAD"))
    assert list(head.headers) == list(got.headers)
    assert (head.headers["content-encoding"], head.body) == ("gzip", b"")
    assert ask(handler, "/", method="HEAD").content_length == len(TEXT)
    b"".join(got.body)  # type: ignore[arg-type]
    got.body.close()  # type: ignore[union-attr]


def test_each_piece_of_a_stream_can_be_read_when_it_is_made() -> None:
    made: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(3):
            made.append(number)
            yield b"data: %d\n\n" % number

    response = answering(Response.stream(pieces(), headers={"Content-Type": "text/event-stream"}))
    decoder = zlib.decompressobj(31)
    read = b""
    for number, encoded in enumerate(cast("Iterator[bytes]", response.body)):
        read += decoder.decompress(encoded)
        if number < 3:
            assert (made, read.count(b"data")) == (list(range(number + 1)), number + 1)
    assert decoder.eof


def test_a_stream_is_closed_even_if_it_was_not_read() -> None:
    class Pieces:
        closed = 0

        def __iter__(self) -> Iterator[bytes]:
            yield b"x"

        def close(self) -> None:
            self.closed += 1

    pieces = Pieces()
    with serving(compress()(lambda request: Response.stream(pieces, headers={"Content-Type": "text/css"}))) as server:
        assert server.connect().ask("/", GZIP, method="HEAD").fields["content-encoding"] == "gzip"
    assert pieces.closed == 1


def test_a_file_is_encoded_and_closed(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text(TEXT * 100)
    file = path.open("rb")
    with serving(compress()(lambda request: Response(file, type="text/plain"))) as server:
        assert gzip.decompress(server.connect().ask("/", GZIP).body).decode() == TEXT * 100
    assert file.closed


@pytest.mark.parametrize("name", ["gzip", "br", "zstd"])
def test_every_coding_gives_back_what_it_was_given(name: str) -> None:
    if name not in encoders():
        pytest.skip(f"this Python has no {name}")
    encoder = encoders()[name]()
    encoded = encoder.compress(b"abc") + encoder.flush() + encoder.compress(TEXT.encode()) + encoder.finish()
    assert httpx.Response(200, headers={"Content-Encoding": name}, content=encoded).content == b"abc" + TEXT.encode()


def test_requests_and_httpx_read_what_they_ask_for() -> None:
    with serving(compress()(lambda request: TEXT)) as server:
        plain = requests.get(server.url, timeout=10)
        assert (plain.text, plain.headers["Content-Encoding"] in encoders()) == (TEXT, True)
        other = httpx.get(server.url)
        assert (other.text, other.headers["Content-Encoding"] in encoders()) == (TEXT, True)


def test_events_that_need_no_thread_are_left_as_they_are() -> None:
    response = answering(Response.sse(Publisher()))
    assert isinstance(response.body, FedBody)
    assert "content-encoding" not in response.headers


def test_digests_of_the_plain_content_are_not_told() -> None:
    response = answering(Response.text(TEXT, headers={"Content-Digest": "sha-256=:x:", "Repr-Digest": "sha-256=:x:"}))
    assert response.headers["content-encoding"] == "gzip"
    assert "content-digest" not in response.headers
    assert "repr-digest" not in response.headers
