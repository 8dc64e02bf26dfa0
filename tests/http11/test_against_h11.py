"""What we accept, h11 accepts with the same meaning; what we write, h11 and `http.client` read with the same meaning.

Where we differ, it is on purpose, and differences.py says why.
"""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ehttpd.http11.serialize import serialize
from ehttpd.messages import REASONS, Request, Response
from tests.http11.corpus import load_all
from tests.http11.differences import ONLY_OURS, ONLY_THEIRS, listed
from tests.http11.peers import (
    accepted_by_h11,
    agree,
    read_response_with_h11,
    read_response_with_http_client,
)
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
response_fields = st.dictionaries(st.sampled_from(["X-Name", "Content-Type", "Server", "ETag", "Set-Cookie"]), visible)
response_bodies = st.one_of(st.binary(max_size=40), st.lists(st.binary(max_size=20), max_size=4))


@modest
@given(
    st.sampled_from([code for code in REASONS if code >= 200]),
    response_fields,
    response_bodies,
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0"]),
    st.booleans(),
)
def test_what_we_write_means_the_same_to_h11_and_to_http_client(
    status: int, fields: dict[str, str], body: bytes | list[bytes], method: str, version: str, persistent: bool
) -> None:
    octets = serialize(Response(body, status, fields), Request(method, "/", version), persistent=persistent)
    without_body = method == "HEAD" or status in (204, 205, 304)
    data = b"" if without_body else b"".join([body] if isinstance(body, bytes) else body)
    ends_by_closing = version == "HTTP/1.0" and isinstance(body, list) and not without_body
    for reading in (read_response_with_h11(octets, method), read_response_with_http_client(octets, method)):
        code, reason, found, content, persists = reading
        assert (code, reason, content) == (status, REASONS[status], data)
        assert {name: found[name.lower()] for name in fields} == fields
        assert persists == (persistent and not ends_by_closing)
