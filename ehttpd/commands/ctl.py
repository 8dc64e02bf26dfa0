"""``ehttpd ctl``: tell a running server what to do, or ask what it does.

The operator's room. Knows the words; what a command does is the server's.
"""

from __future__ import annotations

import json
from collections.abc import Sequence

from ehttpd.errors import SettingsError
from ehttpd.launch.admin_client import AdminClient, find_admin
from ehttpd.launch.arguments import Parser

# What is shown, and at which path it stands.
SHOWN = {"stats": "/stats.json", "requests": "/requests", "threads": "/threads"}
# What is done, and what its argument is called, if it has one.
DONE = {
    "reload": "",
    "workers": "N",
    "upgrade": "",
    "drain": "",
    "stop": "",
    "reopen-logs": "",
    "log-level": "LEVEL",
}


def run(words: Sequence[str]) -> int:
    """Do what ``words`` say, and print what the server says to it."""
    arguments = make_parser().parse_args(words)
    name, argument = arguments.action, arguments.argument
    if bool(argument) != bool(DONE.get(name)):
        wanted = f"{name} {DONE[name]}" if DONE.get(name) else f"{name}, and nothing behind it"
        raise SettingsError(f"ehttpd ctl takes: {wanted}.")
    print(answer(find_admin(arguments.admin, arguments.pid), name, argument))
    return 0


def answer(admin: AdminClient, name: str, argument: str) -> str:
    """Return what the server says."""
    if name in DONE:
        return admin.command(name, argument)
    if name == "threads":
        return admin.text(SHOWN[name])
    return json.dumps(admin.get(SHOWN[name]), indent=2)


def make_parser() -> Parser:
    """Return the parser of the words."""
    parser = Parser(
        prog="ehttpd ctl",
        description="Tell a running server what to do, or ask what it does.",
    )
    parser.add_argument("action", choices=[*SHOWN, *DONE], help="The first three are shown; the rest is done.")
    parser.add_argument("argument", nargs="?", default="", help="The number of workers, or the level of the log.")
    parser.add_argument("--pid", type=int, default=0, metavar="N", help="The number of its process, if several run.")
    parser.add_argument("--admin", metavar="ADDRESS", default="", help="Its admin address, if it cannot be found.")
    return parser
