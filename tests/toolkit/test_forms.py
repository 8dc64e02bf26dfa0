"""Forms: fields and files, as browsers and other people's clients send them."""

from __future__ import annotations

import sys
from pathlib import Path

import httpx
import pytest
import requests

from ehttpd.errors import BadRequest, ContentTooLarge, HandlerError
from ehttpd.native import MultipartForm, Request, Response, UnsupportedMediaType
from ehttpd.toolkit import forms
from ehttpd.toolkit.bodies import READ_AT_ONCE
from tests.server.live import PATIENCE, serving
from tests.toolkit.asking import asked

URLENCODED = "Content-Type: application/x-www-form-urlencoded"
MULTIPART = "Content-Type: multipart/form-data; boundary=b"


def part(disposition: str, data: str, *fields: str) -> str:
    return "\r\n".join(["--b", f"Content-Disposition: form-data; {disposition}", *fields, "", data, ""])


def sent(*parts: str, end: str = "--b--\r\n") -> Request:
    return asked("/", MULTIPART, method="POST", body=("".join(parts) + end).encode())


def test_a_form_without_files_is_read_like_a_query() -> None:
    request = asked("/", URLENCODED, method="POST", body=b"a=1&b=%C3%A9+&a=2")
    form = request.form()
    assert (form.pairs, form.get("a", type=int), form.all("a"), len(form.files)) == (
        [("a", "1"), ("b", "é "), ("a", "2")], 2, ["1", "2"], 0,
    )  # fmt: skip
    assert request.form() is form


def test_a_form_with_files_has_both(tmp_path: Path) -> None:
    form = sent(
        part('name="a"', "1"),
        part('name="file"; filename="C:\\fakepath\\../é.txt"', "content", "Content-Type: text/x"),
        part('name="a"', "2 é"),
        part('name="file"; filename="two"', ""),
        part('name="none"; filename=""', ""),
    ).form()
    assert isinstance(form, MultipartForm)
    assert form.pairs == [("a", "1"), ("a", "2 é")]
    first, second = form.files.all("file")
    assert (first.filename, first.content_type, first.size, first.file.read()) == ("é.txt", "text/x", 7, b"content")
    assert (second.filename, second.content_type, second.size) == ("two", "application/octet-stream", 0)
    assert list(form.files) == ["file"]
    assert form.files["file"] is second
    first.save(tmp_path / "saved")
    assert (tmp_path / "saved").read_bytes() == b"content"
    assert repr(first) == "<Upload 'é.txt', 7 octets>"


@pytest.mark.parametrize(
    "request_",
    [
        sent(end="--b"),
        sent(part('name="a"', "1"), end=""),
        sent("--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n"),
        sent("--b\r\nX: y\r\n\r\nx\r\n"),
        sent("preamble--b\r\n"),
        asked("/", "Content-Type: multipart/form-data", method="POST", body=b"--b--\r\n"),
    ],
)
def test_a_broken_form_is_refused(request_: Request) -> None:
    with pytest.raises(BadRequest, match="multipart/form-data"):
        request_.form()


def test_a_field_is_in_the_charset_that_it_says() -> None:
    def form(charset: str, data: bytes) -> MultipartForm:
        text = part('name="a"', "", f"Content-Type: text/plain; charset={charset}")[:-2]
        return MultipartForm.parse([text.encode() + data + b"\r\n--b--\r\n"], "b")

    assert form("ISO-8859-1", b"caf\xe9")["a"] == "café"
    assert form('"utf-8"', "café".encode())["a"] == "café"
    assert form("us-ascii", b"caf\xe9")["a"] == "caf\ufffd"
    for unknown in ("unheard-of", "rot13", "base64"):
        with pytest.raises(UnsupportedMediaType, match=unknown):
            form(unknown, b"x")


@pytest.mark.parametrize("behind", ["\r\n", "\r\nignored", "--b\r\n"])
def test_what_follows_a_form_is_ignored_wherever_a_piece_ends(behind: str) -> None:
    content = (part('name="a"', "1") + "--b--" + behind).encode()
    for size in (1, 2, 3, len(content) - len(behind), len(content)):
        pieces = [content[start : start + size] for start in range(0, len(content), size)]
        assert MultipartForm.parse(pieces, "b").pairs == [("a", "1")]
    for length in range(READ_AT_ONCE, READ_AT_ONCE + 8):
        file = "x" * (length - len(part('name="a"; filename="f"', "")) - len("--b--"))
        form = sent(part('name="a"; filename="f"', file), end="--b--" + behind).form()
        assert form.files["a"].size == len(file)


def test_what_is_no_form_is_refused() -> None:
    for fields in (["Content-Type: application/json"], []):
        with pytest.raises(UnsupportedMediaType, match="must be"):
            asked("/", *fields, method="POST", body=b"a=1").form()


def test_a_form_has_limits() -> None:
    with pytest.raises(ContentTooLarge):
        sent(part('name="a"', "1")).form(limit=10)
    with pytest.raises(ContentTooLarge):
        asked("/", URLENCODED, method="POST", body=b"a=1").form(limit=2)
    with pytest.raises(ContentTooLarge, match="1000 parts"):
        sent(part('name="a"', "1") * 1001).form()
    file, none = part('name="a"; filename="f"', ""), part('name="a"; filename=""', "")
    assert len(sent(file * 100, none * 100).form().files.all("a")) == 100
    with pytest.raises(ContentTooLarge, match="100 files"):
        sent(file * 101).form()
    with pytest.raises(ContentTooLarge, match="files apart"):
        sent(part('name="a"', "x" * (forms.LONGEST_TEXTS // 2)) * 3).form()


def test_a_form_with_files_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "multipart", None)
    with pytest.raises(HandlerError, match=r'pip install "ehttpd\[forms\]"'):
        sent(part('name="a"', "1")).form()
    assert asked("/", URLENCODED, method="POST", body=b"a=1").form()["a"] == "1"


def test_other_people_s_clients_upload_files_of_any_size() -> None:
    large = bytes(range(256)) * 4096

    def handler(request: Request) -> Response:
        form = request.form()
        upload = form.files["file"]
        return Response.json([form["name"], upload.filename, upload.size, upload.file.read() == large])

    with serving(handler) as server:
        data, files = {"name": "é"}, {"file": ("ü.bin", large)}
        expected = ["é", "ü.bin", len(large), True]
        assert requests.post(server.url, data=data, files=files, timeout=PATIENCE).json() == expected
        assert httpx.post(server.url, data=data, files=files, trust_env=False).json() == expected
        assert server.connect().ask("/", MULTIPART, method="POST", body=b"--b").status == 400


def test_a_form_that_was_read_as_octets_is_a_form_all_the_same() -> None:
    request = sent(part('name="a"', "1"))
    assert request.read_all().endswith(b"--b--\r\n")
    assert request.form()["a"] == "1"


@pytest.mark.parametrize(
    ("told", "name"),
    [("../../etc/passwd", "passwd"), (r"C:\\a\\b.txt", "b.txt"), ("a/..", ""), (".", ""), ("a\0b\x7f.txt", "ab.txt")],
)
def test_the_name_of_an_upload_leads_nowhere(told: str, name: str) -> None:
    (upload,) = sent(part(f'name="file"; filename="{told}"', "1")).form().files.all("file")
    assert upload.filename == name
