"""``ehttpd APP``, ``ehttpd run APP``: argv, environment and files -> settings -> an application, served.

Knows in which order these are read; how the server is run is launch/serve.py's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ehttpd import __version__
from ehttpd.commands import COMMANDS
from ehttpd.errors import ApplicationImportError
from ehttpd.launch.application import Application, find_application
from ehttpd.launch.arguments import Parser, read_arguments
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.launch.failures import nearest
from ehttpd.launch.serve import prepare_logging, serve
from ehttpd.launch.sources import from_environment, from_files
from ehttpd.logs import log
from ehttpd.settings import Settings

VERSION = f"ehttpd {__version__}"


def run(words: Sequence[str]) -> int:
    """Serve the application that ``words`` name until a signal arrives."""
    began = time.perf_counter()
    arguments = read_arguments(words, VERSION, COMMANDS)
    settings = Settings.from_sources(arguments.given, from_environment(os.environ), from_files(os.getcwd()))
    prepare_logging(settings)
    return serve(imported(arguments.application), settings, began)


def imported(named: str) -> Application:
    """Return the application that is ``named``."""
    try:
        return find_application(named)
    except ApplicationImportError as error:
        log.debug("Cannot serve %s.", named, exc_info=error.__cause__)
        near = nearest(named, COMMANDS) if named.isalpha() else []
        if near:
            cure = f"Did you mean the command? ehttpd {near[0]}\n{error.cure}"
            raise ApplicationImportError(str(error), cure) from error
        raise


def make_parser() -> Parser:
    """Return the parser of the words."""
    return parser_of_settings(VERSION, COMMANDS)
