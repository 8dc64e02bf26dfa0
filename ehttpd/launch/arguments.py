"""The words after ``ehttpd``: flags derived from the table of settings, and the name of the application.

The operator's room. Knows how flags are spelled and shown; what they mean is settings's.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import KeysView, Mapping, Sequence

from ehttpd.errors import SettingsError
from ehttpd.launch.surroundings import write_every_character
from ehttpd.settings import Given, Setting, Settings, Switch
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, NoReturn

    from _typeshed import SupportsWrite

WIDTH = 80
COMMAND_LINE = "command line"
HELP = ("-h", "--help")
OTHERS = ("--config", "--check-config", "--print-config", "--help", "--version")
# Parts of addresses, which other servers have in flags of their own.
IN_PARTS = ("host", "port", "metrics", "metrics_address", "metrics_port")
METRICS_HOST, METRICS_PORT = "127.0.0.1", "9090"  # granian's
DESCRIPTION = "Serve a WSGI application, a native handler or a connection handler."
FORMS = """\
APP is one of
  module:attribute     an application or handler, such as shop.wsgi:application
  module               its application, app or create_app()
  module:factory()     what the factory returns
  path/to/file.py      as module; path/to/file.py:attribute works too
Without it: what the setting app names, else app.py, wsgi.py or main.py in this
folder, else the WSGI_APPLICATION of a Django project.
"""
EPILOG = """\
Durations may end in ms, s, m or h, sizes in k, m or g. Each setting can also be
given as an EHTTPD_ variable (EHTTPD_THREADS=16), or in ehttpd.toml or under
[tool.ehttpd] in pyproject.toml (threads = 16). A flag wins over a variable, a
variable over a file, a file over what platforms set (PORT), and that over the
default. Flags of gunicorn, uvicorn, granian and waitress are understood where
they mean the same: ehttpd translate 'gunicorn …' tells.

SIGINT and SIGTERM finish what was accepted; a second one stops at once.
Exit codes: 0 stopped, 2 wrong usage or setting, 3 could not start.
"""


class Parser(argparse.ArgumentParser):
    """A parser whose errors are ours."""

    def error(self, message: str) -> NoReturn:
        raise SettingsError(f"{message}.", see_help(self))

    def print_help(self, file: SupportsWrite[str] | None = None) -> None:
        write_every_character()
        super().print_help(file)

    @property
    def known(self) -> KeysView[str]:
        """The flags that it understands."""
        return self._option_string_actions.keys()


class Remember(argparse.Action):
    """Keep the value of a setting together with the flag that gave it; of some settings, each adds to those before.

    ``template`` is how an alias is written in our words; a switch takes its value from the name of the flag.
    """

    def __init__(self, *args: Any, template: str = "{}", **details: Any) -> None:
        super().__init__(*args, **details)
        self.template = template

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        given: dict[str, Given] = namespace.given
        entry = Settings.declared()[self.dest]
        if entry.unit is Switch and self.nargs == 0 and "{}" in self.template:
            value: object = option_string != entry.opposite
        else:
            value = self.template.format(values)
        if entry.unit.repeatable:
            earlier = given.get(self.dest)
            value = [*(earlier.value if earlier and isinstance(earlier.value, list) else []), value]
        given[self.dest] = Given(value, option_string or "")


class Note(argparse.Action):
    """Take a flag of another server that is no setting of ours."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        from ehttpd.launch import strangers

        flag = option_string or ""
        value = values if isinstance(values, str) else None
        note = strangers.find(flag).note(flag, value)
        if note:
            namespace.notes.append(f"{flag}{f' {value}' if value else ''}: {note}.")


class Arguments:
    """The command line, taken apart.

    Attributes:
        application: what is to be served, nothing if none is named.
        given: the settings, each with the flag that gave it.
        config: the file of settings that is named, or nothing.
        instead: what to do instead of serving: "check", "config" or nothing.
        notes: what the operator should know about flags of other servers.
        others: the flags of a command that are no settings.
    """

    def __init__(self, namespace: argparse.Namespace) -> None:
        self.application: str = namespace.application or ""
        self.given: dict[str, Given] = namespace.given
        self.config: str = namespace.config
        self.instead: str = namespace.instead
        self.notes: list[str] = namespace.notes
        self.others: list[str] = namespace.others or []


def read_arguments(words: Sequence[str] | None, version: str, commands: Mapping[str, str] | None = None) -> Arguments:
    """Return what the operator wrote. The help page lists the other ``commands``, each with its sentence.

    Raises:
        SettingsError: a flag is unknown, lacks its value or is not for us.
        SystemExit: ``--help`` or ``--version`` was asked for, and printed.
    """
    words = sys.argv[1:] if words is None else words
    return arguments_of(make_parser(version, commands or {}, flags_among(words)), words)


def flags_among(words: Sequence[str]) -> set[str] | None:
    """Return the flags among some words; None if any flag may be: there are letters together, or help is wanted."""
    flags = {word.partition("=")[0] for word in words if word.startswith("-")}
    letters = any(flag[1] != "-" for flag in flags if len(flag) > 2)
    return None if letters or not flags.isdisjoint(HELP) else flags


def see_help(parser: Parser) -> str:
    """Tell which page of help has the words that ``parser`` knows."""
    return f"See {parser.prog} --help."


def arguments_of(parser: Parser, words: Sequence[str] | None) -> Arguments:
    """Return what the operator wrote, for a ``parser`` that knows the settings and more. Raises as above."""
    namespace, unknown = parser.parse_known_args(words, fresh_namespace())
    if unknown:
        raise SettingsError(unknown_word(unknown[0], namespace.application), see_help(parser))
    join_host_and_port(namespace)
    join_metrics(namespace)
    if namespace.application:
        namespace.given["app"] = Given(namespace.application, COMMAND_LINE)
    return Arguments(namespace)


