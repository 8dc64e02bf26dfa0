"""What follows the ``?`` of a target, and what a form sends: names and values, in order, names repeated.

The URL standard's application/x-www-form-urlencoded, and RFC 3986 §2.1. Knows text, not requests.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar, overload

from ehttpd import messages
from ehttpd.errors import BadRequest

V = TypeVar("V")
T = TypeVar("T")
D = TypeVar("D")

# RFC 3986 §2.1:  pct-encoded = "%" HEXDIG HEXDIG
LONELY_PERCENT = re.compile("%(?![0-9A-Fa-f]{2}).{0,2}", re.DOTALL)
# No form has more names, and making a pair costs a microsecond.
MOST_PAIRS = 1000


def percent_decode(octets: bytes | str, strict: bool = True) -> bytes:
    """Return the octets that percent-encoded ones stand for (RFC 3986 §2.1).

    Raises:
        BadRequest: a ``%`` is not followed by two hexadecimal digits. Unless ``strict``: then it stands for itself.
    """
    text = octets if isinstance(octets, str) else octets.decode("latin-1")
    lonely = LONELY_PERCENT.search(text) if strict else None
    if lonely:
        raise BadRequest(f"A percent sign must be followed by two hexadecimal digits. Found {lonely[0]!r}.")
    return messages.percent_decode(text)


class MultiMap(Mapping[str, V]):
    """Names and values in order. A name may be there more than once: as a mapping, it has its last value."""

    __slots__ = ("_pairs", "_values")

    def __init__(self, pairs: Iterable[tuple[str, V]] = ()) -> None:
        self._pairs = list(pairs)
        self._values = dict(self._pairs)

    @property
    def pairs(self) -> list[tuple[str, V]]:
        """Every name with its value, in order."""
        return list(self._pairs)

    def all(self, name: str) -> list[V]:
        """Return every value of ``name``, in order."""
        return [value for each, value in self._pairs if each == name]

    def __getitem__(self, name: str) -> V:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._pairs!r})"


class TextMap(MultiMap[str]):
    """Names and texts, as a client sent them."""

    __slots__ = ()

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: D) -> str | D: ...
    @overload
    def get(self, name: str, default: None = None, *, type: Callable[[str], T]) -> T | None: ...
    @overload
    def get(self, name: str, default: D, *, type: Callable[[str], T]) -> T | D: ...
    def get(self, name: str, default: Any = None, *, type: Callable[[str], Any] | None = None) -> Any:
        """Return the value of ``name``, converted by ``type``; ``default``, as it is, where there is no such name.

        Raises:
            BadRequest: ``type`` raises ValueError, or ArithmeticError as Decimal does.
        """
        value = self._values.get(name)
        if value is None:
            return default
        if type is None:
            return value
        try:
            return type(value)
        except (ValueError, ArithmeticError):
            kind = getattr(type, "__name__", "of another kind")
            raise BadRequest(f"The value of {name[:60]!r} must be {kind}. Found {value[:60]!r}.") from None


class Query(TextMap):
    """The query of a target, decoded. `str` gives it as it was sent."""

    __slots__ = ("path", "raw")

    def __init__(self, pairs: Iterable[tuple[str, str]] = (), *, raw: str = "", path: str = "") -> None:
        super().__init__(pairs)
        self.raw = raw
        """As it was sent."""
        self.path = path
        """What stood before the ``?``, as it was sent."""

    @classmethod
    def parse(cls, target: str, *, plus: bool = True) -> Query:
        """Read the query of a request target; see `parse_raw`."""
        path, _, raw = target.partition("?")
        return cls(_pairs(raw, plus), raw=raw, path=path)

    @classmethod
    def parse_raw(cls, raw: str | bytes, *, plus: bool = True) -> Query:
        """Read ``name=value`` pairs with ``&`` between them, such as a query without its ``?``, or the body of a form.

        Both are percent-decoded, as UTF-8, in which what is no UTF-8 becomes U+FFFD. ``name`` and ``name=`` are an
        empty value; a pair without a name is left out. ``+`` is a space unless ``plus`` is False.

        Raises:
            BadRequest: there are more than a thousand pairs.
        """
        text = raw if isinstance(raw, str) else raw.decode("latin-1")
        return cls(_pairs(text, plus), raw=text)

    def __str__(self) -> str:
        return self.raw


def _pairs(raw: str, plus: bool) -> Iterator[tuple[str, str]]:
    if raw.count("&") >= MOST_PAIRS:
        raise BadRequest(f"There may be {MOST_PAIRS} names with their values.")
    if plus:
        raw = raw.replace("+", " ")
    for pair in raw.split("&"):
        name, _, value = pair.partition("=")
        if name:
            yield _decoded(name), _decoded(value)


def _decoded(text: str) -> str:
    if text.isascii() and "%" not in text:
        return text
    return messages.percent_decode(text).decode("utf-8", "replace")
