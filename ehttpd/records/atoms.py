"""Formats in the words of gunicorn: ``%(h)s "%(r)s" %(s)s``, and atoms of our own.

The operator's. What comes from the network is escaped as its place needs it: a quotation mark in the format before it
decides. What the head of a request says is filled in once and kept with its fields: clients send the same head again
and again, and of the line the rest is left.
"""

from __future__ import annotations

import os
import re
from base64 import b64decode
from collections.abc import Callable, Sequence

from ehttpd.errors import SettingsError
from ehttpd.fields import Fields, combined
from ehttpd.messages import Request
from ehttpd.messages.naming import new_name
from ehttpd.records import moments
from ehttpd.records.note import Note, Noted
from ehttpd.records.quoting import bare, escaped, text_of
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

Atom: TypeAlias = "Callable[[Note], object]"
Escape: TypeAlias = "Callable[[str], str]"

# ``%%`` is a per cent sign, all else that begins with one is an atom, or a mistake.
_PARTS = re.compile(r"%(?:%|\(([^()]*)\)s)?")
_FIELD = re.compile(r"\{([!#$%&'*+.^_`|~0-9A-Za-z-]+)\}([io])")
_VARIABLE = re.compile(r"\{([^{}]+)\}e")
NOTHING_KNOWN = (None, None, None, "")


def user(fields: Fields) -> str:
    """Return the name that came with Basic authentication (RFC 7617), whoever checked it; nothing if none did."""
    scheme, _, credentials = fields.values.get("authorization", "").partition(" ")
    if scheme.lower() != "basic":
        return ""
    try:
        return b64decode(credentials.strip(), validate=True).decode("utf-8", "replace").partition(":")[0]
    except ValueError:
        return ""


def _request_line(note: Note) -> str:
    line = note.line
    return f"{line.method} {line.target} {line.version}" if line is not None else note.besides.first_line or "-"


def _request(note: Note) -> Request:
    """Return what knows the parts of a target."""
    line = note.line
    return Request(line.method, line.target, line.version) if line is not None else _NOTHING


_NOTHING = Request("", "", "")


# Each atom, what it stands for, and how it is made: of what is known here, so that it stands as it is ...
OURS: dict[str, tuple[str, Atom]] = {
    "l": ("always `-`", lambda note: "-"),
    "t": ("when it ended, in brackets, in UTC", lambda note: moments.common(note.ended)),
    "s": ("status", lambda note: note.status),
    "B": ("octets of the response's body", lambda note: note.body_octets),
    "b": ("the same, `-` for none", lambda note: note.body_octets or "-"),
    "T": ("seconds until the response had been produced", lambda note: int(note.seconds)),
    "M": ("the same in milliseconds", lambda note: int(note.seconds * 1e3)),
    "D": ("the same in microseconds", lambda note: int(note.seconds * 1e6)),
    "L": ("the same in seconds, to the microsecond", lambda note: f"{note.seconds:.6f}"),
    "p": ("number of the process, as `<4711>`", lambda note: f"<{os.getpid()}>"),
    "queue_ms": ("milliseconds that it waited for a thread", lambda note: moments.milliseconds(note.queue_seconds)),
    "duration_ms": ("milliseconds from then on, as `L`", lambda note: moments.milliseconds(note.seconds)),
    "thread": ("name of the thread that served it", lambda note: bare(note.thread)),
    "time": ("when it ended (RFC 3339), in UTC", lambda note: moments.rfc3339(note.ended)),
    "received": (
        "octets of the request's body, `-` if they came in chunks",
        lambda note: "-" if note.besides.received is None else note.besides.received,
    ),
    "refusal": ("why the server refused it, `-` if it did not", lambda note: note.besides.refusal or "-"),
    "scheme": ("`http` or `https`", lambda note: note.client.scheme),
}
# ... and of what others say, which has to be escaped.
THEIRS: dict[str, tuple[str, Callable[[Note], str]]] = {
    "h": ("address of the client", lambda note: note.client.remote[0]),
    "u": ("name of the user (Basic authentication)", lambda note: user(note.fields)),
    "r": ("request line", _request_line),
    "m": ("method", lambda note: note.line.method if note.line is not None else ""),
    "U": ("path, as it was sent", lambda note: _request(note).raw_path if note.line is not None else ""),
    "q": ("query, as it was sent", lambda note: _request(note).raw_query),
    "H": ("protocol, as `HTTP/1.1`", lambda note: note.line.version if note.line is not None else ""),
    "f": ("Referer", lambda note: note.fields.values.get("referer", "")),
    "a": ("User-Agent", lambda note: note.fields.values.get("user-agent", "")),
    "request_id": ("name of the request", lambda note: note.name or new_name()),
}
FAMILIES = {
    "{name}i": "a field of the request",
    "{name}o": "a field of the response, if the application has set it",
    "{name}e": "a variable of the WSGI environ, as the application left it",
}
# What the head of a request says, and who has sent it: the same for each request with that head on a connection.
OF_THE_HEAD = frozenset({*THEIRS, "l", "scheme"} - {"request_id"})


