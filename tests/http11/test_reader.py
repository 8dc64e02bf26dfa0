"""Octets to requests: what the reader keeps, when it refuses, and what it leaves to be read."""

from __future__ import annotations

import pytest

from ehttpd.errors import (
    BadRequest,
    ContentTooLarge,
    FieldsTooLarge,
    MisdirectedRequest,
    NotImplementedHere,
    RequestRefused,
    URITooLong,
)
from ehttpd.http11.head import Sections
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from ehttpd.http11.reader import RequestReader
from ehttpd.messages import NO_BODY, Client
from tests.http11.reading import chunked, read, request


def reader_of(octets: bytes, limits: Limits | None = None) -> RequestReader:
    reader = RequestReader(limits or Limits())
    reader.receive(octets)
    return reader


def test_nothing_received_is_no_request() -> None:
    assert RequestReader().next_request() is None


def test_a_request_comes_with_its_client_and_without_its_body() -> None:
    client = Client()
    found = reader_of(request()).next_request(client)
    assert found is not None
    assert (found.method, found.target, found.version, found.headers["host"]) == ("GET", "/", "HTTP/1.1", "a")
    assert found.client is client
    assert found.body is NO_BODY


def test_the_section_that_repeats_is_parsed_once() -> None:
    reader = reader_of(request("Accept: a") + request("Accept: a", line="GET /other HTTP/1.1") + request("Accept: b"))
    first, second, third = (reader.next_request() for _ in range(3))
    assert first is not None and second is not None and third is not None
    assert second.target == "/other"
    assert first.headers is second.headers
    assert third.headers["accept"] == "b"


def test_a_head_that_repeats_is_the_same_request_again() -> None:
    reader, head = RequestReader(), request("Accept: a", line="GET /a?b HTTP/1.1")
    requests = [reader.next_request(data=head) for _ in range(4)]
    assert {(each.method, each.target, each.version, each.headers["accept"]) for each in requests if each} == {
        ("GET", "/a?b", "HTTP/1.1", "a")
    }
    assert len({id(each) for each in requests}) == 4
    other = reader.next_request(data=request("Accept: a", line="GET /other HTTP/1.1"))
    again = reader.next_request(data=head)
    assert other is not None and again is not None
    assert (other.target, again.target) == ("/other", "/a?b")


def test_an_empty_line_may_come_before_each_head_that_repeats() -> None:
    reader = RequestReader()
    for _ in range(4):
        assert reader.next_request(data=request()) is not None
        assert reader.next_request(data=b"\r\n") is None


def test_a_head_with_a_body_or_a_host_in_its_target_is_not_taken_for_the_same_again() -> None:
    bodies = read([request("Content-Length: 1") + b"x"] * 4).messages
    assert [message.data for message in bodies] == [b"x"] * 4
    reader = RequestReader()
    for _ in range(4):
        found = reader.next_request(data=request(line="GET http://other/ HTTP/1.1"))
        assert found is not None and found.headers["host"] == "other"


def test_a_longer_section_is_not_taken_for_the_one_it_begins_with() -> None:
    messages = read([request("Accept: a"), request("Accept: a", "Accept: b")]).messages
    assert [len(message.fields) for message in messages] == [2, 3]


def test_a_version_known_early_does_not_go_with_the_kept_section() -> None:
    """The request line of HTTP/1.0 arrives before the fields, which are those of the HTTP/1.1 request before."""
    later = request(line="GET / HTTP/1.0")
    line, rest = later[:16], later[16:]
    reading = read([request(), line, rest])
    assert [message.persistent for message in reading.messages] == [True, False]


def test_a_forgotten_head_is_read_afresh() -> None:
    reader = reader_of(request())
    assert reader.fresh
    first = reader.next_request()
    assert not reader.fresh
    reader.forget()
    assert reader.fresh
    reader.receive(request())
    second = reader.next_request()
    assert first is not None and second is not None
    assert first.headers is not second.headers
    assert first.headers == second.headers


def test_forgetting_in_the_middle_of_a_head_loses_nothing() -> None:
    reader = reader_of(request()[:20])
    assert reader.next_request() is None
    reader.forget()
    reader.receive(request()[20:])
    assert reader.next_request() is not None


def test_the_authority_of_the_target_replaces_the_host_for_this_request_only() -> None:
    reader = reader_of(request("X: y", line="GET http://b/ HTTP/1.1") + request("X: y"))
    first, second = reader.next_request(), reader.next_request()
    assert first is not None and second is not None
    assert list(first.headers) == [("Host", "b"), ("X", "y")]
    assert first.headers["host"] == "b"
    assert list(second.headers) == [("Host", "a"), ("X", "y")]


