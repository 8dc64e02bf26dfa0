"""Where messages and records of requests go when ehttpd is a program. As a library it leaves logging alone.

The operator's. There is one configuration in a process, as there is one of Python's logging.
"""

from __future__ import annotations

import os

from ehttpd.errors import SettingsError
from ehttpd.logs import log
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import logging
    from typing import Any

    from ehttpd.records.formats import AccessLog, Format
    from ehttpd.records.targets import Target
    from ehttpd.records.writer import Writer

STANDARD_OUTPUT, STANDARD_ERROR = 1, 2
DEFAULT_FORMAT = Settings.declared()["access_log_format"].default
SYSLOG = "syslog:"
# How long the end of the process may wait for a log that nobody reads, in seconds.
PATIENCE = 1.0


class Logs:
    """What is open. `recorder` is what writes the access log, None if there is none."""

    def __init__(self, settings: Settings, worker: int = 0, owner: tuple[int, int] | None = None) -> None:
        """``worker``: the number of this process among those of a supervisor, which its messages name. ``owner``: whose
        the files are that are made, a user and a group.
        """
        self._worker = worker
        self._owner = owner
        self.recorder: AccessLog | None = None
        self._settings = settings
        self._writers: list[Writer] = []
        logged_to = _configured(settings.log_config) if settings.log_config else set()
        try:
            if not settings.log_config:
                self._prepare_messages()
            if settings.access_log:
                self._open_access_log()
            elif "ehttpd.access" in logged_to:
                from ehttpd.records.formats import to_logger

                self.recorder = to_logger(format_of_requests(settings))
            elif settings.access_log_format != DEFAULT_FORMAT:
                format_of_requests(settings)  # what is wrong is told, though nothing is written
        except BaseException:
            self.close(PATIENCE)
            raise

    def _prepare_messages(self) -> None:
        """Have messages go where they should, once there is one: importing `logging` takes long."""
        settings, worker = self._settings, self._worker
        if settings.error_log == "-":  # which needs not be opened
            log.prepare(lambda: _configure(self._messages(standard(STANDARD_ERROR)), settings, worker))
        else:
            writer = self._messages(opened("error_log", settings.error_log, self._owner))
            log.prepare(lambda: _configure(writer, settings, worker))

    def _messages(self, target: Target) -> Writer:
        """Return what writes messages. It is closed last: there may be some about the others."""
        from ehttpd.records.writer import Writer

        writer = Writer(target, f"the error log {self._settings.error_log!r}", _tell_on_standard_error)
        self._writers.insert(0, writer)
        return writer

    def _open_access_log(self) -> None:
        from ehttpd.records.formats import AccessLog
        from ehttpd.records.writer import Writer

        settings, name = self._settings, self._settings.access_log
        coloured = name == "-" and os.isatty(STANDARD_OUTPUT) and not os.environ.get("NO_COLOR")
        made = format_of_requests(settings, coloured)
        target = standard(STANDARD_OUTPUT) if name == "-" else opened("access_log", name, self._owner)
        writer = Writer(target, f"the access log {name!r}", lambda text: log.error("%s", text))
        self._writers.append(writer)
        self.recorder = AccessLog(made, writer.write_all)

    def reopen(self, seconds: float) -> None:
        """Open files anew: they were moved away. Wait at most so many ``seconds`` until that is done. Any thread."""
        writers = tuple(self._writers)
        for writer in writers:
            writer.reopen()
        for writer in writers if seconds else ():
            writer.flush(seconds)

    def close(self, seconds: float) -> None:
        """Write what is left, for at most ``seconds``, and close everything."""
        while self._writers:
            self._writers.pop().close(seconds)
        _leave_alone()
        log.prepare(None)


_open: Logs | None = None
_handler: logging.Handler | None = None


def open_logs(settings: Settings, worker: int = 0, owner: tuple[int, int] | None = None) -> None:
    """Open what ``settings`` name, in place of what is open; see `Logs`.

    Raises:
        SettingsError: a file cannot be written, or a format is none.
    """
    global _open
    close_logs()
    _open = Logs(settings, worker, owner)


def recorder() -> AccessLog | None:
    """Return what writes the access log, None if there is none."""
    return _open.recorder if _open is not None else None


def reopen_logs(seconds: float = 0.0) -> None:
    """Open files anew: they were moved away, and the next lines belong into new ones. Wait for at most so many
    ``seconds`` for each until that is done. Any thread.
    """
    if _open is not None:
        _open.reopen(seconds)


def close_logs(seconds: float = PATIENCE) -> None:
    """Write what is left, for at most ``seconds`` for each log, and close everything."""
    global _open
    if _open is not None:
        logs, _open = _open, None
        logs.close(seconds)


