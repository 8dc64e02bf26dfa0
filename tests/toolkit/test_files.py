"""Files as responses: conditions, ranges, what lies compressed beside them; asked by other people's clients, too."""

from __future__ import annotations

import email
import gzip
import io
import os
import re
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
import requests

from ehttpd.errors import HandlerError
from ehttpd.native import FileBody, NotFound, Request, Response
from ehttpd.toolkit.dates import parse_date
from tests.server.live import PATIENCE, LiveServer, serving
from tests.toolkit.asking import asked

DATA = bytes(range(256)) * 4
MTIME = 784111777
LAST_MODIFIED = "Sun, 06 Nov 1994 08:49:37 GMT"
ETAG = f'"{len(DATA):x}-{MTIME * 10**9:x}"'


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "data.bin"
    path.write_bytes(DATA)
    os.utime(path, (MTIME, MTIME))
    return path


def octets_of(response: Response) -> bytes:
    """Return the body of a response, and close it."""
    body = response.body
    if isinstance(body, bytes):
        return body
    try:
        return b"".join(body)
    finally:
        body.close()  # type: ignore[attr-defined]


@pytest.fixture
def get(path: Path) -> Callable[..., tuple[Response, bytes]]:
    def get(*fields: str, method: str = "GET") -> tuple[Response, bytes]:
        response = Response.file(path, request=asked("/", *fields, method=method))
        return response, octets_of(response)

    return get


Get = Callable[..., tuple[Response, bytes]]


def test_a_whole_file_says_what_it_is(get: Get) -> None:
    response, body = get()
    assert (response.status, body) == (200, DATA)
    assert list(response.headers) == [
        ("Content-Type", "application/octet-stream"),
        ("Accept-Ranges", "bytes"),
        ("ETag", ETAG),
        ("Last-Modified", LAST_MODIFIED),
        ("Content-Length", str(len(DATA))),
    ]


def test_head_opens_nothing_that_stays_open_and_says_the_same(get: Get) -> None:
    response, body = get("Range: bytes=0-1", method="HEAD")
    assert (response.status, body) == (200, b"")
    assert list(response.headers) == list(get()[0].headers)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([f"If-None-Match: {ETAG}"], 304),
        ([f"If-Modified-Since: {LAST_MODIFIED}"], 304),
        ([f"If-None-Match: {ETAG}", "Range: bytes=0-1"], 304),
    ],
)
def test_a_client_that_has_it_gets_no_content(get: Get, fields: list[str], status: int) -> None:
    response, body = get(*fields)
    assert (response.status, body, response.headers["etag"]) == (status, b"", ETAG)
    assert {name.lower() for name, _ in response.headers} == {"etag", "accept-ranges"}


def test_a_304_without_a_tag_has_its_date(path: Path) -> None:
    with path.open("rb") as file:
        response = Response.file(file, {"ETag": ETAG}, request=asked("/", "If-None-Match: *"))
    assert (response.status, response.headers.get("last-modified")) == (304, None)


@pytest.mark.parametrize("field", ['If-Match: "other"', "If-Unmodified-Since: Sat, 05 Nov 1994 08:49:37 GMT"])
def test_a_client_that_wants_another_is_told_so(get: Get, field: str) -> None:
    response, body = get(field, "Accept: text/plain")
    assert (response.status, body, response.headers["etag"]) == (412, b"Precondition Failed\n", ETAG)
    assert response.headers.all("content-type") == ["text/plain; charset=utf-8"]


