"""Messages of ehttpd as text, JSON or logfmt, for Python's logging. Imported when there is something to log.

Usable in the file of ``--log-config`` too: ``"()" = "ehttpd.launch.messages.JSONFormatter"``.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from ehttpd.records.moments import rfc3339
from ehttpd.records.quoting import json_string, logfmt_value, text_of
from ehttpd.records.writer import Writer
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# What every record of Python's logging has: what else there is was given by who logged.
_STANDARD = frozenset({*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"})


class LineHandler(logging.Handler):
    """Writes each record at once where that is possible, and never waits for who reads."""

    def __init__(self, writer: Writer) -> None:
        super().__init__()
        self._writer = writer

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._writer.write_now(self.format(record))
        except Exception:
            self.handleError(record)


class NamesWorker(logging.Filter):
    """Has every record say which worker process it is of."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def filter(self, record: logging.LogRecord) -> bool:
        record.worker = self._number
        return True


class TextFormatter(logging.Formatter):
    """A record as a line for a person, with its traceback below."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # the name is Python's
        worker = getattr(record, "worker", None)
        return f"{record.asctime} {record.levelname} {f'worker {worker}: ' if worker else ''}{record.message}"

    def usesTime(self) -> bool:  # the name is Python's
        return True


class JSONFormatter(logging.Formatter):
    """A record as one line of JSON, its traceback and what was given as ``extra`` in it."""

    def format(self, record: logging.LogRecord) -> str:
        pairs = (f"{json_string(name)}:{_json(value)}" for name, value in told(self, record).items())
        return f"{{{','.join(pairs)}}}"


class LogfmtFormatter(logging.Formatter):
    """A record as one line of logfmt, its traceback and what was given as ``extra`` in it."""

    def format(self, record: logging.LogRecord) -> str:
        pairs = told(self, record).items()
        return " ".join(f"{logfmt_name(name)}={logfmt_value(text_of(value))}" for name, value in pairs)


def told(formatter: logging.Formatter, record: logging.LogRecord) -> dict[str, Any]:
    """Return what a record says, by OpenTelemetry's names where it has one."""
    pairs: dict[str, Any] = {
        "timestamp": rfc3339(record.created),
        "level": record.levelname.lower(),
        "message": record.getMessage(),
        "logger": record.name,
        "thread": record.threadName or "",
        "process.pid": record.process,
    }
    pairs.update((name, value) for name, value in vars(record).items() if name not in _STANDARD and name not in pairs)
    if record.exc_info and record.exc_info[0] is not None:
        kind, error, _ = record.exc_info
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        pairs["exception.type"] = f"{module}{kind.__qualname__}"
        pairs["exception.message"] = text_of(error)
        pairs["exception.stacktrace"] = formatter.formatException(record.exc_info)
    return pairs


def logfmt_name(name: str) -> str:
    """Return what was given as a name as one of logfmt: it can end neither itself nor the line."""
    return "".join(each if "!" <= each <= "~" and each not in '"=' else "_" for each in name) or "_"


def formatter_of(name: str) -> logging.Formatter:
    """Return what makes lines of records: ``text``, ``json`` or ``logfmt``."""
    return FORMATTERS[name]()


FORMATTERS: dict[str, Callable[[], logging.Formatter]] = {
    "text": TextFormatter,
    "json": JSONFormatter,
    "logfmt": LogfmtFormatter,
}


def _json(value: object) -> str:
    import json

    return json_string(value) if isinstance(value, str) else json.dumps(value, default=text_of)
