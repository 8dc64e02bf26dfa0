"""Parts of a representation: the Range field, and what it means once the length is known.

RFC 9110 §14. Knows octets by number, not where they are.
"""

from __future__ import annotations

import re
from operator import itemgetter
from typing import NamedTuple

# RFC 9110 §14.1.1:  ranges-specifier = range-unit "=" range-set;  range-set = 1#range-spec
#   int-range = first-pos "-" [ last-pos ];  suffix-range = "-" suffix-length
RANGE_SPEC = re.compile(r"([0-9]*)-([0-9]*)")
# RFC 9110 §14.1.2 asks for care with large numbers. No length has more than 18 digits; what has more is beyond any end.
MOST_DIGITS = 18
# RFC 9110 §14.2 lets us ignore many small ranges; nobody who plays, resumes or searches a file asks for more.
MOST_RANGES = 16


class ByteRange(NamedTuple):
    """Octets ``first`` to ``last``, both included. ``last`` None: to the end. ``first`` None: the ``last`` octets at
    the end.
    """

    first: int | None
    last: int | None

    @classmethod
    def checked(cls, bounds: slice | range, minimum: int, maximum: int) -> ByteRange:
        """Return the range between the bounds of a slice or range, the upper one excluded, as it is in Python.

        Raises:
            ValueError: it is empty, has a step, or is not within ``minimum`` and ``maximum`` (excluded).
        """
        start = minimum if bounds.start is None else bounds.start
        stop = maximum if bounds.stop is None else bounds.stop
        if bounds.step not in (None, 1) or not minimum <= start < stop <= maximum:
            raise ValueError(f"A range must lie within {minimum} and {maximum} and not be empty. Found {bounds!r}.")
        return cls(start, stop - 1)

    def resolve(self, size: int) -> ByteRange | None:
        """Return which octets of ``size`` these are, by their numbers; None if there are none (RFC 9110 §14.1.2)."""
        if self.first is None:
            count = min(self.last or 0, size)
            return ByteRange(size - count, size - 1) if count else None
        if self.first >= size:
            return None
        return ByteRange(self.first, size - 1 if self.last is None else min(self.last, size - 1))

    def __str__(self) -> str:
        return f"{'' if self.first is None else self.first}-{'' if self.last is None else self.last}"


class RangeSet(tuple[ByteRange, ...]):
    """What a Range field asks for, in its order."""

    __slots__ = ()

    @classmethod
    def parse(cls, field: str) -> RangeSet | None:
        """Read a Range field; None for one that is to be ignored: malformed, or of another unit (RFC 9110 §14.2)."""
        unit, equals, specs = field.partition("=")
        if not equals or unit.lower() != "bytes":
            return None
        ranges = [_parse_spec(spec.strip(" \t")) for spec in specs.split(",") if spec.strip(" \t")]
        if not ranges or None in ranges:
            return None
        return cls(each for each in ranges if each is not None)

    def resolve(self, size: int) -> list[tuple[int, int]]:
        """Return the first and last octet of each part of ``size`` octets, none twice, in the order of the field (RFC
        9110 §15.3.7.2).

        Parts that overlap or touch are one, where the first of them stood. An empty list: nothing of it is there, which
        is 416.
        """
        found = [each.resolve(size) for each in self]
        parts: list[tuple[int, int, int]] = []
        for first, last, place in sorted(
            (each.first or 0, each.last or 0, place) for place, each in enumerate(found) if each is not None
        ):
            if parts and first <= parts[-1][1] + 1:
                start, end, earlier = parts[-1]
                parts[-1] = (start, max(last, end), min(place, earlier))
            else:
                parts.append((first, last, place))
        return [(first, last) for first, last, _ in sorted(parts, key=itemgetter(2))]

    @property
    def has_suffix(self) -> bool:
        """Whether it asks for octets at the end: satisfiable even if there are none (RFC 9110 §14.1.2)."""
        return any(each.first is None and each.last for each in self)

    def __str__(self) -> str:
        return "bytes=" + ",".join(map(str, self))


def _parse_spec(spec: str) -> ByteRange | None:
    found = RANGE_SPEC.fullmatch(spec)
    if not found or spec == "-":
        return None
    first = _number(found[1]) if found[1] else None
    last = _number(found[2]) if found[2] else None
    # RFC 9110 §14.1.1: an int-range whose last position is less than its first is invalid.
    return None if first is not None and last is not None and last < first else ByteRange(first, last)


def _number(digits: str) -> int:
    significant = digits.lstrip("0")
    return int(significant or "0") if len(significant) <= MOST_DIGITS else 10**MOST_DIGITS


def content_range(first: int, last: int, size: int) -> str:
    """Return the value of a Content-Range field (RFC 9110 §14.4)."""
    return f"bytes {first}-{last}/{size}"
