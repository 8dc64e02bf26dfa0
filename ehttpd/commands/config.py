"""``ehttpd config``: each setting with where it was given, as a file of settings or as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence

from ehttpd.commands.run import VERSION, settings_of
from ehttpd.launch.arguments import Parser, arguments_of
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.settings import Bytes, Count, Seconds, Settings, Switch, Unit

PLACE = 40  # where the column of origins begins


def run(words: Sequence[str]) -> int:
    """Print the settings that serving with these ``words`` would have."""
    parser = make_parser()
    arguments = arguments_of(parser, words)
    print(shown(settings_of(arguments, os.environ), as_json="json" in arguments.others))
    return 0


def make_parser() -> Parser:
    """Return the parser of the words: those of serving, and how to show them."""
    parser = parser_of_settings(VERSION, {})
    parser.prog, parser.usage = "ehttpd config", "ehttpd config [APP] [flags] [--json]"
    parser.description = "Show each setting with where it was given. The output is a file of settings: ehttpd.toml."
    parser.add_argument("--json", dest="others", action="append_const", const="json", help="Show them as JSON.")
    return parser


def shown(settings: Settings, *, as_json: bool) -> str:
    """Return the settings as text."""
    if as_json:
        table = {name: {"value": value.plain(), "origin": settings.origin(name)} for name, value in settings}
        return json.dumps(table, indent=2)
    lines = []
    section = ""
    for name, value in settings:
        entry = Settings.declared()[name]
        if entry.section != section:
            section = entry.section
            lines += ["", f"# {section}"]
        lines.append(f"{f'{name} = {literal(value)}':{PLACE}} # {settings.origin(name)}")
    return "\n".join(lines[1:])


def literal(value: Unit) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, Switch):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return quoted(list(value))
    if isinstance(value, Count) or (isinstance(value, (Seconds, Bytes)) and not value):
        return str(int(value))
    return quoted(value.written())


def quoted(value: object) -> str:
    """Return text, or a list of texts, as TOML has it: as JSON, but for one character that TOML wants escaped."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