def test_a_cache_does_not_keep_a_failure_for_as_long_as_the_file(path: Path) -> None:
    """RFC 9111 §3: of a response that says how long it is fresh it may keep any."""
    fields = {"Cache-Control": "public, max-age=31536000", "Expires": "Thu, 26 Nov 2099 20:16:28 GMT"}
    response = Response.file(path, fields, request=asked("/", 'If-Match: "other"'))
    assert response.status == 412
    assert not {"cache-control", "expires"} & {name.lower() for name, _ in response.headers}
    assert Response.file(path, fields, request=asked("/", "If-None-Match: *")).headers["cache-control"]


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("If-Modified-Since: Sat, 30 Dec 2023 00:00:00 GMT", 206),
        ("If-Modified-Since: Mon, 01 Jan 2024 00:00:00 GMT", 304),
        ("If-Unmodified-Since: Sat, 30 Dec 2023 00:00:00 GMT", 412),
        ("If-Range: Mon, 01 Jan 2024 00:00:00 GMT", 206),
        (f"If-Range: {LAST_MODIFIED}", 200),
    ],
)
def test_what_the_author_says_of_its_age_is_what_a_client_is_compared_with(
    path: Path, field: str, status: int
) -> None:  # fmt: skip
    request = asked("/", field, "Range: bytes=0-1")
    for source in (path, path.open("rb")):
        response = Response.file(source, {"Last-Modified": "Mon, 01 Jan 2024 00:00:00 GMT"}, request=request)
        octets_of(response)
        assert response.status == status


def test_nothing_was_modified_later_than_now(path: Path) -> None:
    """RFC 9110 §8.8.2.1"""
    os.utime(path, (MTIME, 2**33))
    response = Response.file(path)
    octets_of(response)
    modified = parse_date(response.headers["last-modified"])
    assert modified is not None and abs(modified - time.time()) < 60


def test_the_last_octets_of_nothing_are_nothing(path: Path) -> None:
    """RFC 9110 §14.1.2: a suffix is satisfiable even then."""
    os.truncate(path, 0)
    for field, status in (("bytes=-5", 200), ("bytes=0-,-5", 200), ("bytes=-0", 416), ("bytes=0-", 416)):
        response = Response.file(path, request=asked("/", f"Range: {field}"))
        octets_of(response)
        assert (response.status, response.headers.get("content-range") is None) == (status, status == 200)


@pytest.mark.parametrize(
    ("field", "content_range", "part"),
    [
        ("bytes=0-0", "bytes 0-0/1024", DATA[:1]),
        ("bytes=10-19", "bytes 10-19/1024", DATA[10:20]),
        ("bytes=1000-", "bytes 1000-1023/1024", DATA[1000:]),
        ("bytes=-24", "bytes 1000-1023/1024", DATA[-24:]),
        ("bytes=-5000", "bytes 0-1023/1024", DATA),
        ("bytes=0-1,2-3", "bytes 0-3/1024", DATA[:4]),
        ("bytes=0-1,5000-", "bytes 0-1/1024", DATA[:2]),
    ],
)
def test_a_range_is_answered_with_a_part(get: Get, field: str, content_range: str, part: bytes) -> None:
    response, body = get(f"Range: {field}")
    assert (response.status, body) == (206, part)
    assert (response.headers["content-range"], response.content_length) == (content_range, len(part))
    assert response.headers["etag"] == ETAG


def test_several_ranges_are_answered_with_several_parts(get: Get) -> None:
    response, body = get("Range: bytes=0-9, 500-509 ,-10")
    assert (response.status, response.content_length) == (206, len(body))
    message = email.message_from_bytes(f"Content-Type: {response.headers['content-type']}\r\n\r\n".encode() + body)
    assert message.get_content_type() == "multipart/byteranges"
    parts = [(part["content-range"], part.get_content_type(), part.get_payload(decode=True)) for part in message.walk()]
    assert parts[1:] == [
        ("bytes 0-9/1024", "application/octet-stream", DATA[:10]),
        ("bytes 500-509/1024", "application/octet-stream", DATA[500:510]),
        ("bytes 1014-1023/1024", "application/octet-stream", DATA[-10:]),
    ]


def test_several_parts_come_in_the_order_of_the_field(get: Get) -> None:
    response, body = get("Range: bytes=-10,500-509,0-9")
    assert re.findall(rb"Content-Range: bytes (\d+)", body) == [b"1014", b"500", b"0"]
    assert response.content_length == len(body)


