"""The formats of the access log: by name, or as a template of atoms. The operator's."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ehttpd.errors import SettingsError
from ehttpd.records.atoms import compiled
from ehttpd.records.record import Record

Format: TypeAlias = Callable[[Record], str]

# Those that every reader of logs knows; Apache's.
COMMON = '%(h)s %(l)s %(u)s %(t)s "%(r)s" %(s)s %(b)s'
COMBINED = f'{COMMON} "%(f)s" "%(a)s"'
ACCESS_LOGGER = "ehttpd.access"
NAMES = ("common", "combined", "json", "logfmt", "dev")


def to_logger(line: Format) -> Callable[[Record], object]:
    """Return what hands records to Python's logger ``ehttpd.access``, at INFO."""
    import logging

    logger = logging.getLogger(ACCESS_LOGGER)
    return lambda record: logger.info("%s", line(record))


def format_of(written: str, coloured: bool = False) -> Format:
    """Return what makes a line of a record, without the end of the line: one of `NAMES`, or atoms (see atoms.py).

    Raises:
        SettingsError: it is neither; an atom is unknown.
    """
    if written in ("json", "logfmt"):
        from ehttpd.records.structured import json_line, logfmt_line

        return json_line if written == "json" else logfmt_line
    if written == "dev":
        from ehttpd.records.development import development

        return development(coloured)
    if written == "common":
        return compiled(COMMON)
    if written == "combined":
        return compiled(COMBINED)
    if "%" in written:
        return compiled(written)
    from difflib import get_close_matches

    near = get_close_matches(written, NAMES, n=1)
    hint = f" Did you mean {near[0]!r}?" if near else ""
    raise SettingsError(
        f"unknown format of the access log: {written!r}.{hint}",
        f"Give one of {', '.join(NAMES)}, or atoms such as '%(h)s %(s)s'. See docs/logging.md.",
    )
