"""Text from the network in a line of a log: whatever it is, it ends neither the line nor its place in it.

Three grammars: quoted text of the combined log format, strings of JSON (RFC 8259 §7), values of logfmt. Each of them
can be read back.
"""

from __future__ import annotations

import re
from json.encoder import encode_basestring_ascii as json_string

__all__ = ["bare", "escaped", "json_string", "logfmt_value", "text_of"]

_VISIBLE = re.compile(r"[!#-\[\]-~]+")  # visible ASCII without quotation mark and backslash
_NO_EQUALS = re.compile(r"[!#-<>-\[\]-~]+")  # and without an equals sign


def text_of(value: object) -> str:
    """Return ``str(value)``, or what Python's tracebacks say where that fails: an application's may."""
    try:
        return str(value)
    except Exception:
        return f"<{'exception' if isinstance(value, BaseException) else type(value).__name__} str() failed>"


def escaped(text: str) -> str:
    """Return text fit to stand between quotation marks: all but printable ASCII, and ``"`` and ``\\``, as ``\\x22``."""
    # What JSON writes as it is, is fit; its encoder is written in C, and finds out in a tenth of a microsecond.
    if len(json_string(text)) == len(text) + 2 and "\x7f" not in text:
        return text
    return _escaped(text, " ")


def bare(text: str) -> str:
    """Return text fit to stand without quotation marks between spaces: as `escaped`, and no space."""
    return text if _VISIBLE.fullmatch(text) else _escaped(text, "!") or "-"


def logfmt_value(text: str) -> str:
    """Return text as a value of logfmt: as it is where nothing in it has a meaning, else as a string of JSON."""
    return text if _NO_EQUALS.fullmatch(text) else json_string(text)


def _escaped(text: str, first: str) -> str:
    return "".join(each if first <= each <= "~" and each not in '"\\' else _code(each) for each in text)


def _code(character: str) -> str:
    return f"\\x{ord(character):02x}" if character <= "\xff" else f"\\u{ord(character):04x}"
