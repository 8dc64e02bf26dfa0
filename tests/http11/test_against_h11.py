"""What we accept, h11 accepts with the same meaning; what we write, h11 and `http.client` read with the same meaning.

Where we differ, it is on purpose, and differences.py says why.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11.decoding import FORBIDDEN_TRAILERS
from ehttpd.http11.serialize import serialize
from ehttpd.http11.writer import CONTINUE, interim
from ehttpd.messages import REASONS, Request, Response, Status
from tests.http11.corpus import load_all
from tests.http11.differences import ONLY_OURS, ONLY_THEIRS, listed
from tests.http11.peers import accepted_by_h11, agree, read_response_with_h11, read_response_with_http_client
from tests.http11.streams import damaged_streams, modest


def named(folder: str) -> dict[str, bytes]:
    return {case.name: case.stream for case in load_all(folder)}


def test_what_we_accept_means_the_same_to_h11_but_for_the_listed() -> None:
    assert sorted(name for name, stream in named("accepted").items() if agree(stream)) == listed(ONLY_OURS)


def test_what_only_h11_accepts_is_listed() -> None:
    assert sorted(name for name, stream in named("refused").items() if accepted_by_h11(stream)) == listed(ONLY_THEIRS)


@modest
@given(damaged_streams)
def test_damaged_streams_mean_the_same_to_h11_as_far_as_both_accept_them(stream: bytes) -> None:
    agree(stream)


visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E) | st.sampled_from("\xe9\xff"), max_size=12)
inner = st.builds(" \t".join, st.lists(visible.filter(bool), max_size=3))
response_names = st.sampled_from(
    ["X-Name", "Content-Type", "Server", "ETag", "Set-Cookie", "x-name", "!#$%&'*+-.^_`|~"]
)
response_fields = st.lists(st.tuples(response_names, inner), max_size=4)
response_bodies = st.one_of(st.binary(max_size=40), st.lists(st.binary(max_size=20), max_size=4))
anything = st.text(st.characters(max_codepoint=0x101), max_size=4) | st.sampled_from(["a\r\nX: y", "a\n", "b\r", "\0"])
versions = st.sampled_from(["HTTP/1.1", "HTTP/1.0", "HTTP/1.2"])


ADDED = ("content-length", "transfer-encoding", "connection")


def lower(fields: list[FieldLine]) -> list[FieldLine]:
    return [(name.lower(), value) for name, value in fields]


@modest
@given(
    st.sampled_from([code for code in REASONS if code >= 200]),
    response_fields,
    response_bodies,
    st.sampled_from(["GET", "HEAD", "POST"]),
    versions,
    st.booleans(),
)
def test_what_we_write_means_the_same_to_h11_and_to_http_client(
    status: int, fields: list[FieldLine], body: bytes | list[bytes], method: str, version: str, persistent: bool
) -> None:
    octets = serialize(Response(body, status, fields), Request(method, "/", version), persistent=persistent)
    without_body = method == "HEAD" or status in (204, 205, 304)
    data = b"" if without_body else b"".join([body] if isinstance(body, bytes) else body)
    ends_by_closing = version == "HTTP/1.0" and isinstance(body, list) and not without_body and data != b""
    for reading in (read_response_with_h11(octets, method), read_response_with_http_client(octets, method)):
        assert (reading.status, reading.reason, reading.body) == (status, REASONS[status], data)
        assert [line for line in reading.fields if line[0] not in ADDED] == lower(fields)
        assert reading.persistent == (persistent and not ends_by_closing)


@modest
@given(st.lists(st.binary(max_size=20), max_size=4), response_fields)
def test_a_trailer_section_means_the_same_to_h11_and_does_not_disturb_http_client(
    pieces: list[bytes], trailers: list[FieldLine]
) -> None:
    trailers = [(name, value) for name, value in trailers if name.lower() not in FORBIDDEN_TRAILERS]
    octets = serialize(Response.stream(pieces, trailers=lambda: trailers))
    assert read_response_with_h11(octets, "GET").trailers == lower(trailers)
    assert read_response_with_http_client(octets, "GET").body == b"".join(pieces)


@modest
@given(st.lists(st.tuples(st.integers(100, 199).filter(lambda code: code != 101), response_fields), max_size=3))
def test_interim_responses_mean_the_same_to_h11(sequence: list[tuple[int, list[FieldLine]]]) -> None:
    octets = b"".join(interim(code, fields) for code, fields in sequence) + serialize(Response(b"hi"))
    reading = read_response_with_h11(octets, "POST")
    assert reading.interim == [(code, lower(fields)) for code, fields in sequence]
    assert (reading.status, reading.body) == (200, b"hi")


def test_http_client_waits_for_what_follows_100() -> None:
    assert read_response_with_http_client(CONTINUE + serialize(Response(b"hi")), "POST").body == b"hi"


@modest
@given(
    st.integers(-1, 1000) | st.just(200),
    st.sampled_from(["", "OK", "OK", "OK", "a\rb", "\u20ac"]),
    st.lists(
        st.tuples(st.one_of(response_names, response_names, response_names, anything), inner | anything), max_size=2
    ),
)
def test_any_response_is_read_by_h11_or_never_sent(status: int, reason: str, fields: list[FieldLine]) -> None:
    try:
        octets = serialize(Response(b"hi", Status(status, reason), fields))
    except HandlerError:
        return
    reading = read_response_with_h11(octets, "GET")
    assert (reading.status, reading.reason) == (status, reason)
    assert len([line for line in reading.fields if line[0] not in ADDED]) == len(fields)
