"""Properties of a stream: neither how it is cut nor what came before makes a difference; nothing breaks the reader."""

from __future__ import annotations

from hypothesis import example, given
from hypothesis import strategies as st

from ehttpd.errors import RequestRefused
from ehttpd.http11.limits import Limits
from ehttpd.http11.reader import RequestReader
from tests.http11.reading import chunked, octet_by_octet, read, request, split_at
from tests.http11.streams import damaged_streams, modest, request_lines, sections, similar_streams

# So small that a few octets more or less are on the other side.
TIGHT = Limits(request_line=24, head=90, fields=3, field_size=30, body=20)


@modest
@given(damaged_streams)
@example(chunked(b"2;" + b"a" * 5000 + b"\r\nhi\r\n0\r\n\r\n"))
def test_any_cut_of_a_stream_reads_the_same(stream: bytes) -> None:
    assert read(octet_by_octet(stream)) == read([stream])


@modest
@given(damaged_streams, st.lists(st.integers(0, 400), max_size=5))
def test_any_few_cuts_of_a_stream_read_the_same(stream: bytes, marks: list[int]) -> None:
    assert read(split_at(stream, marks)) == read([stream])


@modest
@given(damaged_streams, st.lists(st.integers(0, 400), max_size=5))
@example(request(f"X: {'a' * 40}") + b"\n", [])
@example(request(f"X: {'a' * 80}\n"), [])
@example(request("A: a", "B: b", "C: c", "D: \n"), [])
def test_limits_are_the_same_for_any_cut(stream: bytes, marks: list[int]) -> None:
    whole = read([stream], TIGHT)
    assert read(split_at(stream, marks), TIGHT) == whole
    assert read(octet_by_octet(stream), TIGHT) == whole


@modest
@given(st.one_of(st.binary(max_size=200), damaged_streams))
def test_any_octets_give_requests_or_a_refusal_and_nothing_else(stream: bytes) -> None:
    reading = read([stream])
    assert reading.refused in (None, 400, 413, 414, 417, 431, 501, 505)
    reading.check()


@modest
@given(similar_streams, st.lists(st.integers(0, 400), max_size=5))
@example(b"".join(request(f"Cookie: {value}", "Accept: a") for value in ("a", "b", "\x7f")), [])
def test_what_is_remembered_of_a_request_never_changes_how_the_next_is_read(stream: bytes, marks: list[int]) -> None:
    afresh = read([stream], forgetting=True)
    assert read([stream]) == afresh
    assert read(split_at(stream, marks)) == afresh


@modest
@given(st.lists(st.tuples(request_lines, st.sampled_from([0, 0, 1]), st.integers(0, 60)), max_size=6), st.data())
def test_the_kept_section_never_changes_what_is_read(sequence: list[tuple[str, int, int]], data: st.DataObject) -> None:
    """A sequence through one reader is what each request is through its own, whatever arrives together."""
    kinds = [
        [*data.draw(sections), *data.draw(st.sampled_from([[], ["Content-Length: 0"], ["Transfer-Encoding: chunked"]]))]
        for _ in range(2)
    ]
    hosts = [data.draw(st.sampled_from(["Host: a", "Host: b", ""])) for _ in range(2)]
    kept = RequestReader()
    for line, kind, mark in sequence:
        chunks = b"0\r\n\r\n" if "Transfer-Encoding: chunked" in kinds[kind] else b""
        stream = request(*kinds[kind], line=line, host=hosts[kind], body=chunks)
        pieces = split_at(stream, [mark])
        outcome = outcome_of(kept, pieces)
        assert outcome == outcome_of(RequestReader(), pieces)
        if isinstance(outcome, int):
            return


def outcome_of(reader: RequestReader, pieces: list[bytes]) -> object:
    """Read one request; return everything a handler or a server learns of it, or the status of its refusal."""
    found = None
    try:
        for piece in pieces:
            reader.receive(piece)
            found = found or reader.next_request()
        while reader.next_data():
            pass
    except RequestRefused as refusal:
        return refusal.status
    assert found is not None
    section = reader.section
    return (
        found.method, found.target, found.version, list(found.headers), dict(found.headers.values),
        section.body_length, section.persistent, section.expects_continue,
    )  # fmt: skip
