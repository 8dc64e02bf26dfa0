"""The formats of the access log: by name, or as a template of atoms. The operator's."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ehttpd.errors import SettingsError
from ehttpd.records.atoms import compiled
from ehttpd.records.note import Ledger, Noted
from ehttpd.records.record import Record
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

Lines: TypeAlias = "Callable[[Sequence[Noted]], str]"

# Those that every reader of logs knows; Apache's.
COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
COMBINED = f'{COMMON} "%(f)s" "%(a)s"'
ACCESS_LOGGER = "ehttpd.access"
NAMES = ("common", "combined", "json", "logfmt", "dev")


class Format:
    """What makes lines: `lines` of several notes, each with its end, and when called, the line of a record without it.

    ``whole``: it wants notes with their requests and responses.
    """

    def __init__(self, lines: Lines, whole: bool = False) -> None:
        self.lines = lines
        self.whole = whole

    def __call__(self, record: Record) -> str:
        return self.lines([record.note])[:-1]


class AccessLog(Ledger):
    """Has a line written for each exchange."""

    def __init__(self, format: Format, write: Callable[[str], object]) -> None:
        self.whole = format.whole
        self._lines = format.lines
        self._write = write

    def enter(self, notes: Sequence[Noted]) -> None:
        self._write(self._lines(notes))


def to_logger(format: Format) -> AccessLog:
    """Return what hands lines to Python's logger ``ehttpd.access``, at INFO."""
    import logging

    logger = logging.getLogger(ACCESS_LOGGER)

    def write(lines: str) -> None:
        for line in lines[:-1].split("\n"):
            logger.info("%s", line)

    return AccessLog(format, write)


def format_of(written: str, coloured: bool = False) -> Format:
    """Return what makes lines: one of `NAMES`, or atoms (see atoms.py).

    Raises:
        SettingsError: it is neither; an atom is unknown.
    """
    if written in ("json", "logfmt"):
        from ehttpd.records.structured import json_lines, logfmt_lines

        return Format(json_lines if written == "json" else logfmt_lines)
    if written == "dev":
        from ehttpd.records.development import development

        return Format(development(coloured))
    template = {"common": COMMON, "combined": COMBINED}.get(written, written)
    if "%" in template.replace("%%", ""):
        return Format(*compiled(template))
    from difflib import get_close_matches

    near = get_close_matches(written, NAMES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise SettingsError(
        f"unknown format of the access log: {written!r}.{hint}",
        f"Give one of {', '.join(NAMES)}, or atoms such as '%(h)s %(s)s'. See docs/logging.md.",
    )
