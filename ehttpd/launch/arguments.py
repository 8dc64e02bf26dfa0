"""The words after ``ehttpd``: flags derived from the table of settings, and the name of the application.

The operator's room. Knows how flags are spelled and shown; what they mean is settings's.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from ehttpd.errors import SettingsError
from ehttpd.launch.failures import nearest
from ehttpd.settings import Addresses, Given, Setting, Settings

WIDTH = 80
SEE_HELP = "See ehttpd --help."
DESCRIPTION = "Serve a WSGI application, a native handler or a connection handler."
FORMS = """\
APP is one of
  module:attribute     an application or handler, such as shop.wsgi:application
  module               its application, app or create_app()
  module:factory()     what the factory returns
  path/to/file.py      as module; path/to/file.py:attribute works too
"""
EPILOG = """\
Durations may end in ms, s, m or h, sizes in k, m or g. Each setting can also be
given as an EHTTPD_ variable (EHTTPD_THREADS=16), or in ehttpd.toml or under
[tool.ehttpd] in pyproject.toml (threads = 16). A flag wins over a variable, and
a variable over a file.

SIGINT and SIGTERM finish what was accepted; a second one stops at once.
Exit codes: 0 stopped, 2 wrong usage or setting, 3 could not start.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}.", SEE_HELP)


class Remember(argparse.Action):
    """Keep the value of a setting together with the flag that gave it; a repeated address adds to the first."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        given: dict[str, Given] = namespace.given
        earlier = given.get(self.dest)
        value = [*earlier.value, values] if earlier and isinstance(earlier.value, list) else [values]
        repeatable = Settings.declared()[self.dest].unit is Addresses
        given[self.dest] = Given(value if repeatable else values, option_string or "")


class Arguments:
    """The command line, taken apart."""

    def __init__(self, application: str, given: dict[str, Given]) -> None:
        self.application = application
        self.given = given


def read_arguments(words: Sequence[str] | None, version: str, commands: Mapping[str, str] | None = None) -> Arguments:
    """Return what the operator wrote. Its help page lists the other ``commands``, each with its sentence.

    Raises:
        SettingsError: a flag is unknown or lacks its value, or no application is named.
        SystemExit: ``--help`` or ``--version`` was asked for, and printed.
    """
    parser = make_parser(version, commands or {})
    namespace, unknown = parser.parse_known_args(words, argparse.Namespace(given={}))
    if unknown:
        raise SettingsError(unknown_word(unknown[0], namespace.application), SEE_HELP)
    if namespace.application is None:
        raise SettingsError("name the application to serve, such as module:attribute.", SEE_HELP)
    return Arguments(namespace.application, namespace.given)


def make_parser(version: str, commands: Mapping[str, str]) -> Parser:
    """Return the parser: one group per section, one flag per setting and its aliases unseen."""
    parser = Parser(
        prog="ehttpd",
        usage="ehttpd APP [flags]",
        description=f"{DESCRIPTION}\n\n{FORMS}{listed(commands)}",
        epilog=EPILOG,
        formatter_class=help_formatter,
        allow_abbrev=False,
        add_help=False,
    )
    parser.add_argument("application", metavar="APP", nargs="?", help=argparse.SUPPRESS)
    groups: dict[str, argparse._ArgumentGroup] = {}
    for entry in Settings.declared().values():
        group = groups.get(entry.section) or groups.setdefault(entry.section, parser.add_argument_group(entry.section))
        add_flags(group, entry)
    others = parser.add_argument_group("Other")
    others.add_argument("-h", "--help", action="help", help="Show this page and end.")
    others.add_argument("--version", action="version", version=version, help="Show the version and end.")
    return parser


def listed(commands: Mapping[str, str]) -> str:
    """Return the commands as the help page has them."""
    lines = [f"  ehttpd {name:11} {sentence}" for name, sentence in commands.items()]
    return "\n".join(["\nCommands:", *lines, ""]) if lines else ""


def add_flags(group: argparse._ArgumentGroup, entry: Setting) -> None:
    """Add the flags of one setting; only the first name, and a letter, are shown."""
    shown = [flag for flag in entry.flags if flag == entry.flag or not flag.startswith("--")]
    aliases = [flag for flag in entry.flags if flag not in shown]
    default = entry.default.written()
    sentence = f"{entry.sentence} Default: {default}." if default else entry.sentence
    group.add_argument(
        *shown, action=Remember, dest=entry.name, metavar=entry.unit.metavar, help=sentence.replace("%", "%%")
    )
    if aliases:
        group.add_argument(*aliases, action=Remember, dest=entry.name, help=argparse.SUPPRESS)


def help_formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter that keeps our line breaks and fits a small terminal."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=WIDTH)


def unknown_word(word: str, application: str | None) -> str:
    """Return what is wrong with a word that no flag explains."""
    if not word.startswith("-"):
        return f"one application at a time: {application!r} and {word!r} are two."
    flags = [flag for entry in Settings.declared().values() for flag in entry.flags]
    near = nearest(word.partition("=")[0], [*flags, "--help", "--version"])
    return f"unknown flag {word!r}." + (f" Did you mean {near[0]}?" if near else "")