def test_a_body_is_read_piece_by_piece_and_ends() -> None:
    reader = reader_of(request("Content-Length: 4", body=b"ab"))
    assert reader.next_request() is not None
    assert reader.in_body
    assert reader.next_data() == b"ab"
    assert reader.next_data() is None
    reader.receive(b"cd" + request())
    assert reader.next_data() == b"cd"
    assert reader.next_data() == b""
    assert not reader.in_body
    assert reader.next_data() == b""
    assert reader.pending == len(request())
    assert reader.next_request() is not None
    assert reader.pending == 0


def test_trailers_are_those_of_the_last_body() -> None:
    reader = reader_of(chunked(b"0\r\nDigest: x\r\n\r\n") + request("Content-Length: 1", body=b"a"))
    for trailers in ([("Digest", "x")], []):
        reader.next_request()
        assert list(reader.trailers) == []
        while reader.next_data():
            pass
        assert list(reader.trailers) == trailers


@pytest.mark.parametrize(
    ("octets", "status"),
    [(b"\x16\x03\x01", 400), (b"\n", 400), (b"\0", 400), (b" ", 400), (b"\rG", 400),
     (b"GET nonsense HTTP/1.1\r\n", 400), (b"GET / HTTP/1.1\rH", 400), (b"GET / HTTP/1.1\r\r", 400),
     (b"GET / HTTP/1.1\r\nHost: a\n", 400), (b"GET / HTTP/1.1\r\nHost: a\r\n\n", 400),
     (b"GET / HTTP/1.1\r\n\n", 400), (b"GET / HTTP/1.1\r\nHost: a\rX", 400), (b"GET / HTTP/1.1\r\nHost: a\r\r", 400),
     (b"GET / HTTP/2.0\r\n", 505), (b"CONNECT a:1 HTTP/1.1\r\n", 501)],
)  # fmt: skip
def test_what_cannot_become_a_request_is_refused_at_once(octets: bytes, status: int) -> None:
    with pytest.raises(RequestRefused) as refusal:
        reader_of(octets).next_request()
    assert refusal.value.status == status


@pytest.mark.parametrize("octets", [b"\r", b"\r\n", b"\r\nG", b"GET / HTTP/1.1\r", b"GET / HTTP/1.1\r\n",
                                    b"GET / HTTP/1.1\r\nHost: a\r", b"GET / HTTP/1.1\r\nHost: a\r\n"])  # fmt: skip
def test_what_may_become_a_request_is_waited_for(octets: bytes) -> None:
    assert reader_of(octets).next_request() is None


def test_a_request_line_may_be_as_long_as_the_limit() -> None:
    limits = Limits(request_line=20)
    assert reader_of(request(line="GET /123456 HTTP/1.1"), limits).next_request() is not None
    for octets in (request(line="GET /1234567 HTTP/1.1"), b"GET /1234567 HTTP/1.1\r", b"G " * 11):
        with pytest.raises(URITooLong, match="20 octets"):
            reader_of(octets, limits).next_request()


@pytest.mark.parametrize("rest", [b"", b"G", b"G / HTTP/1.1\r\n", b" / HTTP/1.1\r\n\r\n"])
def test_a_method_that_is_longer_than_a_line_is_not_implemented(rest: bytes) -> None:
    with pytest.raises(NotImplementedHere, match="No method has 20 octets"):
        reader_of(b"G" * 22 + rest, Limits(request_line=20)).next_request()


def test_a_request_line_without_end_is_refused_before_it_fills_the_memory() -> None:
    reader = RequestReader(Limits(request_line=20))
    with pytest.raises(URITooLong):
        for _ in range(22):
            reader.receive(b"G" if reader.pending != 1 else b" ")
            reader.next_request()


@pytest.mark.parametrize("line", ["HEAD /\x01 HTTP/1.1", "HEAD / HTTP/3.0", "HEAD https://a/ HTTP/1.1"])
def test_what_is_refused_is_still_there_to_be_told_of(line: str) -> None:
    """Whether the request before had the same section or not."""
    for field in ("A: b", "C: d"):
        reader = reader_of(request("A: b"))
        assert reader.next_request() is not None
        with pytest.raises(RequestRefused):
            reader.next_request(data=request(field, line=line))
        assert reader.unread.startswith(line.encode("latin-1"))


