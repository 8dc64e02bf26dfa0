r"""The corpus: requests on paper, one file a case, named by what it shows.

A file of tests/corpus begins with lines of comment. The first says why, beginning with the section of the RFC; in
refused/ the status stands before it. The others say what comes of it:

- ``# reads:`` a request that is read whole: method, target and body
- ``# field:`` and ``# trailer:`` name and value of a field of the last request; of a field, the combined value. In
  values, ``\xFF`` counts as in the stream
- ``# closes`` the connection does not persist after the last request
- ``# answers:`` the sentence that the client is told; only in refused/

The rest is the stream. Line ends of the file do not count; ``\r``, ``\n`` and ``\xFF`` do. ``<3 times ab>`` is
``ababab``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

CORPUS = Path(__file__).parent.parent / "corpus"

_COMMENT = re.compile(r"# (\w+)(?:: ?(.*))?")
_TIMES = re.compile(r"<(\d+) times (.+?)>")


class Case(NamedTuple):
    """One file. ``stream`` is what is sent; ``lines`` are the same as the file shows them."""

    name: str
    status: int | None  # of the refusal
    section: str
    why: str
    notes: list[tuple[str, str]]
    lines: list[str]
    stream: bytes

    def noted(self, kind: str) -> list[str]:
        """Return what the lines of comment of one kind say."""
        return [value for key, value in self.notes if key == kind]


def load(path: Path) -> Case:
    lines = path.read_text(encoding="utf-8").splitlines()
    first, *comments = [line for line in lines if line.startswith("# ")]
    rest = [line for line in lines if not line.startswith("# ")]
    rule, _, why = first.removeprefix("# ").partition(": ")
    status, comma, sections = rule.rpartition(", RFC ")
    if not comma:
        status, sections = "", rule.removeprefix("RFC ")
    notes = [_note(path, comment) for comment in comments]
    stream = _escapes_undone(_repeated("".join(rest))).encode("latin-1")
    return Case(path.stem, int(status) if status else None, f"RFC {sections}", why, notes, rest, stream)


def _note(path: Path, comment: str) -> tuple[str, str]:
    found = _COMMENT.fullmatch(comment)
    assert found, f"{path}: what is {comment!r}?"
    value = _repeated(found[2] or "")
    return found[1], _escapes_undone(value) if found[1] in ("field", "trailer") else value


def _escapes_undone(text: str) -> str:
    return text.encode("ascii").decode("unicode_escape")


def _repeated(text: str) -> str:
    return _TIMES.sub(lambda found: int(found[1]) * found[2], text)


def load_all(folder: str) -> list[Case]:
    """Return the cases of ``accepted`` or ``refused``, by name."""
    return [load(path) for path in sorted((CORPUS / folder).glob("*.http"))]
