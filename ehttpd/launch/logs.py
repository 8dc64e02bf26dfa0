"""Where log records go when ehttpd is a program. As a library it leaves logging alone."""

from __future__ import annotations

import logging
import sys

from ehttpd.errors import SettingsError
from ehttpd.settings import Settings

MESSAGE = "%(asctime)s %(levelname)s %(message)s"


def configure_logging(settings: Settings) -> None:
    """Send messages to the standard error, and requests to the access log if there is to be one.

    Raises:
        SettingsError: the access log cannot be opened.
    """
    messages = logging.StreamHandler(sys.stderr)
    messages.setFormatter(logging.Formatter(MESSAGE))
    adopt(logging.getLogger("ehttpd"), messages, settings.log_level.upper())

    access = logging.getLogger("ehttpd.access")
    if settings.access_log:
        adopt(access, access_handler(settings.access_log), "INFO")
    else:
        adopt(access, logging.NullHandler(), logging.CRITICAL + 1)


def adopt(logger: logging.Logger, handler: logging.Handler, level: str | int) -> None:
    """Give ``logger`` one handler of its own, whatever the application does to the root logger."""
    logger.handlers[:] = [handler]
    logger.setLevel(level)
    logger.propagate = False


def access_handler(name: str) -> logging.Handler:
    """Return a handler that writes one line per request."""
    try:
        return logging.StreamHandler(sys.stdout) if name == "-" else logging.FileHandler(name, encoding="utf-8")
    except OSError as error:
        raise SettingsError(f"cannot write the access log {name!r}: {error.strerror}.") from error
