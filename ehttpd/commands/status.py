"""``ehttpd status``: how a running server is, once.

The operator's room. Exit codes: 0 ready, 1 not ready; 3 if nobody answers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from ehttpd.admin.board import Board, plain
from ehttpd.launch.admin_client import find_admin
from ehttpd.launch.arguments import Parser
from ehttpd.server.snapshot import READY
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

NOT_READY = 1
WIDTH = 100


def run(words: Sequence[str]) -> int:
    """Print how the server is, and return whether it is ready."""
    arguments = make_parser().parse_args(words)
    told = find_admin(arguments.admin or arguments.target, arguments.pid).statistics()
    print(json.dumps(told, indent=2) if arguments.json else written(told))
    return 0 if told["state"] == READY else NOT_READY


def written(told: Mapping[str, Any]) -> str:
    """Return what is told, for a person."""
    board = Board()
    board.add(told)
    lines = [plain(line).rstrip() for line in board.summary(WIDTH)]
    wrong = [f"  {count:>8}  {why}" for why, count in board.mishaps().items()]
    return "\n".join([*lines, *(["", "What went wrong:", *wrong] if wrong else [])])


def make_parser() -> Parser:
    """Return the parser of the words."""
    parser = Parser(prog="ehttpd status", description="Show how a running server is, once. Exit code 1: not ready.")
    parser.add_argument("target", nargs="?", default="", metavar="TARGET", help="Its admin address.")
    parser.add_argument("--admin", metavar="ADDRESS", default="", help="The same, as ehttpd ctl has it.")
    parser.add_argument("--pid", type=int, default=0, metavar="N", help="The number of its process, if several run.")
    parser.add_argument("--json", action="store_true", help="Show all there is, as JSON.")
    return parser
