"""The path of a rule, with parts that may be anything, and are named.

The test author's. The language of the toolkit's router, and more: a part need not be a whole segment.
"""

from __future__ import annotations

import re
from urllib.parse import unquote

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.toolkit.patterns import CaptureType

# {name}, {name:type}, {name...}, {name*}
PARAMETER = re.compile(r"\{([A-Za-z_]\w*)(?::(\w+))?(\*|\.\.\.)?\}")


class PathPattern:
    """A path: ``{name}`` stands for a segment or a part of one, ``{name...}`` and ``{name*}`` for any number of them.

    ``{name:int}``, ``{name:date}`` and ``{name:uuid}`` stand for what can be read as such. All else is percent-decoded,
    as the path of a request is.

    Raises:
        ValueError: there is a brace that is none of those, or a name twice.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self._types: dict[str, CaptureType] = {}
        parts = []
        end = 0
        for found in PARAMETER.finditer(text):
            parts.append(self._literal(text[end : found.start()]))
            parts.append(f"(?P<{found[1]}>{self._grammar(*found.groups())})")
            end = found.end()
        parts.append(self._literal(text[end:]))
        try:
            self._expression = re.compile("".join(parts), re.DOTALL)
        except re.error as error:
            raise ValueError(f"The path {text!r} cannot be read: {error}.") from None

    def _literal(self, text: str) -> str:
        if "{" in text or "}" in text:
            raise ValueError(
                f"A part that may be anything is written {{name}}, {{name:type}} or {{name...}}. Found {self.text!r}."
            )
        return re.escape(unquote(text))

    def _grammar(self, name: str, type_name: str | None, rest: str | None) -> str:
        if type_name is None:
            return ".*" if rest else "[^/]+"
        from ehttpd.toolkit.patterns import TYPES  # for those who name a type

        if type_name not in TYPES or rest:
            raise ValueError(f"A part has one of the types {', '.join(TYPES)}. Found {self.text!r}.")
        self._types[name] = TYPES[type_name]
        return TYPES[type_name].grammar.pattern

    def match(self, path: str) -> dict[str, Any] | None:
        """Return the named parts of a path, percent-decoded; None if it is another."""
        found = self._expression.fullmatch(path)
        if found is None:
            return None
        values: dict[str, Any] = found.groupdict()
        for name, kind in self._types.items():
            values[name] = kind.value(values[name])
            if values[name] is None:
                return None
        return values