def test_many_ranges_are_as_good_as_none(get: Get) -> None:
    ranges = [f"{first}-{first}" for first in range(0, 34, 2)]
    assert get(f"Range: bytes={','.join(ranges[:16])}")[0].status == 206
    assert get(f"Range: bytes={','.join(ranges)}")[0].status == 200
    assert get(f"Range: bytes={','.join(['0-', *ranges])}")[0].status == 206


@pytest.mark.parametrize("field", ["bytes=1024-", "bytes=-0", "bytes=2000-3000,4000-"])
def test_a_range_beyond_the_end_is_refused_with_the_length(get: Get, field: str) -> None:
    response, _ = get(f"Range: {field}")
    assert (response.status, response.headers["content-range"]) == (416, "bytes */1024")


@pytest.mark.parametrize("field", ["bytes=-", "bytes=5-4", "lines=0-1", "bytes=0-1,x"])
def test_a_range_without_a_meaning_gets_everything(get: Get, field: str) -> None:
    assert get(f"Range: {field}")[0].status == 200


def test_a_range_means_something_with_get_only(get: Get) -> None:
    assert get("Range: bytes=0-1", method="POST")[0].status == 200


@pytest.mark.parametrize(
    ("field", "status"), [(ETAG, 206), (LAST_MODIFIED, 206), ('"other"', 200), ("Sun, 06 Nov 1994 08:49:38 GMT", 200)]
)
def test_a_part_is_sent_only_to_who_has_the_rest_of_this_version(get: Get, field: str, status: int) -> None:
    assert get("Range: bytes=0-1", f"If-Range: {field}")[0].status == status


def test_ranges_may_be_declined(path: Path) -> None:
    response = Response.file(path, request=asked("/", "Range: bytes=0-1"), accept_ranges=False)
    assert (response.status, response.headers["accept-ranges"], octets_of(response)) == (200, "none", DATA)


def test_what_the_author_says_stands(path: Path) -> None:
    headers = {"ETag": '"mine"', "Content-Type": "a/b", "Cache-Control": "no-cache"}
    response = Response.file(path, headers, request=asked("/", 'If-None-Match: "mine"'))
    assert (response.status, response.headers["cache-control"]) == (304, "no-cache")
    response = Response.file(path, headers)
    octets_of(response)
    assert (response.headers["content-type"], response.headers["etag"]) == ("a/b", '"mine"')


@pytest.mark.parametrize(
    ("download", "field"),
    [
        (True, 'attachment; filename="data.bin"'),
        ("a b.txt", 'attachment; filename="a b.txt"'),
        ('é"\\\r\n.txt', "attachment; filename=\"_____.txt\"; filename*=UTF-8''%C3%A9%22%5C%0D%0A.txt"),
        ("50%.txt", "attachment; filename=\"50_.txt\"; filename*=UTF-8''50%25.txt"),
    ],
)
def test_a_download_has_a_name(path: Path, download: bool | str, field: str) -> None:
    response = Response.file(path, download=download)
    octets_of(response)
    assert response.headers["content-disposition"] == field


def test_an_open_file_is_sent_from_where_it_stands(path: Path) -> None:
    for field, part in ((None, DATA[1000:]), ("Range: bytes=-4", DATA[-4:]), ("Range: bytes=1-2", DATA[1001:1003])):
        file = path.open("rb")
        file.seek(1000)
        response = Response.file(file, request=asked("/", field) if field else None)
        assert octets_of(response) == part
        assert (file.closed, "etag" in response.headers) == (True, False)


def test_several_parts_of_an_open_file_are_counted_from_where_it_stands(path: Path) -> None:
    with path.open("rb") as file:
        file.seek(1000)
        body = octets_of(Response.file(file, request=asked("/", "Range: bytes=0-1,5-6")))
    assert [body.count(DATA[first : first + 2] + b"\r\n--") for first in (1000, 1005)] == [1, 1]


