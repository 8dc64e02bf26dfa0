"""Sections that vary from the one before: whatever is taken from memory, a fresh reader would have said the same."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import BadRequest, FieldsTooLarge, RequestRefused
from ehttpd.http11.limits import Limits
from ehttpd.http11.reader import RequestReader
from ehttpd.http11.variation import MOST_VARYING, VariedFields
from ehttpd.messages import Request
from ehttpd.wsgi import adapt
from tests.http11.reading import request

NAMES = ["Cookie", "cookie", "Referer", "X-Request-Id", "Accept", "Connection", "Content-Length", "X_Under", "Host"]
VALUES = [
    "a",
    "b",
    "0",
    "",
    " ",
    "a ",
    "\ta",
    "a b",
    "close",
    "\xe9",
    "\xa0",
    "a\x00",
    "a\nb",
    "a\rb",
    "a\r\n b",
    "é: x",
]
lines = st.builds(
    lambda name, colon, value: f"{name}{colon}{value}",
    st.sampled_from(NAMES), st.sampled_from([": ", ": ", ": ", ":", ":  ", " :"]), st.sampled_from(VALUES),
)  # fmt: skip
sections = st.lists(lines, max_size=5)


def asked(*requests: bytes, limits: Limits | None = None) -> list[Request]:
    """Return what one reader makes of requests that follow each other."""
    reader = RequestReader(limits or Limits())
    found = []
    for octets in requests:
        made = reader.next_request(data=octets)
        assert made is not None
        found.append(made)
    return found


def outcome(reader: RequestReader, octets: bytes) -> object:
    try:
        made = reader.next_request(data=octets)
    except RequestRefused as refusal:
        return type(refusal), str(refusal)
    if made is None:
        return "more"
    section = reader.section
    return (list(made.headers), dict(made.headers.values), made.target, section.persistent, section.body_length,
            section.expects_continue, reader.unread, environ_of(made))  # fmt: skip


def environ_of(made: Request) -> dict[str, object]:
    kept: dict[str, object] = {}

    def application(environ: dict[str, object], start_response: object) -> list[bytes]:
        kept.update(environ)
        start_response("200 OK", [])  # type: ignore[operator]
        return []

    adapt(application)(made)
    kept.pop("ehttpd.disconnected", None)  # of this client
    return kept


@given(st.lists(sections, min_size=2, max_size=6), st.lists(st.integers(0, 5), max_size=10), st.booleans())
def test_a_connection_reads_as_if_each_request_were_its_first(
    kinds: list[list[str]], order: list[int], old: bool
) -> None:  # fmt: skip
    version = "HTTP/1.0" if old else "HTTP/1.1"
    together = RequestReader()
    for number, index in enumerate([*range(len(kinds)), *order]):
        fields = kinds[index % len(kinds)]
        octets = "\r\n".join([f"GET /{number} {version}", "Host: a", *fields, "", ""]).encode("latin-1")
        found = outcome(together, octets)
        assert found == outcome(RequestReader(), octets)
        if not isinstance(found, tuple) or len(found) == 2 or found[4] or found[6]:
            return  # refused, or a body would follow


def test_fields_that_vary_are_the_only_ones_looked_at() -> None:
    found = asked(*(request("Accept: x", f"Cookie: {number}", "X-Y: z") for number in range(4)))
    assert [made.headers["cookie"] for made in found] == ["0", "1", "2", "3"]
    assert [type(made.headers) is VariedFields for made in found] == [False, False, True, True]
    assert found[3].headers.changes == {"cookie": "3"}
    assert found[3].headers.earlier is found[1].headers
    assert list(found[3].headers) == [("Host", "a"), ("Accept", "x"), ("Cookie", "3"), ("X-Y", "z")]
    assert found[3].headers.all("cookie") == ["3"]


@pytest.mark.parametrize(("line", "value"), [("X:  1", "1"), ("X: 1 ", "1"), ("X:\t1", "1"), ("X:1", "1"), ("X: ", "")])
def test_whitespace_around_a_value_that_varies_is_no_part_of_it(line: str, value: str) -> None:
    found = asked(*(request(f"X: {number}") for number in range(3)), request(line))
    assert found[3].headers["x"] == value


def test_a_field_written_without_the_space_may_vary() -> None:
    found = asked(*(request(f"X:{number}{number}") for number in range(5)))
    assert [made.headers["x"] for made in found] == ["00", "11", "22", "33", "44"]


def test_a_field_that_is_repeated_may_vary() -> None:
    found = asked(*(request(f"X: {number}", f"Y: {number}", f"X: {number + 1}") for number in range(5)))
    assert [made.headers["x"] for made in found] == ["0, 1", "1, 2", "2, 3", "3, 4", "4, 5"]


def test_the_version_may_change_while_fields_vary() -> None:
    reader = RequestReader()
    for number in range(8):
        made = reader.next_request(data=request(f"X: {number}", line=f"GET / HTTP/1.{number // 2 % 2}"))
        assert made is not None
        assert (reader.section.persistent, environ_of(made)["SERVER_PROTOCOL"]) == (
            bool(number // 2 % 2), f"HTTP/1.{number // 2 % 2}",
        )  # fmt: skip


def test_a_field_that_begins_to_vary_later_is_learnt() -> None:
    found = asked(*(request(f"A: {both[0]}", f"B: {both[1]}") for both in ["00", "10", "20", "21", "22", "32"]))
    assert [type(made.headers) is VariedFields for made in found] == [False, False, True, False, True, True]
    assert [(made.headers["a"], made.headers["b"]) for made in found][-2:] == [("2", "2"), ("3", "2")]


@pytest.mark.parametrize(
    "field", ["Host: {}", "Content-Length: 0{}", "Connection: {}", "Expect: {}", "Transfer-Encoding: {}"]
)
def test_what_a_message_is_and_whom_it_is_for_is_never_taken_from_memory(field: str) -> None:
    reader = RequestReader()
    for number in range(5):
        try:
            made = reader.next_request(data=request(field.format(number), host="" if "Host" in field else "Host: a"))
        except RequestRefused:
            return  # looked at, and refused
        assert type(getattr(made, "headers", None)) is not VariedFields


@pytest.mark.parametrize("value", ["a\x00b", "a\x7f", "a\nb", "a\r", "\x01"])
def test_a_value_with_control_characters_is_refused_among_those_that_vary(value: str) -> None:
    good = [request(f"Cookie: {number}") for number in range(3)]
    with pytest.raises(BadRequest):
        asked(*good, request(f"Cookie: {value}"))


def test_a_line_that_is_too_long_is_refused_among_those_that_vary() -> None:
    limits = Limits(field_size=40)
    good = [request(f"Cookie: {number}") for number in range(3)]
    with pytest.raises(FieldsTooLarge):
        asked(*good, request("Cookie: " + "a" * 40), limits=limits)


def test_a_section_that_grows_or_shrinks_is_parsed_as_a_whole() -> None:
    found = asked(*[request(f"Cookie: {number}") for number in range(3)], request("Cookie: 1", "X: y"), request())
    assert [list(made.headers) for made in found[3:]] == [[("Host", "a"), ("Cookie", "1"), ("X", "y")], [("Host", "a")]]


def test_where_much_varies_everything_is_parsed() -> None:
    def crowded(number: int) -> bytes:
        return request(*(f"N{index}: {number}" for index in range(MOST_VARYING + 1)))

    found = asked(*(crowded(number) for number in range(4)))
    assert not any(type(made.headers) is VariedFields for made in found)


def test_a_connection_that_has_nothing_in_common_with_itself_is_no_longer_compared() -> None:
    mixed = [request(*(f"N{index}: {number}" for index in range(number % 3))) for number in range(30)]
    found = asked(*mixed, *(request(f"Cookie: {number}") for number in range(3)))
    assert not any(type(made.headers) is VariedFields for made in found)


def test_a_body_may_follow_a_section_that_varies() -> None:
    reader = RequestReader()
    for number in range(4):
        made = reader.next_request(
            data=request(f"Cookie: {number}", "Content-Length: 2", line="POST / HTTP/1.1") + b"ab"
        )
        assert made is not None and made.headers["cookie"] == str(number)
        assert (reader.next_data(), reader.next_data()) == (b"ab", b"")


def test_a_target_in_absolute_form_replaces_the_host_of_a_section_that_varies() -> None:
    found = asked(*(request(f"Cookie: {number}", line=f"GET http://h{number}/ HTTP/1.1") for number in range(4)))
    assert [made.headers["host"] for made in found] == ["h0", "h1", "h2", "h3"]
    assert [made.headers["cookie"] for made in found] == ["0", "1", "2", "3"]


def test_an_environ_changed_by_the_application_does_not_change_the_next() -> None:
    def application(environ: dict[str, object], start_response: object) -> list[bytes]:
        seen.append((environ.get("HTTP_COOKIE"), environ.get("HTTP_X_Y"), "mine" in environ))
        environ["HTTP_X_Y"] = environ["mine"] = "changed"
        start_response("200 OK", [])  # type: ignore[operator]
        return []

    seen: list[object] = []
    handler = adapt(application)
    for made in asked(*(request(f"Cookie: {number}", "X-Y: z") for number in range(5))):
        handler(made)
    assert seen == [(str(number), "z", False) for number in range(5)]
