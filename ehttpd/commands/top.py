"""``ehttpd top``: a running server, looked at once a second in a terminal.

The operator's room. Knows the terminal, by ECMA-48 and termios(3), and the keys; what stands on the board is
admin/board.py's.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from ehttpd.admin.board import BOLD, REVERSED, Board, coloured, cut, threads, without_colours
from ehttpd.errors import OperatorError
from ehttpd.launch.admin_client import AdminClient, find_admin
from ehttpd.launch.arguments import Parser

OTHER_SCREEN, OWN_SCREEN = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
HOME, CLEAR_LINE, CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
KEYS = "s sort  w workers  r requests  t threads  l slow log  p pause  q quit"
QUITS = ("q", "\x03", "\x04", "")
SMALLEST = (20, 5)
INTERVALS = (0.1, 86400.0)  # seconds: as often as a person sees, and no longer than a system call waits


def run(words: Sequence[str]) -> int:
    """Show a server until somebody quits."""
    arguments = make_parser().parse_args(words)
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise OperatorError("top wants a terminal.", "Without one: ehttpd status, or ehttpd status --json.")
    admin = find_admin(arguments.admin or arguments.target, arguments.pid)
    admin.statistics()  # who is not there is told of before the screen is taken
    with own_terminal() as woken:
        Top(admin, arguments.interval).watch(woken)
    return 0


def make_parser() -> Parser:
    """Return the parser of the words."""
    parser = Parser(prog="ehttpd top", description=f"Watch a running server. Keys: {KEYS}.")
    parser.add_argument("target", nargs="?", default="", metavar="TARGET", help="Its admin address.")
    parser.add_argument("--admin", metavar="ADDRESS", default="", help="The same, as ehttpd ctl has it.")
    parser.add_argument("--pid", type=int, default=0, metavar="N", help="The number of its process, if several run.")
    parser.add_argument("--interval", type=float, default=1.0, metavar="SECONDS", help="How often to look; 1.")
    return parser


@contextmanager
def own_terminal() -> Iterator[int]:
    """Take the terminal: keys come one by one, and the screen is ours. Give it back as it was, whatever happens.

    Yields the descriptor that has something to read when the window has changed or a signal asks for the end.
    """
    try:
        import termios
        import tty
    except ImportError:  # Windows
        raise OperatorError("this system has no terminals of the kind that top wants.", "Try: ehttpd status") from None

    keyboard = sys.stdin.fileno()
    before = termios.tcgetattr(keyboard)
    woken, wakes = os.pipe()
    os.set_blocking(wakes, False)
    earlier = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGWINCH, signal.SIGTERM)}
    wakeup = signal.set_wakeup_fd(wakes, warn_on_full_buffer=False)
    try:
        tty.setraw(keyboard)
        _write(OTHER_SCREEN)
        yield woken
    finally:
        _write(OWN_SCREEN)
        termios.tcsetattr(keyboard, termios.TCSADRAIN, before)
        signal.set_wakeup_fd(wakeup)
        for number, handler in earlier.items():
            signal.signal(number, handler)
        os.close(woken)
        os.close(wakes)


class Top:
    """What is shown, and what keys do to it."""

    def __init__(self, admin: AdminClient, interval: float) -> None:
        self._admin = admin
        self._interval = min(max(INTERVALS[0], interval), INTERVALS[1])
        self._coloured = not os.environ.get("NO_COLOR")
        self._board = Board()
        self._paused = False
        self._trouble = ""
        self._view: Callable[[int], list[str]] = self._overview
        self._views: dict[str, Callable[[int], list[str]]] = {
            "w": self._overview,
            "r": self._board.requests,
            "t": self._threads,
            "l": self._board.slow,
        }

    def watch(self, woken: int) -> None:
        """Look and draw, until a key or a signal ends it."""
        looks_at = 0.0
        while True:
            if not self._paused and time.monotonic() >= looks_at:
                self._look()
                looks_at = time.monotonic() + self._interval
            self._draw()
            left = None if self._paused else max(0.0, looks_at - time.monotonic())
            ready, _, _ = select.select([sys.stdin.fileno(), woken], [], [], left)
            if woken in ready and signal.SIGTERM in os.read(woken, 64):
                return
            if sys.stdin.fileno() in ready:
                keys = os.read(sys.stdin.fileno(), 64).decode("ascii", "replace")
                if any(key in QUITS for key in keys or [""]):
                    return
                for key in keys:
                    self._press(key)

    def _press(self, key: str) -> None:
        if key == "s":
            self._board.sort_next()
        elif key == "p":
            self._paused = not self._paused
        else:
            self._view = self._views.get(key, self._view)

    def _look(self) -> None:
        try:
            self._board.add(self._admin.statistics())
            self._trouble = ""
        except OperatorError as error:
            self._trouble = str(error)

    def _overview(self, width: int) -> list[str]:
        return [*self._board.workers(width), *self._board.requests(width, "SLOWEST NOW")]

    def _threads(self, width: int) -> list[str]:
        try:
            return threads(self._admin.get("/threads.json"), width)
        except OperatorError as error:
            return [str(error)]

    def _draw(self) -> None:
        width, height = os.get_terminal_size(sys.stdout.fileno())
        width, height = max(SMALLEST[0], width), max(SMALLEST[1], height)
        lines = [*self._board.head(width), *self._view(width)][: height - 1]
        foot = coloured(cut(self._trouble or KEYS, width).ljust(width), REVERSED if self._trouble else "2")
        if self._paused:
            foot = coloured(cut("paused: p goes on", width), BOLD)
        padded = [*lines, *[""] * (height - 1 - len(lines)), foot]
        shown = padded if self._coloured else map(without_colours, padded)
        _write(HOME + f"{CLEAR_LINE}\r\n".join(shown) + CLEAR_LINE + CLEAR_BELOW)


def _write(text: str) -> None:
    """Write all of it at once: a screen half drawn flickers."""
    sys.stdout.write(text)
    sys.stdout.flush()
