"""The line that a record makes in the access log.

The operator's format: the combined log format that every log reader knows, with the duration behind it. Fields are a
table.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from ehttpd.records.record import Record

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _field(record: Record, name: str) -> str:
    return record.request.headers.get(name, "-") or "-" if record.request is not None else "-"


# What a line is made of, in order. Texts that come from the client are quoted.
FIELDS: tuple[tuple[str, bool, Callable[[Record], str]], ...] = (
    ("remote address", False, lambda record: record.remote or "-"),
    ("identity", False, lambda record: "-"),
    ("user", False, lambda record: "-"),
    ("time", False, lambda record: common_time(record.ended)),
    ("request line", True, lambda record: record.request_line),
    ("status", False, lambda record: str(record.status)),
    ("octets of the body", False, lambda record: str(record.body_octets)),
    ("Referer", True, lambda record: _field(record, "referer")),
    ("User-Agent", True, lambda record: _field(record, "user-agent")),
    ("duration", False, lambda record: f"{record.seconds * 1000:.1f}ms"),
)


def line(record: Record) -> str:
    """Return a record as a line of the access log."""
    return " ".join(quoted(value(record)) if quote else value(record) for _, quote, value in FIELDS)


def quoted(text: str) -> str:
    """Return text from the network in quotes, so that it can end neither the quotes nor the line."""
    safe = "".join(
        character if " " <= character <= "~" and character not in '"\\' else f"\\x{ord(character):02x}"
        for character in text
    )
    return f'"{safe}"'


def common_time(seconds: float) -> str:
    """Return a time since the epoch as the common log format writes it, in UTC."""
    year, month, day, hour, minute, second, *_ = time.gmtime(seconds)
    return f"[{day:02}/{MONTHS[month - 1]}/{year}:{hour:02}:{minute:02}:{second:02} +0000]"


def access_log() -> Callable[[Record], None]:
    """Return what writes records to the logger ``ehttpd.access``."""
    import logging

    logger = logging.getLogger("ehttpd.access")
    return lambda record: logger.info("%s", line(record))
