"""The logger of ehttpd, got when there is something to log.

Importing `logging` takes a fifth of the time from the start of the process to its first answer, and most runs log
nothing. What is logged goes to the logger ``ehttpd`` like any library's records. Any thread.
"""

from __future__ import annotations

import sys

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable, Mapping


class Log:
    """The logger ``ehttpd``. `prepare` has something done before the first record is written."""

    def __init__(self) -> None:
        self._before: list[Callable[[], None]] = []

    def prepare(self, call: Callable[[], None] | None) -> None:
        """Have ``call``, or nothing, called before the first record, once. For whoever configures logging: the command
        line.
        """
        self._before[:] = [] if call is None else [call]

    def debug(self, message: str, *values: object, exc_info: object = None) -> None:
        self._write("debug", message, values, exc_info)

    def info(self, message: str, *values: object, exc_info: object = None) -> None:
        self._write("info", message, values, exc_info)

    def warning(
        self, message: str, *values: object, exc_info: object = None, extra: Mapping[str, object] | None = None
    ) -> None:  # fmt: skip
        self._write("warning", message, values, exc_info, extra)

    def error(self, message: str, *values: object, exc_info: object = None) -> None:
        self._write("error", message, values, exc_info)

    def critical(self, message: str, *values: object, exc_info: object = None) -> None:
        self._write("critical", message, values, exc_info)

    def _write(
        self,
        level: str,
        message: str,
        values: tuple[object, ...],
        exc_info: object,
        extra: Mapping[str, object] | None = None,
    ) -> None:
        try:
            logger = self.logger()
        except OSError:  # no descriptor is left to import it with, and nobody may fail for want of a record
            sys.stderr.write(f"{message % values}\n")
        else:
            getattr(logger, level)(message, *values, exc_info=exc_info, extra=extra)

    def logger(self) -> logging.Logger:
        """Return the logger itself, with what was prepared done."""
        import logging

        while self._before:
            self._before.pop()()
        return logging.getLogger("ehttpd")


log = Log()