def test_what_has_no_length_is_sent_all_the_same() -> None:
    class Pipe(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def readinto(self, buffer: object) -> int:
            return 0

    response = Response.file(io.BufferedReader(Pipe()), request=asked("/", "Range: bytes=0-1"))
    assert (response.status, response.content_length) == (200, None)


def test_what_is_no_regular_file_is_not_found(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "file").write_bytes(b"")
    for name in ("nothing", ".", "pipe", "loop", "file/below", "x" * 300, "a\0b"):
        with pytest.raises(NotFound):
            Response.file(f"{tmp_path}/{name}")
    with pytest.raises(NotFound):
        Response.file("/dev/zero")


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [("gzip", "gzip"), ("br, gzip", "br"), ("zstd;q=0.5, gzip;q=0.9", "gzip"), ("deflate", None), (None, None)],
)
def test_what_lies_compressed_beside_it_is_sent_to_who_prefers_that(
    tmp_path: Path, accepted: str | None, coding: str | None
) -> None:
    path = tmp_path / "a.txt"
    for end in ("", ".gz", ".br", ".zst"):
        path.with_name(f"a.txt{end}").write_bytes(f"content{end}".encode())
    request = asked("/", *([f"Accept-Encoding: {accepted}"] if accepted else []))
    response = Response.file(path, request=request, precompressed=True)
    body = octets_of(response)
    assert response.headers.get("content-encoding") == coding
    assert body.decode() == "content" + {"gzip": ".gz", "br": ".br", "zstd": ".zst", None: ""}[coding]
    assert (response.headers["vary"], response.headers["content-type"]) == (
        "Accept-Encoding",
        "text/plain; charset=utf-8",
    )
    plain = Response.file(path, request=request)
    assert (octets_of(plain), "vary" in plain.headers) == (b"content", False)


def test_each_coding_has_a_tag_of_its_own(tmp_path: Path) -> None:
    """RFC 9110 §8.8.3.3: also where time and size happen to be the same."""
    path, tags = tmp_path / "page.txt", []
    for end in ("", ".gz", ".br", ".zst"):
        neighbour = path.with_name(path.name + end)
        neighbour.write_bytes(b"x" * 100)
        os.utime(neighbour, (MTIME, MTIME))
    for coding in ("identity", "gzip", "br", "zstd"):
        response = Response.file(path, request=asked("/", f"Accept-Encoding: {coding}"), precompressed=True)
        octets_of(response)
        tags.append(response.headers["etag"])
    assert len(set(tags)) == 4


def test_an_old_or_linked_neighbour_is_not_sent(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"new")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"old"))
    os.utime(tmp_path / "a.txt.gz", (MTIME, MTIME))
    (tmp_path / "secret").write_bytes(b"secret")
    (tmp_path / "a.txt.br").symlink_to("secret")
    response = Response.file(path, request=asked("/", "Accept-Encoding: gzip, br"), precompressed=True)
    assert (octets_of(response), "vary" in response.headers) == (b"new", False)


@pytest.mark.parametrize("content", [DATA, io.BytesIO(DATA)])
def test_a_part_is_cut_from_octets_or_a_file(content: bytes | io.BytesIO) -> None:
    response = Response.partial(content, 10, 19, type="a/b")
    assert (response.status, octets_of(response)) == (206, DATA[10:20])
    assert list(response.headers) == [
        ("Content-Type", "a/b"),
        ("Accept-Ranges", "bytes"),
        ("Content-Range", "bytes 10-19/1024"),
        ("Content-Length", "10"),
    ]


def test_a_part_of_something_that_still_grows_has_its_own_total() -> None:
    assert Response.partial(DATA, 0, 1, 5000).headers["content-range"] == "bytes 0-1/5000"


@pytest.mark.parametrize(("first", "last", "total"), [(0, 1024, None), (5, 4, None), (-1, 4, None), (0, 5, 5)])
def test_a_part_beyond_the_total_is_the_author_s_mistake(first: int, last: int, total: int | None) -> None:
    with pytest.raises(HandlerError, match="not within"):
        Response.partial(DATA, first, last, total)


