"""Field lines: from octets to names and values, and the rule that a broken one breaks.

RFC 9112 §5, RFC 9110 §5. Clients send the same lines again and again, so those that repeat are remembered: a line
that is known costs one look into a dictionary, a tenth of what parsing it takes.
"""

from __future__ import annotations

from ehttpd.errors import BadRequest
from ehttpd.fields import FieldLine
from ehttpd.http11 import grammar

# Fields whose values are few. Nothing that identifies a person or opens a door (Cookie, Authorization) may be
# remembered beyond its connection; what is new in every request would only fill the memory.
REPEATING = frozenset(
    [
        "host",
        "connection",
        "user-agent",
        "accept",
        "accept-encoding",
        "accept-language",
        "accept-charset",
        "cache-control",
        "pragma",
        "content-type",
        "te",
        "transfer-encoding",
        "expect",
        "upgrade",
        "upgrade-insecure-requests",
        "sec-fetch-dest",
        "sec-fetch-mode",
        "sec-fetch-site",
        "sec-fetch-user",
        "sec-ch-ua",
        "sec-ch-ua-mobile",
        "sec-ch-ua-platform",
        "dnt",
        "priority",
        "keep-alive",
        "origin",
        "x-requested-with",
        "x-forwarded-proto",
        "x-forwarded-host",
        "x-forwarded-port",
        "sec-websocket-version",
    ]
)
MOST_LINES = 1000
LONGEST_LINE = 300
# Field names as sent -> in lower case: valid tokens, until there are so many.
_LOWER_CASE = {form: name for name in REPEATING for form in (name, name.title())}
MOST_NAMES = 2000
LONGEST_NAME = 64


class KnownLines(dict[str, FieldLine]):
    """Field lines -> lower-case name and value. Ask it for any line: what it does not know it parses.

    Lines that have not been asked for while a thousand others came are forgotten. Any thread.
    """

    def __init__(self) -> None:
        self._older: dict[str, FieldLine] = {}

    def __missing__(self, line: str) -> FieldLine:
        found = self._older.get(line) or _parse(line)
        if found[0] in REPEATING and len(line) <= LONGEST_LINE:
            if len(self) >= MOST_LINES:
                self._older = dict(self)
                self.clear()
            self[line] = found
        return found


def _parse(line: str) -> FieldLine:
    """Return the name in lower case, and the value."""
    name, _, value = line.partition(": ")
    lower = _LOWER_CASE.get(name)
    # What is plain needs no regular expression: a known name, and a value that has printable characters at both ends.
    if lower is not None and value.isprintable() and value and value[0] != " " and value[-1] != " ":
        return lower, value
    name, value = parse_field_line(line)
    lower = name.lower()
    if len(_LOWER_CASE) < MOST_NAMES and len(name) <= LONGEST_NAME:
        _LOWER_CASE[name] = lower
    return lower, value


def parse_field_line(line: str) -> FieldLine:
    """Return name and value of a line, which comes without its CRLF. Raises BadRequest, naming the rule."""
    match = grammar.FIELD_LINE.fullmatch(line)
    if not match:
        raise BadRequest(_broken_rule(line))
    return match[1], match[2].rstrip(" \t")


def _broken_rule(line: str) -> str:
    """Say which rule a field line breaks. The line is shown as far as its name: the value may be a secret."""
    name, colon, _ = line.partition(":")
    if line[:1] in (" ", "\t"):
        return "A field line must not begin with whitespace: line folding is obsolete."
    if not colon:
        return f"A field line must be: field-name, colon, field-value. Found no colon in {line[:40]!r}."
    if name != name.rstrip(" \t"):
        return "A field line must be: field-name, colon, field-value. Found whitespace before the colon."
    if not grammar.TOKEN.fullmatch(name):
        return f"A field name must be a token. Found {name[:40]!r}."
    return f"A field value must not have control characters. Found one in the value of {name[:40]!r}."