def fresh_namespace() -> argparse.Namespace:
    """Return what a parser of settings fills."""
    return argparse.Namespace(given={}, notes=[], config="", instead="", others=None, **dict.fromkeys(IN_PARTS))


def join_host_and_port(namespace: argparse.Namespace) -> None:
    """Make an address of ``--host`` and ``--port``, which other servers have in place of ``--bind``."""
    if namespace.host is None and namespace.port is None:
        return
    address = joined(namespace.host or "127.0.0.1", namespace.port or "8000")
    earlier = namespace.given.get("bind")
    addresses = [*(earlier.value if earlier else []), address]
    namespace.given["bind"] = Given(addresses, "--host" if namespace.host is not None else "--port")


def join_metrics(namespace: argparse.Namespace) -> None:
    """Make an admin address of granian's flags for metrics, which are at /metrics there, too."""
    if namespace.metrics is None and namespace.metrics_address is None and namespace.metrics_port is None:
        return
    address = joined(namespace.metrics_address or METRICS_HOST, namespace.metrics_port or METRICS_PORT)
    namespace.given.setdefault("admin", Given(address, "--metrics"))


def joined(host: str, port: str) -> str:
    """Return an address as settings have it."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def make_parser(version: str, commands: Mapping[str, str], among: set[str] | None = None) -> Parser:
    """Return the parser: one group per section, one flag per setting and its aliases unseen. ``among``: of these flags
    alone, since to make all takes 2 ms, a twentieth of a start.
    """
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
        if among is not None and among.isdisjoint(entry.spellings):
            continue
        group = groups.get(entry.section) or groups.setdefault(entry.section, parser.add_argument_group(entry.section))
        add_flags(group, entry)
    add_other_flags(parser, version)
    if among is None or not parser.known >= among:
        add_strangers(parser)
    return parser


def add_other_flags(parser: Parser, version: str) -> None:
    """Add the flags that are no settings."""
    others = parser.add_argument_group("Other")
    others.add_argument("-c", "--config", metavar="FILE", help="Read settings from this file instead of ehttpd.toml.")
    others.add_argument(
        "--check-config",
        dest="instead",
        action="store_const",
        const="check",
        help="Check everything but do not serve: ehttpd check.",
    )
    others.add_argument(
        "--print-config",
        dest="instead",
        action="store_const",
        const="config",
        help="Show each setting with its origin: ehttpd config.",
    )
    others.add_argument("-h", "--help", action="help", help="Show this page and end.")
    others.add_argument("-v", "-V", "--version", action="version", version=version, help="Show the version and end.")
    for flag in ("--host", "--port", "--metrics-address", "--metrics-port"):
        others.add_argument(flag, help=argparse.SUPPRESS)
    others.add_argument("--metrics", action="store_const", const="on", help=argparse.SUPPRESS)


def add_strangers(parser: Parser) -> None:
    """Add the flags of other servers."""
    from ehttpd.launch import strangers

    for stranger in strangers.STRANGERS:
        nargs = 0 if stranger.bare else None
        parser.add_argument(*stranger.flags, action=Note, nargs=nargs, dest="notes", help=argparse.SUPPRESS)


def listed(commands: Mapping[str, str]) -> str:
    """Return the commands as the help page has them."""
    lines = [f"  ehttpd {name:11} {sentence}" for name, sentence in commands.items()]
    return "\n".join(["\nCommands:", *lines, ""]) if lines else ""


def add_flags(group: argparse._ArgumentGroup, entry: Setting) -> None:
    """Add the flags of one setting; only the first name, and a letter, are shown, and of a switch what changes it."""
    shown = [flag for flag in entry.flags if flag == entry.flag or not flag.startswith("--")]
    hidden = [flag for flag in entry.flags if flag not in shown]
    details: dict[str, Any] = {"action": Remember, "dest": entry.name}
    if entry.unit is Switch:
        details["nargs"] = 0
        (hidden if not entry.default else shown).append(entry.opposite)
    else:
        details |= {"metavar": entry.unit.metavar, "nargs": None if entry.alone is None else "?", "const": entry.alone}
    default = "" if entry.unit is Switch else entry.default.written()
    sentence = f"{entry.sentence} Default: {default}." if default else entry.sentence
    group.add_argument(*shown, help=sentence.replace("%", "%%"), **details)
    if hidden:
        group.add_argument(*hidden, help=argparse.SUPPRESS, **details)
    for flag, template in entry.aliases.items():
        nargs = None if "{}" in template else 0
        details = {"action": Remember, "dest": entry.name, "template": template, "nargs": nargs}
        group.add_argument(flag, help=argparse.SUPPRESS, **details)


def help_formatter(prog: str) -> argparse.HelpFormatter:
    """Return a formatter that keeps our line breaks and fits a small terminal."""
    return argparse.RawDescriptionHelpFormatter(prog, max_help_position=30, width=WIDTH)


def unknown_word(word: str, application: str | None) -> str:
    """Return what is wrong with a word that no flag explains."""
    from ehttpd.launch.failures import nearest

    if not word.startswith("-"):
        return f"one application at a time: {application!r} and {word!r} are two."
    table = Settings.declared().values()
    near = nearest(word.partition("=")[0], [flag for entry in table for flag in entry.spellings] + [*OTHERS])
    return f"unknown flag {word!r}." + (f" Did you mean {near[0]}?" if near else "")
