"""Request lines and header sections: what is fast agrees with the rule, and a refusal names the rule."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import BadRequest, FieldsTooLarge, NotImplementedHere, RequestRefused, VersionNotSupported
from ehttpd.fields import FieldLine, combined
from ehttpd.http11 import grammar
from ehttpd.http11.head import check_host, parse_request_line, parse_section
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from tests.http11.streams import modest, names, values


def test_a_request_line_has_three_parts() -> None:
    line = parse_request_line(b"GET /a?b HTTP/1.1")
    assert (line.method, line.target, line.version, line.authority) == ("GET", "/a?b", "HTTP/1.1", None)


@pytest.mark.parametrize(
    ("target", "authority"),
    [
        (b"http://b", "b"),
        (b"http://b:81/", "b:81"),
        (b"https://b/a@c", "b"),
        (b"http://b?u@c", "b"),
        (b"http://[::1]:80/", "[::1]:80"),
    ],
)
def test_an_absolute_target_has_an_authority(target: bytes, authority: str) -> None:
    assert parse_request_line(b"GET " + target + b" HTTP/1.1").authority == authority


@pytest.mark.parametrize(
    ("line", "refusal", "rule"),
    [
        (b"GET /", BadRequest, "method, one space"),
        (b"GET / / HTTP/1.1", BadRequest, "method, one space"),
        (b"GET / HTTP", BadRequest, "version"),
        (b"GET / HTTP/3.0", VersionNotSupported, "HTTP/1.1"),
        (b"G@T / HTTP/1.1", BadRequest, "token"),
        (b"GET  HTTP/1.1", BadRequest, "visible ASCII"),
        (b"CONNECT a:1 HTTP/1.1", NotImplementedHere, "tunnel"),
        (b"GET a:1 HTTP/1.1", BadRequest, "begin with '/'"),
        (b"GET http://a b/ HTTP/1.1", BadRequest, "one space"),
        (b"GET http://a\\b/ HTTP/1.1", BadRequest, "Host"),
    ],
)
def test_a_broken_request_line_is_refused_by_its_rule(line: bytes, refusal: type[RequestRefused], rule: str) -> None:
    with pytest.raises(refusal, match=rule):
        parse_request_line(line)


@pytest.mark.parametrize("value", ["", "a", "a:65535", "a:", "127.0.0.1", "a_b.c~d", "%41", "[::1]", "[v1.a:b]:1"])
def test_a_host_with_a_port_or_without_is_accepted(value: str) -> None:
    check_host(value)


@pytest.mark.parametrize(
    "value",
    ["a b", "a, b", "a/b", "a?b", "a#b", "u@a", "a:b", "a:1:2", "%4", "[::1", "::1", "[1.2.3.4]", "[::g]", "[v1]", "é"],
)
def test_a_host_that_is_none_is_refused_every_time(value: str) -> None:
    for _ in range(2):
        with pytest.raises(BadRequest, match="Host"):
            check_host(value)


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("Accept : a", "whitespace before the colon"),
        (" Accept: a", "line folding"),
        ("\tAccept: a", "line folding"),
        ("Accept", "no colon"),
        (": a", "token"),
        ("Acc ept: a", "token"),
        ("Accept: a\0", "control characters"),
        ("Accept: a\rb", "control characters"),
    ],
)
def test_a_broken_field_line_is_refused_by_its_rule_and_its_value_is_not_shown(line: str, rule: str) -> None:
    with pytest.raises(BadRequest, match=rule) as refusal:
        section_of([line + "secret"])
    assert ":" not in line or "secret" not in str(refusal.value)


def section_of(lines: list[str], limits: Limits = DEFAULT_LIMITS) -> list[FieldLine]:
    return list(parse_section("".join(f"{line}\r\n" for line in [*lines, ""]).encode("latin-1"), limits))


anything = st.text(st.characters(max_codepoint=0xFF, exclude_characters="\r\n"), max_size=16)
almost_lines = st.one_of(
    st.builds("{}{}{}".format, names, st.sampled_from([":", ": ", ":\t", " :", ""]), values),
    st.builds("{}:{}".format, names, anything),
    anything,
).map(lambda line: line.replace("\r\n", ""))


def by_the_rule(lines: list[str]) -> list[FieldLine] | None:
    """Parse a section line by line, by nothing but the rule of the grammar; None if a line breaks it."""
    matches = [grammar.FIELD_LINE.fullmatch(line) for line in lines]
    return [(match[1], match[2].rstrip(" \t")) for match in matches if match] if all(matches) else None


@modest
@given(st.lists(st.one_of(almost_lines, almost_lines.map(lambda line: line[:3] + "\r" + line[3:] + "\n")), max_size=5))
def test_any_section_is_what_the_rule_makes_of_each_line(lines: list[str]) -> None:
    octets = "".join(f"{line}\r\n" for line in lines).encode("latin-1")
    expected = by_the_rule(octets[:-2].decode("latin-1").split("\r\n") if octets else [])
    for _ in range(2):  # What was seen may be remembered.
        if expected is None:
            with pytest.raises(BadRequest):
                parse_section(octets + b"\r\n", DEFAULT_LIMITS)
        else:
            fields = parse_section(octets + b"\r\n", DEFAULT_LIMITS)
            assert dict(fields.values) == combined(expected)
            assert list(fields) == expected


def test_whitespace_around_a_value_is_no_part_of_it() -> None:
    lines = ["Accept:  a\tb\t ", "Host:\t", "Pragma: a b ", "Origin:  c", "DNT: "]
    expected = [("Accept", "a\tb"), ("Host", ""), ("Pragma", "a b"), ("Origin", "c"), ("DNT", "")]
    assert section_of(lines) == expected
    values = parse_section("".join(f"{line}\r\n" for line in [*lines, ""]).encode(), DEFAULT_LIMITS).values
    assert values == combined(expected)


def test_other_spaces_are_part_of_a_value() -> None:
    assert section_of(["Accept: \xa0a\x85"]) == [("Accept", "\xa0a\x85")]


def test_repeated_fields_are_kept_in_order_and_combined() -> None:
    fields = parse_section(b"Accept: a\r\nHost: h\r\naccept: b\r\n\r\n", DEFAULT_LIMITS)
    assert list(fields) == [("Accept", "a"), ("Host", "h"), ("accept", "b")]
    assert fields["accept"] == "a, b"


def test_no_fields_is_an_empty_section() -> None:
    assert section_of([]) == []


@pytest.mark.parametrize("parts", [["\r", "\n"], ["\n", "\r"], ["\n", "\n"], ["\r", "\r"]])
def test_line_ends_in_pieces_are_not_line_ends(parts: list[str]) -> None:
    with pytest.raises(BadRequest):
        section_of([f"Host: a{parts[0]}x", f"Accept: b{parts[1]}y"])


def test_more_fields_than_the_limit_are_refused() -> None:
    assert len(section_of(["Accept: a"] * 3, Limits(fields=3))) == 3
    with pytest.raises(FieldsTooLarge, match="3 fields"):
        section_of(["Accept: a"] * 4, Limits(fields=3))


@pytest.mark.parametrize("field_size", [10, 1000], ids=["counted at once", "counted one by one"])
def test_fields_are_counted_alike_in_sections_of_any_size(field_size: int) -> None:
    assert len(section_of(["Accept: a"] * 3, Limits(fields=3, field_size=field_size))) == 3
    with pytest.raises(FieldsTooLarge, match=r"may have 3 fields\. Found 4\."):
        section_of(["Accept: a"] * 4, Limits(fields=3, field_size=field_size))


def test_as_many_fields_as_are_allowed_are_read() -> None:
    assert len(section_of([f"Accept-{number}: a" for number in range(1000)], Limits(fields=1000))) == 1000


def test_a_field_line_longer_than_the_limit_is_refused() -> None:
    assert section_of(["Accept: 12", "Host: a"], Limits(field_size=10))
    with pytest.raises(FieldsTooLarge, match="10 octets"):
        section_of(["Host: a", "Accept: 123"], Limits(field_size=10))
