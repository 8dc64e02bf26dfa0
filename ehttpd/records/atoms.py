"""Formats in the words of gunicorn: ``%(h)s "%(r)s" %(s)s``, and atoms of our own.

The operator's. What comes from the network is escaped as its place needs it: a quotation mark in the format before it
decides.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable
from typing import TypeAlias

from ehttpd.errors import SettingsError
from ehttpd.records import moments
from ehttpd.records.quoting import bare, escaped
from ehttpd.records.record import Record

Atom: TypeAlias = Callable[[Record], str]

# ``%%`` is a per cent sign, all else that begins with one is an atom, or a mistake.
_PARTS = re.compile(r"%(?:%|\(([^()]*)\)s)?")
_FIELD = re.compile(r"\{([!#$%&'*+.^_`|~0-9A-Za-z-]+)\}([io])")
_VARIABLE = re.compile(r"\{([^{}]+)\}e")


def user(record: Record) -> str:
    """Return the name that came with Basic authentication (RFC 7617), whoever checked it; nothing if none did."""
    scheme, _, credentials = record.field("authorization").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(credentials.strip(), validate=True).decode("utf-8", "replace").partition(":")[0]
    except ValueError:
        return ""


def _received(record: Record) -> str:
    return "-" if record.received_octets is None else str(record.received_octets)


# Each atom, what it stands for, and how it is made: of what is known here, so that it stands as it is ...
OURS: dict[str, tuple[str, Atom]] = {
    "l": ("always `-`", lambda record: "-"),
    "t": ("when it ended, in brackets, in UTC", lambda record: moments.common(record.ended)),
    "s": ("status", lambda record: str(record.status)),
    "B": ("octets of the response's body", lambda record: str(record.body_octets)),
    "b": ("the same, `-` for none", lambda record: str(record.body_octets or "-")),
    "T": ("seconds until the response had been produced", lambda record: str(int(record.seconds))),
    "M": ("the same in milliseconds", lambda record: str(int(record.seconds * 1e3))),
    "D": ("the same in microseconds", lambda record: str(int(record.seconds * 1e6))),
    "L": ("the same in seconds, to the microsecond", lambda record: f"{record.seconds:.6f}"),
    "p": ("number of the process, as `<4711>`", lambda record: f"<{os.getpid()}>"),
    "queue_ms": ("milliseconds that it waited for a thread", lambda record: f"{record.queue_seconds * 1e3:.3f}"),
    "duration_ms": ("milliseconds from then on, as `L`", lambda record: f"{record.seconds * 1e3:.3f}"),
    "thread": ("name of the thread that served it", lambda record: bare(record.thread)),
    "time": ("when it ended (RFC 3339), in UTC", lambda record: moments.rfc3339(record.ended)),
    "received": ("octets of the request's body, `-` if they came in chunks", _received),
    "refusal": ("why the server refused it, `-` if it did not", lambda record: record.refusal or "-"),
    "scheme": ("`http` or `https`", lambda record: record.scheme),
}
# ... and of what others say, which has to be escaped.
THEIRS: dict[str, tuple[str, Atom]] = {
    "h": ("address of the client", lambda record: record.remote),
    "u": ("name of the user (Basic authentication)", user),
    "r": ("request line", lambda record: record.request_line),
    "m": ("method", lambda record: record.method),
    "U": ("path, as it was sent", lambda record: record.path),
    "q": ("query, as it was sent", lambda record: record.query),
    "H": ("protocol, as `HTTP/1.1`", lambda record: record.protocol),
    "f": ("Referer", lambda record: record.field("referer")),
    "a": ("User-Agent", lambda record: record.field("user-agent")),
    "request_id": ("name of the request", lambda record: record.request_id),
}
FAMILIES = {
    "{name}i": "a field of the request",
    "{name}o": "a field of the response, if the application has set it",
    "{name}e": "a variable of the WSGI environ, as the application left it",
}


def compiled(template: str) -> Callable[[Record], str]:
    """Return what makes a line of a record.

    Raises:
        SettingsError: an atom is unknown, or something is no atom. It says which.
    """
    if not template.isprintable():
        raise SettingsError(f"a format of the access log is one line of printable text, not {template!r}.")
    pattern, atoms, at, quoted = "", [], 0, False
    for part in _PARTS.finditer(template):
        text = template[at : part.start()]
        at = part.end()
        quoted ^= text.count('"') % 2 == 1
        if part[1] is None and part[0] != "%%":
            found = template[part.start() : part.start() + 12]
            raise SettingsError(
                f"a format of the access log has atoms such as %(h)s. Found {found!r}.",
                "A per cent sign is written %%. See docs/logging.md for the table of atoms.",
            )
        pattern += text + ("%%" if part[0] == "%%" else "%s")
        if part[1] is not None:
            atoms.append(_atom(part[1], escaped if quoted else bare))
    pattern += template[at:]
    return lambda record: pattern % tuple([atom(record) for atom in atoms])


def _atom(name: str, escape: Callable[[str], str]) -> Atom:
    if name in OURS:
        return OURS[name][1]
    if name in THEIRS:
        told = THEIRS[name][1]
    elif field := _FIELD.fullmatch(name):
        told = _request_field(field[1]) if field[2] == "i" else _response_field(field[1])
    elif variable := _VARIABLE.fullmatch(name):
        told = _variable(variable[1])
    else:
        from difflib import get_close_matches

        near = get_close_matches(name, [*OURS, *THEIRS], n=1)
        hint = f" Did you mean %({near[0]})s?" if near else ""
        raise SettingsError(f"unknown atom %({name})s in the format of the access log.{hint}")
    return lambda record: escape(told(record)) or "-"


def _request_field(name: str) -> Atom:
    return lambda record: record.field(name.lower())


def _response_field(name: str) -> Atom:
    return lambda record: record.response_field(name.lower())


def _variable(name: str) -> Atom:
    def variable(record: Record) -> str:
        environ = record.environ
        return str(environ[name]) if name in environ else ""

    return variable
