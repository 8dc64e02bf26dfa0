"""Streams of requests for properties: well-formed ones, and the same with a few octets gone wrong."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from tests.http11.reading import chunked, request

# Every property keeps to this, so that all of them take seconds. The examples are the same each time.
modest = settings(max_examples=100, deadline=None, derandomize=True, database=None)

names = st.sampled_from(["Accept", "X-Name", "x-name", "Cookie", "COOKIE", "!#$%&'*+-.^_`|~", "Expect", "Connection"])
values = st.one_of(
    st.sampled_from(["", "close", "keep-alive", "100-continue", "a, b", " a\t b ", "\xe9\xff"]),
    st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=12),
)
field_lines = st.builds(lambda name, value: f"{name}: {value}", names, values)
sections = st.lists(field_lines, max_size=4)
request_lines = st.builds(
    lambda method, target, version: f"{method} {target} {version}",
    st.sampled_from(["GET", "HEAD", "POST", "BREW"]),
    st.sampled_from(["/", "/a?b", "//c", "http://d/e", "http://d?f"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.1", "HTTP/1.0"]),
)
bodies = st.binary(max_size=24)

plain_requests = st.builds(
    lambda line, section, body: request(*section, f"Content-Length: {len(body)}", line=line, body=body),
    request_lines, sections, bodies,
)  # fmt: skip
requests_without_body = st.builds(lambda line, section: request(*section, line=line), request_lines, sections)


def write_chunks(pieces: list[bytes], extension: bytes, trailers: list[str]) -> bytes:
    chunks = b"".join(b"%x%b\r\n%b\r\n" % (len(piece), extension, piece) for piece in pieces if piece)
    return chunks + b"0\r\n" + "".join(f"{line}\r\n" for line in trailers).encode("latin-1") + b"\r\n"


chunked_requests = st.builds(
    lambda pieces, extension, trailers, section: chunked(write_chunks(pieces, extension, trailers), *section),
    st.lists(bodies, max_size=3),
    st.sampled_from([b"", b"", b";a", b' ; a="b;\\"" ']),
    st.lists(st.sampled_from(["Digest: x", "X-Time:1", "Host: b", "Bad : c"]), max_size=2),
    sections,
)
any_request = st.one_of(plain_requests, requests_without_body, chunked_requests)
streams = st.lists(any_request, min_size=1, max_size=4).map(b"".join)

damages = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from([b"", b"\r", b"\n", b"\r\n", b" ", b"\t", b"\0", b":", b";", b",", b"0", b"\xff", b"chunked"]),
        st.integers(0, 3),
    ),
    max_size=3,
)


def damage(stream: bytes, wounds: list[tuple[int, bytes, int]]) -> bytes:
    """Replace a few octets of a stream."""
    for at, octets, gone in wounds:
        at %= len(stream) + 1
        stream = stream[:at] + octets + stream[at + gone :]
    return stream


damaged_streams = st.builds(damage, streams, damages)

# The same few fields again and again, with values that vary: what a persistent connection sends.
similar_values = st.sampled_from(["a", "b", "c" * 20, "", " d ", "\xe9", "\x7f"])
similar_sections = st.builds(
    lambda value, other: [f"Cookie: {value}", "Accept: e", f"X-Name: {other}"],
    similar_values, st.sampled_from(["f", "f", "f", "g", "\0"]),
)  # fmt: skip
similar_lines = st.sampled_from(
    [*["GET / HTTP/1.1"] * 5, "GET /a HTTP/1.1", "GET / HTTP/1.0", "GET http://b/ HTTP/1.1"]
)
similar_requests = st.builds(lambda line, section: request(*section, line=line), similar_lines, similar_sections)
similar_streams = st.builds(
    damage, st.lists(similar_requests, min_size=3, max_size=6).map(b"".join), st.one_of(st.just([]), damages)
)