def compiled(template: str) -> tuple[Callable[[Sequence[Noted]], str], bool]:
    """Return what makes lines, each with its end, and whether it wants notes with requests and responses.

    Raises:
        SettingsError: an atom is unknown, or something is no atom. It says which.
    """
    if not template.isprintable():
        raise SettingsError(f"a format of the access log is one line of printable text, not {template!r}.")
    texts, names, atoms = _taken_apart(template)
    own = [atom for name, atom in zip(names, atoms, strict=True) if not _is_of_the_head(name)]

    def half_filled(note: Note) -> str:
        """Return the pattern of a line with the head filled in; what is kept is with the fields, as theirs."""
        pattern = texts[0]
        for name, atom, text in zip(names, atoms, texts[1:], strict=True):
            pattern += (str(atom(note)).replace("%", "%%") if _is_of_the_head(name) else "%s") + text
        if note.line is not None:
            note.fields.noted = (note.line, note.client.remote, half_filled, pattern)
        return pattern

    def lines(notes: Sequence[Noted]) -> str:
        made = []
        for note in map(Note._make, notes):
            whose, remote, way, pattern = getattr(note.fields, "noted", NOTHING_KNOWN)
            if whose is not note.line or remote is not note.client.remote or way is not half_filled:
                pattern = half_filled(note)
            made.append(pattern % tuple([atom(note) for atom in own]))
        return "".join(made)

    return lines, any(_sees_more(name) for name in names)


def _taken_apart(template: str) -> tuple[list[str], list[str], list[Atom]]:
    """Return the texts of a template as patterns, and the names and makers of the atoms between them."""
    texts, names, atoms = [""], [], []
    at, quoted = 0, False
    for part in _PARTS.finditer(template):
        text = template[at : part.start()]
        at = part.end()
        quoted ^= text.count('"') % 2 == 1
        texts[-1] += text
        if part[0] == "%%":
            texts[-1] += "%%"
        elif part[1] is None:
            found = template[part.start() : part.start() + 12]
            raise SettingsError(
                f"a format of the access log has atoms such as %(h)s. Found {found!r}.",
                "A per cent sign is written %%. See docs/logging.md for the table of atoms.",
            )
        else:
            names.append(part[1])
            atoms.append(_atom(part[1], escaped if quoted else bare))
            texts.append("")
    texts[-1] += template[at:] + "\n"
    return texts, names, atoms


def _is_of_the_head(name: str) -> bool:
    return name in OF_THE_HEAD or name.endswith("}i")


def _sees_more(name: str) -> bool:
    return name.endswith(("}o", "}e"))


def _atom(name: str, escape: Escape) -> Atom:
    if name in OURS:
        return OURS[name][1]
    if name in THEIRS:
        told = THEIRS[name][1]
    elif field := _FIELD.fullmatch(name):
        told = _request_field(field[1].lower()) if field[2] == "i" else _response_field(field[1].lower())
    elif variable := _VARIABLE.fullmatch(name):
        told = _variable(variable[1])
    else:
        from difflib import get_close_matches

        near = get_close_matches(name, [*OURS, *THEIRS], n=1)
        hint = f" Did you mean %({near[0]})s?" if near else ""
        raise SettingsError(f"unknown atom %({name})s in the format of the access log.{hint}")
    return lambda note: escape(told(note)) or "-"


def _request_field(name: str) -> Callable[[Note], str]:
    return lambda note: note.fields.values.get(name, "")


def _response_field(name: str) -> Callable[[Note], str]:
    def field(note: Note) -> str:
        response = note.besides.response
        return combined(response.headers).get(name, "") if response is not None else ""

    return field


def _variable(name: str) -> Callable[[Note], str]:
    def variable(note: Note) -> str:
        request = note.besides.request
        environ = request.state.get("environ", {}) if request is not None else {}
        return text_of(environ[name]) if name in environ else ""

    return variable
