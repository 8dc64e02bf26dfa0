"""``ehttpd APP``, ``ehttpd run APP``: argv, environment and files -> settings -> an application, served.

Knows in which order these are read; how the server is run is launch/serve.py's.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from importlib import import_module

from ehttpd import __version__
from ehttpd.commands import COMMANDS
from ehttpd.errors import ApplicationImportError
from ehttpd.launch.application import Application, load_application
from ehttpd.launch.arguments import Arguments, Parser, read_arguments
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.launch.serve import prepare_logging, serve
from ehttpd.launch.sources import from_environment, from_files, from_platform, from_systemd, unread
from ehttpd.launch.surroundings import (
    anchored,
    change_folder,
    current_folder,
    folder_as_named,
    prepare_surroundings,
    write_every_character,
)
from ehttpd.logs import log
from ehttpd.settings import Given, Settings

VERSION = f"ehttpd {__version__}"


def run(words: Sequence[str]) -> int:
    """Serve the application that ``words`` name until a signal arrives."""
    began = time.perf_counter()
    arguments = read_arguments(words, VERSION, COMMANDS)
    if arguments.instead:
        write_every_character()
        words = [word for word in words if word not in ("--check-config", "--print-config")]
        exit_code: int = import_module(f"ehttpd.commands.{arguments.instead}").run(words)
        return exit_code
    folder, environment = folder_as_named(), dict(os.environ)
    settings = settings_of(arguments, os.environ)
    if settings.reload:
        from ehttpd.develop.serve import develop

        with pid_file(settings):
            return develop(settings, pages=False)
    prepare_surroundings(settings)
    settings = anchored(settings)
    prepare_logging(settings, owner=owner_of_files(settings))
    for note in hints(arguments, os.environ):
        log.warning("%s", note)
    if settings.supervised:
        from ehttpd.supervisor.command import supervise

        return supervise(settings, lambda: read_again(arguments, folder, environment), folder, environment, began)
    with pid_file(settings):
        if settings.umask >= 0:
            os.umask(settings.umask)
        return serve(lambda: imported(settings), settings, began)


def owner_of_files(settings: Settings) -> tuple[int, int] | None:
    """Return the user and the group who write the same logs as this process, None if those are its own.

    Raises:
        SettingsError: there is no such user or group.
    """
    if not (settings.user or settings.group) or os.name != "posix":
        return None
    from ehttpd.supervisor.privileges import identity

    return identity(settings)[:2]


def pid_file(settings: Settings) -> AbstractContextManager[object]:
    """Return the file with the number of this process, if there is to be one."""
    if not settings.pid:
        return nullcontext()
    from ehttpd.launch.pidfile import PidFile

    return PidFile(settings.pid)


def read_again(arguments: Arguments, folder: str, environment: dict[str, str]) -> Settings:
    """Return what the settings are now, and prepare for the workers that are started from now on. Who calls comes back
    from that if it fails.
    """
    change_folder(folder)
    settings = settings_of(arguments, environment)
    prepare_surroundings(settings)
    return anchored(settings)


def settings_of(arguments: Arguments, environment: Mapping[str, str]) -> Settings:
    """Return the settings from everywhere, the strongest first."""
    return Settings.from_sources(*sources_of(arguments, environment))


def sources_of(arguments: Arguments, environment: Mapping[str, str]) -> list[dict[str, Given]]:
    """Return what is given everywhere, the strongest first."""
    return [
        arguments.given,
        from_environment(environment),
        from_files(current_folder(), arguments.config),
        from_systemd(),
        from_platform(environment),
    ]


def hints(arguments: Arguments, environment: Mapping[str, str]) -> list[str]:
    """Return what the operator should know whose flags or variables do not do what he may think."""
    theirs = ["GUNICORN_CMD_ARGS is not read here: ehttpd translate shows what it says in our words."]
    return [*arguments.notes, *(theirs if environment.get("GUNICORN_CMD_ARGS") else []), *unread(environment)]


def imported(settings: Settings) -> Application:
    """Return the application that ``settings`` name."""
    try:
        return load_application(settings)
    except ApplicationImportError as error:
        from ehttpd.launch.failures import nearest

        named = settings.app
        log.debug("Cannot serve %s.", named, exc_info=error.__cause__)
        missing = isinstance(error.__cause__, ModuleNotFoundError) and error.__cause__.name == named
        near = nearest(named, COMMANDS) if missing else []
        if near:
            cure = f"Did you mean the command? ehttpd {near[0]}\n{error.cure}"
            raise ApplicationImportError(str(error), cure) from error
        raise


def make_parser() -> Parser:
    """Return the parser of the words."""
    return parser_of_settings(VERSION, COMMANDS)
