"""The field section of a message: ordered, case-insensitive, repeats kept.

RFC 9110 §5. Knows what fields mean to each other (§5.3), not how they are written: that is http11/.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ehttpd.errors import HandlerError
from ehttpd.typed import TYPE_CHECKING, overload

if TYPE_CHECKING:
    from typing import Any, TypeAlias

FieldLine: TypeAlias = tuple[str, str]
FieldLines: TypeAlias = "Fields | Mapping[str, str] | Iterable[FieldLine]"


def combined(lines: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the combined value of each field, by its lower-case name (RFC 9110 §5.3).

    Values join with ``", "``; those of Cookie with ``"; "`` (RFC 6265 §5.4).
    """
    values: dict[str, str] = {}
    for name, value in lines:
        key = name.lower()
        if key not in values:
            values[key] = value
        else:
            values[key] += ("; " if key == "cookie" else ", ") + value
    return values


def _check(name: str, value: str) -> None:
    """Refuse what would be more than one line. All else is checked when it is sent."""
    if any(octet in name or octet in value for octet in "\r\n\0"):
        raise HandlerError(f"A field must have no CR, LF or NUL. Found {name!r}: {value[:60]!r}.")


def _listed(lines: FieldLines | None) -> list[FieldLine]:
    if lines is None:
        return []
    return list(lines.items()) if isinstance(lines, Mapping) else list(lines)


class Fields:
    """A received field section. It never changes: the requests of a connection may share one.

    ``derived`` is a place for what an adapter computed from these fields and wants to find again with them. Fields that
    differ from ``earlier`` ones of the same connection in the values of ``changes`` only may find it there. In the same
    way, ``noted`` is for who writes logs; it is not set before.
    """

    __slots__ = ("_combined", "_lines", "derived", "noted")

    noted: Any
    earlier: Fields | None = None
    changes: Mapping[str, str] = {}

    def __init__(self, lines: FieldLines = (), values: dict[str, str] | None = None) -> None:
        """``values``, if given, are the `combined` values of ``lines``; then the lines are not looked at until asked
        for.
        """
        self._lines: Iterable[FieldLine] = lines if values is not None else _listed(lines)  # type: ignore[assignment]
        self._combined = values
        self.derived: Any = None

    def again(self) -> Fields:
        """Return the same section with nothing derived from it."""
        return Fields(self._lines, self._combined)

    def _list(self) -> list[FieldLine]:
        lines = self._lines
        if type(lines) is not list:
            lines = self._lines = list(lines)
        return lines

    @property
    def values(self) -> Mapping[str, str]:
        """The combined value of each field, by its lower-case name."""
        if self._combined is None:
            self._combined = combined(self._list())
        return self._combined

    @property
    def raw(self) -> list[FieldLine]:
        """Every field line, in order, as it was sent."""
        return list(self._list())

    @overload
    def get(self, name: str, default: None = None) -> str | None: ...
    @overload
    def get(self, name: str, default: str) -> str: ...
    def get(self, name: str, default: str | None = None) -> str | None:
        """Return the combined value of the field called ``name`` in any case, or ``default``."""
        return self.values.get(name.lower(), default)

    def all(self, name: str) -> list[str]:
        """Return the value of each field line called ``name``, in order."""
        key = name.lower()
        return [value for each, value in self._list() if each.lower() == key]

    def __getitem__(self, name: str) -> str:
        return self.values[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self.values

    def __iter__(self) -> Iterator[FieldLine]:
        return iter(self._list())

    def __len__(self) -> int:
        return len(self._list())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Fields) and list(self) == list(other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"{type(self).__name__}({[name for name, _ in self]})"


class Headers(Fields):
    """A field section to be sent: the same, and it can be changed."""

    __slots__ = ()

    def __init__(self, lines: FieldLines | None = None) -> None:
        # A tuple becomes a list when it is changed.
        self._lines = lines if type(lines) is tuple else _listed(lines)
        self._combined = None
        self.derived = None

    def __copy__(self) -> Headers:
        return Headers(tuple(self._lines))

    def add(self, name: str, value: str) -> None:
        """Append a field line, whatever else of that name there is. Raises HandlerError as `set` does."""
        if not (name + value).isprintable():
            _check(name, value)
        self._list().append((name, value))
        self._combined = None

    def remove(self, name: str) -> None:
        """Remove every field line called ``name``, if there is one."""
        key = name.lower()
        self._lines = [line for line in self._list() if line[0].lower() != key]
        self._combined = None

    def set(self, name: str, value: str) -> None:
        """Replace every field line called ``name`` by this one.

        Raises:
            HandlerError: CR, LF or NUL would let it become more than one line (RFC 9110 §5.5).
        """
        self.remove(name)
        self.add(name, value)

    __setitem__ = set

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self.remove(name)

    def setdefault(self, name: str, value: str) -> str:
        """Return the field's value; if there is none, set it to ``value``."""
        if name not in self:
            self.add(name, value)
        return self[name]
