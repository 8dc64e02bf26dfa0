"""The logger of ehttpd, got when there is something to log.

Importing `logging` takes a fifth of the time from the start of the process to its first answer, and most runs log
nothing. What is logged goes to the logger ``ehttpd`` like any library's records. Any thread.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    import logging
    from collections.abc import Callable


class Log:
    """The logger ``ehttpd``. `prepare` has something done before the first record is written."""

    def __init__(self) -> None:
        self._before: list[Callable[[], None]] = []

    def prepare(self, call: Callable[[], None]) -> None:
        """Have ``call`` called before the first record, once. For whoever configures logging: the command line."""
        self._before[:] = [call]

    def debug(self, message: str, *values: object, exc_info: object = None) -> None:
        self._logger().debug(message, *values, exc_info=exc_info)  # type: ignore[arg-type]

    def warning(self, message: str, *values: object, exc_info: object = None) -> None:
        self._logger().warning(message, *values, exc_info=exc_info)  # type: ignore[arg-type]

    def error(self, message: str, *values: object, exc_info: object = None) -> None:
        self._logger().error(message, *values, exc_info=exc_info)  # type: ignore[arg-type]

    def critical(self, message: str, *values: object, exc_info: object = None) -> None:
        self._logger().critical(message, *values, exc_info=exc_info)  # type: ignore[arg-type]

    def _logger(self) -> logging.Logger:
        import logging

        while self._before:
            self._before.pop()()
        return logging.getLogger("ehttpd")


log = Log()
