"""Heads of responses: which fields are sent, how the body is framed, and what is never sent."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11 import sections, writer
from ehttpd.http11.framing import Framing
from ehttpd.http11.writer import CONTINUE, Standing, encode_head, encode_shared, interim, switching
from ehttpd.messages import Status
from ehttpd.messages.response import JSON
from tests.http11.streams import modest

STANDING = Standing(b"Date: now\r\n", b"Server: us\r\n")


def lines_of(octets: bytes) -> list[str]:
    head = octets.decode("latin-1")
    assert head.endswith("\r\n\r\n")
    return head[:-4].split("\r\n")


def test_a_head_has_status_line_fields_and_length() -> None:
    octets, framing, length, persistent = encode_head(200, [("Content-Type", "text/plain")], 5)
    assert octets == b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n"
    assert (framing, length, persistent) == (Framing.LENGTH, 5, True)


@pytest.mark.parametrize(
    ("status", "line"),
    [(404, "404 Not Found"), (299, "299 Unknown"), (HTTPStatus.CREATED, "201 Created"),
     (Status(200, "Fine"), "200 Fine"), (Status(200, ""), "200 ")],
)  # fmt: skip
def test_a_status_line_has_code_and_reason(status: int, line: str) -> None:
    assert lines_of(encode_head(status, [], 0)[0])[0] == f"HTTP/1.1 {line}"


@pytest.mark.parametrize("status", [0, 42, 100, 101, 199, 600, 999, 1000, -200])
def test_a_status_that_ends_no_exchange_is_not_sent(status: int) -> None:
    with pytest.raises(HandlerError, match="200 to 599"):
        encode_head(status, [], 0)


@pytest.mark.parametrize(
    ("status", "body_length", "method", "version", "framing", "length_line"),
    [
        (200, 0, "GET", "HTTP/1.1", Framing.LENGTH, "Content-Length: 0"),
        (200, 7, "GET", "HTTP/1.0", Framing.LENGTH, "Content-Length: 7"),
        (200, None, "GET", "HTTP/1.1", Framing.CHUNKED, "Transfer-Encoding: chunked"),
        (200, None, "GET", "HTTP/1.2", Framing.CHUNKED, "Transfer-Encoding: chunked"),
        (200, None, "GET", "HTTP/1.0", Framing.CLOSE, None),
        (200, 7, "HEAD", "HTTP/1.1", Framing.NONE, "Content-Length: 7"),
        (200, 0, "HEAD", "HTTP/1.1", Framing.NONE, None),
        (200, None, "HEAD", "HTTP/1.1", Framing.NONE, None),
        (204, 0, "GET", "HTTP/1.1", Framing.NONE, None),
        (204, 7, "GET", "HTTP/1.1", Framing.NONE, None),
        (204, None, "HEAD", "HTTP/1.0", Framing.NONE, None),
        (205, 7, "GET", "HTTP/1.1", Framing.NONE, "Content-Length: 0"),
        (304, 0, "GET", "HTTP/1.1", Framing.NONE, None),
        (304, 7, "GET", "HTTP/1.1", Framing.NONE, None),
        (304, None, "GET", "HTTP/1.1", Framing.NONE, None),
    ],
)
def test_the_framing_follows_status_method_version_and_length(
    status: int, body_length: int | None, method: str, version: str, framing: Framing, length_line: str | None
) -> None:
    octets, found, length, persistent = encode_head(status, [], body_length, method, version)
    assert found is framing
    assert length == (body_length if framing is Framing.LENGTH else 0)
    framing_lines = [line for line in lines_of(octets) if line.startswith(("Content-Length", "Transfer-Encoding"))]
    assert framing_lines == ([length_line] if length_line else [])
    assert persistent is (framing is not Framing.CLOSE)


@pytest.mark.parametrize(
    ("status", "method", "sent"), [(200, "GET", True), (200, "HEAD", True), (304, "GET", True), (204, "GET", False)]
)
def test_the_length_that_the_application_gives_is_sent_where_one_may_be(status: int, method: str, sent: bool) -> None:
    octets = encode_head(status, [("content-length", "9")], None, method)[0]
    assert ("content-length: 9" in lines_of(octets)) is sent


@pytest.mark.parametrize("length", [("Content-Length", "0"), ("content-length", "00")])
def test_nothing_is_said_of_the_length_of_what_a_304_leaves_out_if_that_is_not_known(length: tuple[str, str]) -> None:
    """RFC 9110 §8.6: only what 200 would have. Frameworks count the body that they left out."""
    assert b"ength" not in encode_head(304, [length], 0)[0]
    assert b"ength: 0" in encode_head(200, [length], 0, "HEAD")[0].lower()


@pytest.mark.parametrize(
    ("length", "version", "trailers", "sent"),
    [(None, "HTTP/1.1", True, True), (None, "HTTP/1.1", False, False), (None, "HTTP/1.0", True, False),
     (2, "HTTP/1.1", True, False)],
)  # fmt: skip
def test_a_trailer_field_is_sent_where_trailers_may_follow(
    length: int | None, version: str, trailers: bool, sent: bool
) -> None:
    lines = [("Trailer", "Digest"), ("A", "b"), ("trailer", "X-Sum")]
    octets = encode_head(200, lines, length, "GET", version, trailers=trailers)[0]
    assert ("Trailer: Digest, X-Sum" in lines_of(octets)) is sent
    assert (b"railer" in octets) is sent


def test_the_length_that_the_application_gives_is_what_is_promised() -> None:
    assert encode_head(200, [("Content-Length", "9")], 7)[1:3] == (Framing.LENGTH, 9)


@pytest.mark.parametrize("value", ["", "-1", "+1", "1.0", "x", "\u0663", "1" * 19, "1, 1", " 1"])
def test_a_length_that_is_no_number_is_not_sent(value: str) -> None:
    with pytest.raises(HandlerError, match="Content-Length"):
        encode_head(200, [("Content-Length", value)], None)


def test_a_length_given_twice_is_not_sent() -> None:
    with pytest.raises(HandlerError, match="once"):
        encode_head(200, [("Content-Length", "1"), ("content-length", "1")], None)


@pytest.mark.parametrize(
    ("version", "persistent", "line"),
    [("HTTP/1.1", True, None), ("HTTP/1.1", False, "close"),
     ("HTTP/1.0", True, "keep-alive"), ("HTTP/1.0", False, "close")],
)  # fmt: skip
def test_connection_says_what_the_version_does_not(version: str, persistent: bool, line: str | None) -> None:
    octets, _, _, persists = encode_head(200, [], 0, "GET", version, persistent)
    connection = [each for each in lines_of(octets) if each.startswith("Connection")]
    assert connection == ([f"Connection: {line}"] if line else [])
    assert persists is persistent


@pytest.mark.parametrize("value", ["close", "Close", "x, close"])
def test_an_application_may_close_the_connection(value: str) -> None:
    octets, _, _, persistent = encode_head(200, [("connection", value)], 0)
    assert not persistent
    assert lines_of(octets)[-1] == "Connection: close"


def test_an_application_cannot_keep_a_connection_that_is_to_close() -> None:
    assert not encode_head(200, [("Connection", "keep-alive")], 0, persistent=False)[3]


@pytest.mark.parametrize("name", ["Keep-Alive", "proxy-connection", "TE", "Trailer", "Transfer-Encoding", "UPGRADE"])
def test_fields_of_the_connection_are_the_servers(name: str) -> None:
    octets, framing, _, _ = encode_head(200, [(name, "chunked")], 3)
    assert framing is Framing.LENGTH
    assert len(lines_of(octets)) == 2


@pytest.mark.parametrize(("method", "framing"), [("GET", Framing.LENGTH), ("HEAD", Framing.NONE)])
def test_426_says_what_to_upgrade_to(method: str, framing: Framing) -> None:
    octets, found, _, persistent = encode_head(426, [("Upgrade", "a"), ("upgrade", "b/1")], 3, method)
    assert lines_of(octets)[1:] == ["Content-Length: 3", "Upgrade: a, b/1", "Connection: upgrade"]
    assert (found, persistent) == (framing, True)


def test_426_of_unknown_length_is_framed_as_any_other() -> None:
    assert encode_head(426, [], None)[1] is Framing.CHUNKED
    assert encode_head(426, [], 5)[1:3] == (Framing.LENGTH, 5)


@pytest.mark.parametrize("protocol", ["a\r\nX: y", "\u20ac", "a\0"])
def test_a_protocol_that_cannot_be_sent_is_not(protocol: str) -> None:
    with pytest.raises(HandlerError):
        encode_head(426, [("Upgrade", protocol)], 0)
    with pytest.raises(HandlerError):
        switching(protocol)


def test_switching_has_no_fields_of_a_body_or_of_another_connection() -> None:
    head = switching("a", [("X", "y"), ("Upgrade", "b"), ("Connection", "close"), ("Content-Length", "3"), ("TE", "x")])
    assert head == b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: a\r\nConnection: upgrade\r\nX: y\r\n\r\n"


def test_standing_fields_are_added() -> None:
    lines = lines_of(encode_head(200, [], 0, standing=STANDING)[0])
    assert lines[1:] == ["Content-Length: 0", "Date: now", "Server: us"]


@pytest.mark.parametrize(
    ("line", "kept"), [(("date", "then"), "Server: us"), (("SERVER", "them"), "Date: now")]
)  # fmt: skip
def test_what_the_application_gives_stands_instead(line: FieldLine, kept: str) -> None:
    lines = lines_of(encode_head(200, [line], 0, standing=STANDING)[0])
    assert lines[1:] == [f"{line[0]}: {line[1]}", "Content-Length: 0", kept]


def test_both_may_be_replaced() -> None:
    lines = lines_of(encode_head(200, [("Date", "then"), ("Server", "them")], 0, standing=STANDING)[0])
    assert lines[1:] == ["Date: then", "Server: them", "Content-Length: 0"]


def test_octets_beyond_ascii_are_sent_as_latin_1() -> None:
    assert b"X: \xe9\xff\r\n" in encode_head(200, [("X", "\xe9\xff")], 0)[0]


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: b", "a\nb", "a\rb", "a\0", "\x1b", "\x7f", "\u20ac", "\ud800"])
@pytest.mark.parametrize("name", ["X-Name", "Date", "Location"])
def test_a_value_that_would_break_the_head_is_not_sent_and_not_shown(name: str, value: str) -> None:
    with pytest.raises(HandlerError, match=name) as refusal:
        encode_head(200, [("Content-Type", "a"), (name, "secret" + value)], 0)
    assert "secret" not in str(refusal.value)


def test_line_ends_spread_over_values_are_not_taken_for_ours() -> None:
    with pytest.raises(HandlerError):
        encode_head(200, [("A", "a\r"), ("B", "\nb")], 0)


@pytest.mark.parametrize("reason", ["O\r\nK", "\0", "\u20ac"])
def test_a_reason_that_would_break_the_head_is_not_sent(reason: str) -> None:
    with pytest.raises(HandlerError):
        encode_head(Status(200, reason), [], 0)


@pytest.mark.parametrize("name", ["", "a b", "a:", "a\r\n", "\xe9", "(a)", "a\n"])
def test_a_name_that_is_no_token_is_not_sent(name: str) -> None:
    for _ in range(2):
        with pytest.raises(HandlerError, match="token"):
            encode_head(200, [(name, "b")], 0)


@pytest.mark.parametrize("line", [("X", 5), ("X", b"5"), (b"X", "5"), ("Content-Length", 5), ("Connection", None)])
def test_a_field_that_is_no_text_is_not_sent(line: FieldLine) -> None:
    with pytest.raises(HandlerError):
        encode_head(200, [line], 0)


def test_more_lines_than_are_counted_beforehand_are_sent() -> None:
    assert len(lines_of(encode_head(200, [("Set-Cookie", str(number)) for number in range(500)], 0)[0])) == 502


def test_names_that_never_repeat_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sections, "_KINDS", {})
    monkeypatch.setattr(sections, "_MOST_NAMES", 3)
    for number in range(9):
        assert f"X-{number}: a" in lines_of(encode_head(200, [(f"X-{number}", "a")], 0)[0])
    assert len(sections._KINDS) == 3


def test_status_lines_that_never_repeat_do_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    known = writer.KnownStatusLines()
    monkeypatch.setattr(writer, "_known_status_lines", known)
    monkeypatch.setattr(writer, "MOST_STATUS_LINES", 3)
    for number in range(9):
        assert lines_of(encode_head(Status(200, str(number)), [], 0)[0])[0] == f"HTTP/1.1 200 {number}"
    assert len(known) == 3


any_text = st.text(st.characters(max_codepoint=0x120), max_size=8)


@modest
@given(st.lists(st.tuples(st.one_of(st.sampled_from(["X", "Date", "Via"]), any_text), any_text), max_size=4), any_text)
def test_any_fields_are_sent_line_by_line_or_not_at_all(fields: list[FieldLine], reason: str) -> None:
    try:
        octets = encode_head(Status(200, reason), fields, 0, standing=STANDING)[0]
    except HandlerError:
        return
    lines = lines_of(octets)
    assert lines[0] == f"HTTP/1.1 200 {reason}"
    assert lines[1 : 1 + len(fields)] == [f"{name}: {value}" for name, value in fields]


def test_an_interim_response_has_fields_and_no_body() -> None:
    assert CONTINUE == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert interim(103, [("Link", "</a>")]) == b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"


@pytest.mark.parametrize("status", [99, 101, 200, 404])
def test_another_status_is_no_interim_response(status: int) -> None:
    with pytest.raises(HandlerError, match="interim"):
        interim(status)


@pytest.mark.parametrize("line", [("Content-Length", "0"), ("Transfer-Encoding", "chunked"), ("X", "a\r\nb"), ("X", 5)])
def test_an_interim_response_cannot_carry_what_frames_or_breaks_it(line: FieldLine) -> None:
    with pytest.raises(HandlerError):
        interim(103, [line])


@pytest.mark.parametrize("status", [200, 201, 404, 500, 299])
@pytest.mark.parametrize("body", [b"", b"{}", b"x" * 5000])
def test_a_response_with_shared_fields_is_written_as_any_other(status: int, body: bytes) -> None:
    expected = encode_head(status, JSON.lines, len(body), standing=STANDING)[0] + body
    for _ in range(2):
        assert encode_shared(JSON, status, body, "GET", "HTTP/1.1", STANDING) == expected


@pytest.mark.parametrize(
    ("status", "method", "version"),
    [
        (204, "GET", "HTTP/1.1"),
        (205, "GET", "HTTP/1.1"),
        (304, "GET", "HTTP/1.1"),
        (426, "GET", "HTTP/1.1"),
        (200, "HEAD", "HTTP/1.1"),
        (200, "GET", "HTTP/1.0"),
        (Status(200, "Fine"), "GET", "HTTP/1.1"),
    ],
)
def test_what_is_framed_otherwise_is_left_to_the_long_way(status: int, method: str, version: str) -> None:
    assert encode_shared(JSON, status, b"", method, version, STANDING) is None


def test_a_status_that_cannot_be_sent_is_refused_with_shared_fields_too() -> None:
    for status in (99, 101, 600, -1):
        with pytest.raises(HandlerError):
            encode_shared(JSON, status, b"", "GET", "HTTP/1.1", STANDING)
