"""Patterns: how they are written, and which is the more specific."""

from __future__ import annotations

import pytest

from ehttpd.toolkit.patterns import PatternError, Relation, Segment, parse_pattern

EQUAL, MORE, LESS = Relation.EQUAL, Relation.MORE_SPECIFIC, Relation.LESS_SPECIFIC
OVERLAPPING, DISJOINT = Relation.OVERLAPPING, Relation.DISJOINT


@pytest.mark.parametrize(
    ("text", "method", "host", "segments"),
    [
        ("/", "", "", [Segment(rest=True)]),
        ("/{$}", "", "", [Segment("")]),
        ("GET /a", "GET", "", [Segment("a")]),
        ("GET  /a", "GET", "", [Segment("a")]),
        ("/a/", "", "", [Segment("a"), Segment(rest=True)]),
        ("/a/{b...}", "", "", [Segment("a"), Segment(name="b", rest=True)]),
        ("PURGE Example.com/{b}/{$}", "PURGE", "example.com", [Segment(name="b"), Segment("")]),
        ("GET [::1]/a", "GET", "[::1]", [Segment("a")]),
        ("/a%20b/caf%C3%A9/é", "", "", [Segment("a b"), Segment("café"), Segment("é")]),
        ("/a%2Fb/50%", "", "", [Segment("a/b"), Segment("50%")]),
    ],
)
def test_a_pattern_is_read(text: str, method: str, host: str, segments: list[Segment]) -> None:
    assert parse_pattern(text) == (text, method, host, tuple(segments))


@pytest.mark.parametrize(
    "text",
    [
        "", "a", "GET", "GET a", "G(T /", "GET POST /", "/{}", "/{a", "/a}", "/x{a}", "/{a}x", "/{a...}/b",
        "/{a:int...}", "/{a:number}", "/{a:}", "/{1}", "/{a b}", "/{a}/{a}", "/{$}/a", "/a{$}", "/{a}/{a...}",
        "get /a", "Post /", "/a b", "GET /a b", "GET\t/a", "/a?x=1", "/a#b", "/a\\b", "{host}/a", "example.com:80/a",
        "exämple.com/a",
    ],
)  # fmt: skip
def test_what_is_no_pattern_is_an_error_that_shows_it(text: str) -> None:
    with pytest.raises(PatternError) as raised:
        parse_pattern(text)
    assert repr(text) in str(raised.value)


@pytest.mark.parametrize(
    ("one", "other", "relation"),
    [
        ("/a", "/a", EQUAL),
        ("/a", "/b", DISJOINT),
        ("/a", "/a/b", DISJOINT),
        ("/a", "/a/", DISJOINT),
        ("/a/{$}", "/a/", MORE),
        ("/a/{b}", "/a/", MORE),
        ("/a/b/c", "/a/{rest...}", MORE),
        ("/a/{x...}", "/a/{y...}", EQUAL),
        ("/a/", "/a/{y...}", EQUAL),
        ("/a/b/", "/a/", MORE),
        ("/{x}", "/{y}", EQUAL),
        ("/a", "/{x}", MORE),
        ("/{x}/b", "/a/{y}", OVERLAPPING),
        ("/{x}/b", "/a/c", DISJOINT),
        ("/{x}/", "/a/b", LESS),
        ("/{x}/b/", "/a/", OVERLAPPING),
        ("/{x:int}", "/{y}", MORE),
        ("/{x:int}", "/7", LESS),
        ("/{x:int}", "/07", DISJOINT),
        ("/{x:int}", "/new", DISJOINT),
        ("/{x:int}", "/{y:uuid}", DISJOINT),
        ("/{x:int}/b", "/{y}/{z}", MORE),
        ("/{x:int}/{y}", "/{x}/b", OVERLAPPING),
        ("/{x}", "/{$}", DISJOINT),
        ("/..", "/{x}", DISJOINT),
        ("GET /a", "/a", MORE),
        ("GET /a", "POST /a", DISJOINT),
        ("HEAD /a", "GET /a", MORE),
        ("GET /", "/a/", OVERLAPPING),
        ("GET /{x}", "/a", OVERLAPPING),
        ("HEAD /{x}", "GET /a", OVERLAPPING),
        ("GET /a", "POST /{x}", DISJOINT),
        ("h/", "/a", MORE),
        ("GET h/", "g/", DISJOINT),
    ],
)
def test_two_patterns_are_related_both_ways(one: str, other: str, relation: Relation) -> None:
    opposite = {MORE: LESS, LESS: MORE}.get(relation, relation)
    assert parse_pattern(one).relation(parse_pattern(other)) is relation
    assert parse_pattern(other).relation(parse_pattern(one)) is opposite
