"""``ehttpd static DIR``: a folder of files, as ``python -m http.server``, but HTTP/1.1, on threads, in parts."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ehttpd.commands.run import VERSION, pid_file, settings_of
from ehttpd.errors import SettingsError
from ehttpd.launch.application import Application
from ehttpd.launch.arguments import Parser, arguments_of
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.launch.kind import Kind
from ehttpd.launch.serve import prepare_logging, serve
from ehttpd.settings import Settings
from ehttpd.settings.processes import SUPERVISORS
from ehttpd.toolkit.static import StaticFiles

# What needs a supervisor, or a process that is started again. Files may say it: they are often those of an application.
NOT_FOR_US = ("workers", *SUPERVISORS, "umask", "reload")


def run(words: Sequence[str]) -> int:
    """Serve the folder that ``words`` name until a signal arrives."""
    began = time.perf_counter()
    arguments = arguments_of(make_parser(), words)
    folder = arguments.application or "."
    if not os.path.isdir(folder):
        raise SettingsError(f"{folder!r} is not a folder.", "Name the folder whose files are to be served.")
    settings = settings_of(arguments, os.environ)
    refuse_flags(settings)
    settings = settings.replace(workers=1)
    if settings.origin("access_log") == "default":
        settings = settings.replace(access_log="-")
    prepare_logging(settings)
    files = StaticFiles(folder, listing="no-listing" not in arguments.others)
    served = Application(files, Kind.NATIVE, os.path.abspath(folder), "files")
    with pid_file(settings):
        return serve(lambda: served, settings, began)


def refuse_flags(settings: Settings) -> None:
    """Raise SettingsError if a flag asks for what one process that serves files does not do."""
    given = [settings.origin(name) for name in NOT_FOR_US if settings.origin(name).startswith("-")]
    if given:
        raise SettingsError(f"{', '.join(given)}: not for ehttpd static, which is one process.", "Leave it out.")


def make_parser() -> Parser:
    """Return the parser of the words: those of serving, with a folder in place of an application."""
    parser = parser_of_settings(VERSION, {})
    parser.prog, parser.usage = "ehttpd static", "ehttpd static [DIR] [flags]"
    parser.description = (
        "Serve the files of a folder, of the current one by default: index.html where\nthere is one, else a list. "
        "Names that begin with a dot are left out."
    )
    parser.add_argument(
        "--no-listing", dest="others", action="append_const", const="no-listing", help="List no folders."
    )
    return parser
