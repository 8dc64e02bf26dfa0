"""``ehttpd dev APP``: serve an application while it is written.

It is started again when a file has changed, exceptions are shown in the browser, and a port that is in use is no
obstacle. For one person on one machine, never for production.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ehttpd.commands.run import VERSION, hints, pid_file, settings_of
from ehttpd.develop.reloader import GRACE
from ehttpd.develop.serve import develop
from ehttpd.launch.arguments import Parser, arguments_of
from ehttpd.launch.arguments import make_parser as parser_of_settings
from ehttpd.launch.banner import announce
from ehttpd.settings import Settings


def run(words: Sequence[str]) -> int:
    """Serve the application that ``words`` name, again and again, until a signal arrives."""
    arguments = arguments_of(make_parser(), words)
    settings = with_comforts(settings_of(arguments, os.environ))
    if "tls" in arguments.others:
        from ehttpd.develop.certificate import certified

        settings = certified(settings)
    for note in hints(arguments, os.environ):
        announce(f"! {note}")
    with pid_file(settings):
        return develop(settings, pages=True)


def make_parser() -> Parser:
    """Return the parser of the words: those of serving, and TLS without a certificate."""
    parser = parser_of_settings(VERSION, {})
    parser.prog, parser.usage = "ehttpd dev", "ehttpd dev [APP] [flags] [--tls]"
    parser.description = (
        "Serve an application while it is written: it is started again when a file has\n"
        "changed, exceptions are shown in the browser, and a port that is in use is no\n"
        "obstacle. Never for production."
    )
    parser.add_argument(
        "--tls",
        dest="others",
        action="append_const",
        const="tls",
        help="Serve HTTPS, with a certificate that is made on the spot.",
    )
    return parser


def with_comforts(settings: Settings) -> Settings:
    """Return the settings with what is wanted while an application is written, where nothing else is given."""
    comforts = {"access_log": "-", "access_log_format": "dev", "graceful_timeout": GRACE, "workers": 1}
    wanted = {
        name: value
        for name, value in comforts.items()
        if name in Settings.declared() and settings.origin(name) == "default"
    }
    return settings.replace(**wanted, reload=True)