def test_a_file_body_may_be_a_part() -> None:
    assert list(FileBody(io.BytesIO(DATA), 4, 10)) == [DATA[:4], DATA[4:8], DATA[8:10]]
    assert b"".join(FileBody(io.BytesIO(b"short"), count=10)) == b"short"


# With a server


@pytest.fixture
def server(path: Path) -> Iterator[LiveServer]:
    def handler(request: Request) -> Response:
        if request.path == "/memory":
            return Response.file(io.BytesIO(DATA), request=request)
        return Response.file(path, request=request)

    with serving(handler) as server:
        yield server


@pytest.mark.parametrize("target", ["/file", "/memory"])
def test_parts_follow_each_other_on_one_connection(server: LiveServer, target: str) -> None:
    peer = server.connect()
    for field, status, body in (
        ("bytes=5-9", 206, DATA[5:10]),
        ("bytes=-3", 206, DATA[-3:]),
        ("bytes=5000-", 416, b"Range Not Satisfiable\n"),
        ("bytes=x", 200, DATA),
    ):
        reply = peer.ask(target, f"Range: {field}")
        assert (reply.status, reply.body, reply.whole) == (status, body, True)
    reply = peer.ask(target, "Range: bytes=0-1,5-6")
    assert (reply.status, reply.body.count(b"Content-Range"), reply.whole) == (206, 2, True)
    assert peer.ask(target, method="HEAD").fields["content-length"] == "1024"
    assert peer.ask(target).body == DATA


@pytest.mark.parametrize("ranges", ["1-", "1-4000000,4000002-8000000"], ids=["one", "several"])
def test_a_hundred_slow_readers_hold_no_thread(tmp_path: Path, ranges: str) -> None:
    path = tmp_path / "large"
    size = 1 << 23
    with path.open("wb") as file:
        file.truncate(size)

    def handler(request: Request) -> Response:
        return Response.file(path, request=request) if request.path == "/" else Response.text("quick")

    with serving(handler, threads=2) as server:
        slow = [server.connect(receive_buffer=4096) for _ in range(100)]
        for peer in slow:
            peer.send(f"GET / HTTP/1.1\r\nHost: a\r\nRange: bytes={ranges}\r\n\r\n".encode())
            assert peer.line() == "HTTP/1.1 206 Partial Content"
        assert server.connect().ask("/quick").body == b"quick"
        assert server.lane.pool.busy == 0


def curl(*arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(["curl", "--silent", "--noproxy", "*", *arguments], capture_output=True, timeout=PATIENCE)


def test_curl_resumes_a_download(server: LiveServer, tmp_path: Path) -> None:
    target = tmp_path / "download"
    target.write_bytes(DATA[:700])
    assert curl("--continue-at", "-", "--output", str(target), server.url).returncode == 0
    assert target.read_bytes() == DATA
    parts = curl("--range", "0-1,5-6", "--include", server.url).stdout
    assert re.search(rb"^Content-Type: multipart/byteranges; boundary=\w+\r$", parts, re.MULTILINE)
    assert curl("--range", "-2", server.url).stdout == DATA[-2:]
    header = ["--header", f"If-None-Match: {ETAG}"]
    assert curl(*header, "--write-out", "%{http_code}", server.url).stdout == b"304"


def test_requests_and_httpx_resume_a_download_of_the_same_version_only(server: LiveServer) -> None:
    with requests.Session() as session, httpx.Client(trust_env=False) as client:
        session.trust_env = False
        for get in (session.get, client.get):
            etag = get(server.url).headers["etag"]
            part = get(server.url, headers={"Range": "bytes=1000-", "If-Range": etag})
            assert (part.status_code, part.content) == (206, DATA[1000:])
            whole = get(server.url, headers={"Range": "bytes=1000-", "If-Range": '"older"'})
            assert (whole.status_code, whole.content) == (200, DATA)
            assert get(server.url, headers={"If-None-Match": etag}).status_code == 304
