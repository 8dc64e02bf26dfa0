"""Patterns of requests: how they are written, which requests they match, and which of two is the more specific.

The handler author's. The language is that of Go 1.22's ServeMux, with types; looking patterns up is router.py.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple
from uuid import UUID

from ehttpd.errors import EhttpdError
from ehttpd.http11 import grammar
from ehttpd.messages import percent_decode

# pattern = [ method SP ] [ host ] path
# path    = 1*( "/" segment ), in which the last segment may be empty, "{$}" or "{" name "...}"
# segment = literal / "{" name [ ":" type ] "}"
# literal = what a path may have (RFC 3986 §3.3), or letters beyond ASCII: compared percent-decoded
CAPTURE = re.compile(r"\{(?P<name>[^{}:.$]+)(?::(?P<type>\w+))?(?P<rest>\.\.\.)?\}")
END = "{$}"
# What ends a path (RFC 3986 §3.3), or cannot stand in one.
NO_PATH = re.compile(r"[\s?#\\]")
# RFC 3986 §3.2.2: a name as it is looked up, or an address; without a port, which requests are not told apart by.
HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])?")
USUAL_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")


class PatternError(EhttpdError):
    """A pattern cannot be read, or conflicts with another. The mistake of whoever registered it."""


class CaptureType(NamedTuple):
    """What a typed capture takes: what fits the grammar, and ``convert`` raises no ValueError for.

    No text is taken by two types: so two of them never compete.
    """

    name: str
    grammar: re.Pattern[str]
    convert: Callable[[str], Any]

    def value(self, text: str) -> Any:
        """Return the value of a text, None if this type does not take it."""
        if not self.grammar.fullmatch(text):
            return None
        try:
            return self.convert(text)
        except ValueError:
            return None


# Each value has one spelling only: /items/7 and /items/007 would be one page with two addresses.
TYPES = {
    kind.name: kind
    for kind in (
        CaptureType("int", re.compile(r"0|-?[1-9][0-9]{0,17}"), int),
        CaptureType("date", re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"), date.fromisoformat),
        CaptureType("uuid", re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"), UUID),
    )
}


class Relation(enum.Enum):
    """How the requests that two patterns match lie to each other."""

    EQUAL = "the same"
    MORE_SPECIFIC = "some of those that the other matches"
    LESS_SPECIFIC = "those that the other matches, and more"
    OVERLAPPING = "some in common, and some each for itself"
    DISJOINT = "none in common"

    def and_then(self, other: Relation) -> Relation:
        """Return the relation of two patterns whose first parts have this relation, and the others that one."""
        if self is other or other is Relation.EQUAL:
            return self
        if self is Relation.EQUAL:
            return other
        return Relation.DISJOINT if Relation.DISJOINT in (self, other) else Relation.OVERLAPPING


class Segment(NamedTuple):
    """What stands between two slashes: a literal (percent-decoded), or a capture.

    A ``rest`` takes all that is left of the path, one segment at least. ``name`` is empty for one that is not captured.
    """

    literal: str | None = None
    name: str = ""
    type: CaptureType | None = None
    rest: bool = False

    def relation(self, other: Segment) -> Relation:
        """Return how this segment lies to another. A rest is no segment: see `Pattern.relation`."""
        if self.literal is not None and other.literal is not None:
            return Relation.EQUAL if self.literal == other.literal else Relation.DISJOINT
        if self.literal is not None:
            return Relation.MORE_SPECIFIC if other.takes(self.literal) else Relation.DISJOINT
        if other.literal is not None:
            return Relation.LESS_SPECIFIC if self.takes(other.literal) else Relation.DISJOINT
        if self.type is other.type:
            return Relation.EQUAL
        if other.type is None:
            return Relation.MORE_SPECIFIC
        return Relation.LESS_SPECIFIC if self.type is None else Relation.DISJOINT

    def takes(self, text: str) -> bool:
        """Tell whether a capture takes a segment of a path, percent-decoded."""
        return capturable(text) and (self.type is None or self.type.grammar.fullmatch(text) is not None)


def capturable(text: str) -> bool:
    """Tell whether a segment may be captured at all.

    A name that holds a slash or NUL, or that is a dot segment (RFC 3986 §3.3), leads out of a folder when it is
    joined to one.
    """
    return text not in ("", ".", "..") and "/" not in text and "\0" not in text


class Pattern(NamedTuple):
    """A pattern that was read. ``method`` and ``host`` are empty if any will do; ``text`` is how it was written."""

    text: str
    method: str
    host: str
    segments: tuple[Segment, ...]

    def relation(self, other: Pattern) -> Relation:
        """Return how the requests that this pattern matches lie to those of another."""
        if self.host != other.host:
            if self.host and other.host:
                return Relation.DISJOINT
            # A host outweighs whatever the paths say: so two such patterns never compete.
            return Relation.MORE_SPECIFIC if self.host else Relation.LESS_SPECIFIC
        return _relation_of_methods(self.method, other.method).and_then(self._relation_of_paths(other))

    def _relation_of_paths(self, other: Pattern) -> Relation:
        relation = Relation.EQUAL
        for mine, theirs in zip(self.segments, other.segments, strict=False):
            if mine.rest or theirs.rest:
                return relation.and_then(_relation_of_rests(mine.rest, theirs.rest))
            relation = relation.and_then(mine.relation(theirs))
        return relation if len(self.segments) == len(other.segments) else Relation.DISJOINT


def _relation_of_methods(mine: str, theirs: str) -> Relation:
    if mine == theirs:
        return Relation.EQUAL
    if not theirs or (mine, theirs) == ("HEAD", "GET"):
        return Relation.MORE_SPECIFIC
    return Relation.LESS_SPECIFIC if not mine or (mine, theirs) == ("GET", "HEAD") else Relation.DISJOINT


def _relation_of_rests(mine: bool, theirs: bool) -> Relation:
    if mine and theirs:
        return Relation.EQUAL
    return Relation.LESS_SPECIFIC if mine else Relation.MORE_SPECIFIC


def parse_pattern(text: str) -> Pattern:
    """Read a pattern, such as ``GET /items/{id:int}``.

    Raises:
        PatternError: it is not written as one.
    """
    method, _, place = text.rpartition(" ")
    method = method.strip()
    if method and not grammar.METHOD.fullmatch(method):
        raise PatternError(
            f"A pattern is a method, a space and a path, in which a space is '%20'. Found {method!r} in {text!r}."
        )
    if method not in USUAL_METHODS and method.upper() in USUAL_METHODS:  # RFC 9110 §9.1: methods are case-sensitive
        raise PatternError(f"The method of {text!r} is never asked for. Did you mean {method.upper()!r}?")
    host, slash, path = place.partition("/")
    if not slash:
        raise PatternError(f"The path of a pattern must begin with a slash. Found {text!r}.")
    if not HOST.fullmatch(host.lower()):
        raise PatternError(f"The host of a pattern is a name or an address, with no port. Found {host!r} in {text!r}.")
    if NO_PATH.search(path):
        raise PatternError(f"A path has no spaces, '?', '#' or backslashes: write '%20', '%3F' … Found {text!r}.")
    *before, last = path.split("/")
    segments = [_parse_segment(each, text) for each in before]
    segments.append(_parse_last(last, text))
    names = [segment.name for segment in segments if segment.name]
    if len(names) != len(set(names)):
        raise PatternError(f"Each capture of a pattern must have a name of its own. Found {text!r}.")
    return Pattern(text, method, host.lower(), tuple(segments))


def _parse_last(part: str, text: str) -> Segment:
    if part == END:
        return Segment(literal="")
    if not part:
        return Segment(rest=True)
    found = CAPTURE.fullmatch(part)
    if found and found["rest"] and not found["type"]:
        return Segment(name=_name(found["name"], text), rest=True)
    return _parse_segment(part, text)


def _parse_segment(part: str, text: str) -> Segment:
    found = CAPTURE.fullmatch(part)
    if not found:
        if "{" in part or "}" in part:
            raise PatternError(f"A capture must be a whole segment: {{name}} or {{name:type}}. Found {text!r}.")
        # Octets that are no UTF-8 become U+FFFD, as in the paths of requests.
        return Segment(literal=percent_decode(part.encode().decode("latin-1")).decode("utf-8", "replace"))
    if found["rest"]:
        raise PatternError(f"A rest must be the last segment, and has no type. Found {text!r}.")
    if found["type"] and found["type"] not in TYPES:
        raise PatternError(f"A capture has one of the types {', '.join(TYPES)}. Found {found['type']!r} in {text!r}.")
    return Segment(name=_name(found["name"], text), type=TYPES[found["type"]] if found["type"] else None)


def _name(name: str, text: str) -> str:
    if not name.isidentifier():
        raise PatternError(f"The name of a capture must be an identifier. Found {name!r} in {text!r}.")
    return name