def test_a_request_for_an_https_uri_comes_by_a_secured_connection_only() -> None:
    octets = request("Content-Length: 2", line="POST HttpS://b/ HTTP/1.1") + b"hi"
    found = RequestReader().next_request(Client(scheme="https"), octets)
    assert found is not None and found.headers["host"] == "b"
    reader = RequestReader()
    with pytest.raises(MisdirectedRequest):
        reader.next_request(Client(scheme="http"), octets)
    assert not reader.in_body


def test_a_head_may_be_as_long_as_the_limit() -> None:
    octets = request("Accept: a")
    assert reader_of(octets, Limits(head=len(octets))).next_request() is not None
    for received in (octets, octets[:-1] + b"xy"):
        with pytest.raises(FieldsTooLarge, match="The head"):
            reader_of(received, Limits(head=len(octets) - 1)).next_request()


def test_the_limit_of_a_head_holds_for_a_kept_section() -> None:
    octets = request("Accept: a")
    reader = reader_of(octets + request("Accept: a", line="GET /longer HTTP/1.1"), Limits(head=len(octets)))
    assert reader.next_request() is not None
    with pytest.raises(FieldsTooLarge):
        reader.next_request()


def test_a_body_longer_than_the_limit_is_refused_by_its_length_before_it_is_read() -> None:
    limits = Limits(body=4)
    assert reader_of(request("Content-Length: 4"), limits).next_request() is not None
    with pytest.raises(ContentTooLarge, match="4 octets"):
        reader_of(request("Content-Length: 5"), limits).next_request()


def test_chunks_longer_than_the_limit_are_refused_before_their_data() -> None:
    reader = reader_of(chunked(b"2\r\nab\r\n3\r\n"), Limits(body=4))
    reader.next_request()
    assert reader.next_data() == b"ab"
    with pytest.raises(ContentTooLarge, match="4 octets"):
        reader.next_data()


def test_one_empty_line_is_ignored_before_each_request_and_not_two() -> None:
    reader = reader_of(b"\r\n" + request() + b"\r\n" + request() + b"\r\n\r\n")
    assert reader.next_request() is not None
    assert reader.next_request() is not None
    with pytest.raises(BadRequest, match="empty line"):
        reader.next_request()


def test_a_request_expects_continue_only_if_it_says_so() -> None:
    reader = reader_of(request("Expect: 100-continue") + request())
    for expected in (True, False):
        reader.next_request()
        assert reader.section.expects_continue is expected


def test_a_thousand_pipelined_requests_are_read_in_order() -> None:
    stream = b"".join(request(line=f"GET /{number} HTTP/1.1") for number in range(1000))
    assert [message.target for message in read([stream]).messages] == [f"/{number}" for number in range(1000)]


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\n", b"GET / HTTP/1.1\nHost: a\n\n", b"\n", b"\r\n\n", b"GET /\n"])
def test_a_request_line_that_ends_with_lf_alone_is_refused_at_once(octets: bytes) -> None:
    reader = RequestReader()
    reader.receive(octets)
    with pytest.raises(BadRequest):
        reader.next_request()


def test_a_section_that_another_connection_sent_before_is_read_anew() -> None:
    head = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nX-Forwarded-Proto: http\r\n\r\n"
    first, second = RequestReader(), RequestReader()
    one, other = first.next_request(data=head), second.next_request(data=head)
    assert one is not None and other is not None
    assert one.headers == other.headers
    assert one.headers is not other.headers
    one.headers.derived = "of the first connection"
    assert other.headers.derived is None
    assert first.section.forwarded and second.section.forwarded
    assert not first.section.persistent and not second.section.persistent


def test_a_section_that_opens_doors_is_not_kept_beyond_its_connection() -> None:
    sections = Sections()
    harmless = b"Host: a\r\n\r\n"
    sections.parse(harmless, "HTTP/1.1", DEFAULT_LIMITS)
    sections.parse(b"Host: a\r\nAuthorization: Basic abc\r\n\r\n", "HTTP/1.1", DEFAULT_LIMITS)
    assert sections._last is not None
    assert sections._last[0] == harmless


def test_a_section_that_was_read_with_other_limits_is_judged_by_these() -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n"
    assert RequestReader().next_request(data=head) is not None
    with pytest.raises(ContentTooLarge):
        RequestReader(Limits(body=99)).next_request(data=head)


def test_a_section_that_was_read_for_another_version_is_judged_by_this() -> None:
    fields = b"X-One: 1\r\n\r\n"
    assert RequestReader().next_request(data=b"GET / HTTP/1.0\r\n" + fields) is not None
    with pytest.raises(BadRequest, match="must have a Host"):
        RequestReader().next_request(data=b"GET / HTTP/1.1\r\n" + fields)
