"""The field Forwarded: an element for each proxy that a request has come through. RFC 7239 §4."""

from __future__ import annotations

import re

from ehttpd.errors import BadRequest

# Forwarded         = 1#forwarded-element
# forwarded-element = [ forwarded-pair ] *( ";" [ forwarded-pair ] )
# forwarded-pair    = token "=" value             value = token / quoted-string
# Whitespace around ";" is not in the grammar; some write it, and it can be read in one way only. Nor may the expression
# find two: 8000 blanks in front of what is no pair took half a second.
_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"
_PAIR = re.compile(rf"[ \t]*(?:({_TOKEN})=({_TOKEN}|\"(?:[^\"\\]|\\.)*\")[ \t]*)?(;|,|$)")
_ESCAPED = re.compile(r"\\(.)")


def read_elements(value: str) -> list[dict[str, str]]:
    """Return the elements of a field value, in order: each with its parameters by their names in lower case.

    Raises:
        BadRequest: it breaks the grammar. What comes after the break cannot be told from what comes before.
    """
    elements: list[dict[str, str]] = []
    element: dict[str, str] = {}
    place = 0
    while True:
        match = _PAIR.match(value, place)
        if match is None:
            raise BadRequest(f"Forwarded must be a list of name=value pairs. Found {value[place : place + 60]!r}.")
        name, text, end = match.groups()
        if name is not None:
            name = name.lower()
            if name in element:
                raise BadRequest(f"An element of Forwarded must name {name!r} once.")
            element[name] = _ESCAPED.sub(r"\1", text[1:-1]) if text[0] == '"' else text
        if end != ";" and element:
            elements.append(element)
            element = {}
        if not end:
            return elements
        place = match.end()


def written(element: dict[str, str]) -> str:
    """Return an element as it is written."""
    return ";".join(
        f"{name}={value}" if re.fullmatch(_TOKEN, value) else '{}="{}"'.format(name, re.sub(r'(["\\])', r"\\\1", value))
        for name, value in element.items()
    )