def make_logs(settings: Settings, owner: tuple[int, int]) -> None:
    """Make the files that ``settings`` log to, where there are none yet, for ``owner``, who may not be allowed to.

    Raises:
        SettingsError: a file cannot be written.
    """
    for setting in ("access_log", *(() if settings.log_config else ("error_log",))):
        name = getattr(settings, setting)
        if name not in ("", "-"):
            opened(setting, name, owner).close()


def format_of_requests(settings: Settings, coloured: bool = False) -> Format:
    """Return what makes the lines of the access log.

    Raises:
        SettingsError: it is no format.
    """
    from ehttpd.records.formats import format_of

    try:
        return format_of(settings.access_log_format, coloured)
    except SettingsError as error:
        raise SettingsError(f"{settings.origin('access_log_format')}: {error}", error.cure) from None


def wants_names(settings: Settings) -> bool:
    """Tell whether applications are to know the names of requests: somebody else does."""
    written = settings.access_log_format
    in_records = written in ("json", "logfmt") or "request_id" in written or wants_environs(settings)
    return bool(settings.request_id_header) or (recorder() is not None and in_records)


def wants_environs(settings: Settings) -> bool:
    """Tell whether lines of the access log are made of the environ too."""
    return recorder() is not None and "}e)s" in settings.access_log_format


def standard(descriptor: int) -> Target:
    """Return the standard output or the standard error, or what swallows all where whoever started us closed it."""
    from ehttpd.records.targets import File, Stream

    try:
        return Stream(descriptor)
    except OSError:
        return File(os.devnull)


def opened(setting: str, name: str, owner: tuple[int, int] | None) -> Target:
    """Return what lines are written to; a file that is made is ``owner``'s."""
    from ehttpd.records.targets import SYSTEM_LOG, File, SystemLog

    try:
        if name.startswith(SYSLOG):
            return SystemLog(name[len(SYSLOG) :] or SYSTEM_LOG)
        return File(name, owner)
    except OSError as error:
        what = setting.replace("_", " ")
        raise SettingsError(f"cannot write the {what} {name!r}: {error.strerror}.") from error


def _configure(writer: Writer, settings: Settings, worker: int = 0) -> None:
    """Send the messages of ehttpd to a writer; those of applications are theirs."""
    import logging

    from ehttpd.launch.messages import LineHandler, NamesWorker, formatter_of

    global _handler
    name: str = settings.log_format
    if name == "auto":
        name = "text" if settings.error_log == "-" and os.isatty(STANDARD_ERROR) else "logfmt"
    logger = logging.getLogger("ehttpd")
    _handler = LineHandler(writer)
    _handler.setFormatter(formatter_of(name))
    if worker:
        _handler.addFilter(NamesWorker(worker))
    logger.addHandler(_handler)
    logger.setLevel(settings.log_level.upper())
    logger.propagate = False  # whatever the application does to the root logger


def _leave_alone() -> None:
    """Have the messages of ehttpd go where those of a library go."""
    global _handler
    if _handler is not None:
        import logging

        logger = logging.getLogger("ehttpd")
        logger.removeHandler(_handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
        _handler = None


def _configured(path: str) -> set[str]:
    """Configure Python's logging as a file says (`logging.config.dictConfig`); return the loggers that it names."""
    import logging.config

    read = read_configuration(path)
    try:
        logging.config.dictConfig({"version": 1, "disable_existing_loggers": False, **read})
    except (OSError, ValueError, TypeError, AttributeError, ImportError) as error:
        raise _not_configured(path, error) from error
    return set(read.get("loggers", ()))


def read_configuration(path: str) -> dict[str, Any]:
    """Return what a file for `logging.config.dictConfig` says. Raises SettingsError if it cannot be read."""
    import json
    import tomllib

    try:
        with open(path, "rb") as file:
            read: Any = json.load(file) if path.endswith(".json") else tomllib.load(file)
    except (OSError, ValueError) as error:
        raise _not_configured(path, error) from error
    if not isinstance(read, dict):
        raise _not_configured(path, ValueError("it must be a table"))
    return read


def _not_configured(path: str, error: Exception) -> SettingsError:
    reason = error.strerror if isinstance(error, OSError) else error
    cause = f" ({error.__cause__})" if error.__cause__ is not None else ""
    return SettingsError(
        f"cannot configure logging from {path!r}: {reason}{cause}.",
        "It must be TOML, or JSON if its name ends in .json, in the schema of logging.config.dictConfig.",
    )


def _tell_on_standard_error(text: str) -> None:
    """Say that the error log itself cannot be written, if that is possible without waiting."""
    from ehttpd.records.targets import Stream

    try:
        last_resort = Stream(STANDARD_ERROR)
    except OSError:
        return
    if last_resort.takes(2 * len(text)):
        last_resort.write([f"{text}\n".encode()])
