"""``ehttpd check``: try everything that serving needs, report it, and serve nothing.

Knows what there is to try. Each finding is a line; the first kind that fails decides the exit code.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import NamedTuple

from ehttpd.commands.run import VERSION, hints, sources_of
from ehttpd.errors import ApplicationImportError, ListenError, OperatorError, SettingsError
from ehttpd.launch.application import Application, load_application, searched_as_well
from ehttpd.launch.arguments import Parser, arguments_of
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.launch.cautions import cautions
from ehttpd.launch.failures import application_frames
from ehttpd.launch.logs import SYSLOG, format_of_requests, read_configuration
from ehttpd.launch.serve import with_port_holder
from ehttpd.launch.static import with_static
from ehttpd.launch.surroundings import prepare_surroundings
from ehttpd.messages import Response
from ehttpd.records.targets import SYSTEM_LOG
from ehttpd.server.server import Server
from ehttpd.settings import FileNames, Given, Settings, read_given
from ehttpd.supervisor.hooks import Hooks
from ehttpd.supervisor.privileges import identity

PASSED = 0
WRONG_SETTINGS = 2
COULD_NOT_START = 3
GOOD, UNUSUAL, BAD = "ok", "note", "FAILED"
# Settings that name files: what is done with them, and the exit code of serving where that cannot be.
FILES = {
    **dict.fromkeys(("certfile", "keyfile", "ca_certs", "keyfile_password_file"), (os.R_OK, COULD_NOT_START)),
    "app_dir": (os.R_OK, COULD_NOT_START),
    "reload_dir": (os.R_OK, WRONG_SETTINGS),
    **dict.fromkeys(("access_log", "error_log", "pid"), (os.W_OK, WRONG_SETTINGS)),
}


class Finding(NamedTuple):
    """What was tried, how it went, and what to do."""

    state: str
    what: str
    text: str
    cure: str = ""
    exit_code: int = PASSED


def run(words: Sequence[str]) -> int:
    """Check what serving with these ``words`` would need, print what was found, and return the exit code."""
    return report(list(findings(words)))


def make_parser() -> Parser:
    """Return the parser of the words: those of serving."""
    parser = parser_of_settings(VERSION, {})
    parser.prog, parser.usage = "ehttpd check", "ehttpd check [APP] [flags]"
    parser.description = (
        "Try everything that serving needs, and serve nothing: settings, the import of\n"
        "the application, addresses, certificates, files and permissions.\n"
        "Exit codes: 0 all is well, 2 wrong usage or setting, 3 could not start."
    )
    return parser


def report(found: list[Finding]) -> int:
    """Print all that was found, and return the exit code."""
    for finding in found:
        print(f"  {finding.state:8}{finding.what:14}{finding.text}")
        for line in finding.cure.splitlines():
            print(f"{'':24}{line}")
    codes = [finding.exit_code for finding in found if finding.exit_code]
    print("This cannot be served." if codes else "All is well.")
    return min(codes, default=PASSED)


def findings(words: Sequence[str]) -> Iterator[Finding]:
    """Yield what is found, one thing after the other. What needs a thing that failed is not tried."""
    try:
        arguments = arguments_of(make_parser(), words)
        sources = sources_of(arguments, os.environ)
    except SettingsError as error:
        yield failure("settings", error)
        return
    for note in hints(arguments, os.environ):
        yield Finding(UNUSUAL, "settings", note)
    wrong = list(wrong_settings(sources))
    yield from wrong
    if wrong:
        return
    settings = Settings.from_sources(*sources)
    given = [f"{name} ({settings.origin(name)})" for name, _ in settings if settings.origin(name) != "default"]
    yield Finding(GOOD, "settings", ", ".join(given) or "all by default")
    try:
        prepare_surroundings(settings)
    except OperatorError as error:
        yield failure("files", error)
        return
    yield from check_files(settings)
    yield from check_logs(settings)
    try:
        application = load_application(settings)
    except OperatorError as error:
        yield failure("application", error)
    else:
        yield Finding(GOOD, "application", f"{application.name}  {application.description}")
        yield from unusual(application, settings)
    yield from check_rest(settings)
    with ExitStack() as listening:
        for address in settings.bind:
            yield check_address("listen", address, settings, listening)
        if settings.admin:
            yield check_address("admin", settings.admin, Settings(), listening)


def wrong_settings(sources: Sequence[dict[str, Given]]) -> Iterator[Finding]:
    """Yield every value that is wrong, where serving would tell the first."""
    table = Settings.declared()
    for source in sources:
        for name, given in source.items():
            try:
                read_given(table, name, given)
            except SettingsError as error:
                yield failure("settings", error)


def check_files(settings: Settings) -> Iterator[Finding]:
    """Yield how it is with the files that are named."""
    for name, value in settings:
        if name not in FILES:
            continue
        wanted, exit_code = FILES[name]
        for path in value if isinstance(value, FileNames) else [str(value)]:
            if path in ("", "-"):
                continue
            wrong = unusable(path, wanted)
            yield Finding(BAD if wrong else GOOD, "files", f"{name} {path}{wrong}", "", exit_code if wrong else PASSED)
    for folder in searched_as_well(settings):
        if not os.path.isdir(folder):
            yield Finding(UNUSUAL, "files", f"pythonpath {folder}: there is no such folder")


def check_logs(settings: Settings) -> Iterator[Finding]:
    """Yield what is wrong with the format of the access log, and with a file for Python's logging. No log is opened:
    it would belong to whoever checks.
    """
    for tried in (format_of_requests, lambda settings: settings.log_config and read_configuration(settings.log_config)):
        try:
            tried(settings)
        except SettingsError as error:
            yield failure("logs", error)


def unusable(path: str, wanted: int) -> str:
    """Return why a file cannot be read or written, nothing if it can."""
    if wanted == os.W_OK and path.startswith(SYSLOG):
        path = path.removeprefix(SYSLOG) or SYSTEM_LOG
        return "" if os.access(path, wanted) else f": {path} cannot be written"
    folder = os.path.dirname(path) or "."
    if wanted == os.W_OK and os.path.isdir(path):
        return ": it is a folder"
    if not os.path.exists(path):
        if wanted == os.R_OK:
            return ": there is no such file"
        return "" if os.access(folder, os.W_OK) else f": the folder {folder} cannot be written"
    return "" if os.access(path, wanted) else ": permission denied"


def check_rest(settings: Settings) -> Iterator[Finding]:
    """Yield how it is with folders of files, hooks, and with who the process is to be."""
    try:
        Hooks.of(settings)
    except OperatorError as error:
        yield failure("hooks", error)
    try:
        if settings.static:
            with_static(lambda request: Response(), settings.static)
            yield Finding(GOOD, "files", f"static {settings.static.written()}")
        if settings.user or settings.group:
            user, group, _ = identity(settings)
            if os.geteuid() not in (0, user):
                raise SettingsError(f"this process may not become {settings.user!r}.", "Start it as root.")
            yield Finding(GOOD, "permissions", f"becomes user {user}, group {group}")
    except OperatorError as error:
        yield failure("permissions" if settings.user or settings.group else "files", error)


def check_address(what: str, address: str, settings: Settings, listening: ExitStack) -> Finding:
    """Return whether an address can be listened on. It is, until all have been tried: no two may be the same."""
    server = Server(lambda request: Response(), settings=settings.replace(bind=[address]))
    listening.callback(server.stop)
    try:
        server.listen()
        return Finding(GOOD, what, ", ".join(server.addresses))
    except ListenError as error:
        return failure(what, with_port_holder(error))
    except OperatorError as error:
        return failure(what, error)


def unusual(application: Application, settings: Settings) -> Iterator[Finding]:
    """Yield what an operator may not want."""
    for caution in cautions(application.target, settings):
        yield Finding(UNUSUAL, "", caution.sentence, caution.cure)


def failure(what: str, error: OperatorError) -> Finding:
    """Return what ``error`` means; of what the application raised, the whole traceback."""
    cure = error.cure
    if isinstance(error, ApplicationImportError) and error.__cause__ and application_frames(error.__cause__):
        cure = "".join([cure, "\n\n", *traceback.format_exception(error.__cause__)])
    exit_code = WRONG_SETTINGS if isinstance(error, SettingsError) else COULD_NOT_START
    return Finding(BAD, what, str(error), cure, exit_code)
