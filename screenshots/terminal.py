"""A program in a terminal of its own, and its screen as a picture.

Understands of ECMA-48 what ``ehttpd top`` writes: home, colours, and what clears.
"""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Sequence
from html import escape

CLEAR = re.compile(r"\x1b\[[KJ]|\r")
SGR = re.compile(r"\x1b\[([0-9;]*)m")
# Colours that are read on the dark ground of the picture.
INKS = {"31": "#ff7b72", "32": "#56d364", "33": "#e3b341"}
GROUND, INK, FAINT = "#0d1117", "#d6dde6", "#7d8794"
WIDTH, HEIGHT, EDGE = 8.43, 18, 16  # of a character, and around the screen
STYLE = f"text{{font:14px 'DejaVu Sans Mono',ui-monospace,Menlo,Consolas,monospace;fill:{INK};white-space:pre}}"


def last_screen(words: Sequence[str], columns: int, lines: int, seconds: float) -> str:
    """Return what a program shows last, if it is let run for so long and then told to quit."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    program = subprocess.Popen(words, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True)
    written, ends = b"", time.monotonic() + seconds
    while time.monotonic() < ends:
        if select.select([ours], [], [], 0.1)[0]:
            written += os.read(ours, 1 << 16)
    os.write(ours, b"q")
    program.wait(10)
    os.close(ours)
    os.close(theirs)
    whole = [screen for screen in written.decode("utf-8", "replace").split("\x1b[H") if screen.endswith("\x1b[J")]
    return CLEAR.sub("", whole[-1])


def picture(screen: str, columns: int) -> str:
    """Return a screen as SVG."""
    lines = screen.split("\n")
    width, height = columns * WIDTH + 2 * EDGE, len(lines) * HEIGHT + 2 * EDGE
    drawn = [shape for number, line in enumerate(lines) for shape in _line(line, EDGE + number * HEIGHT)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" width="{width:.0f}">',
            f"<style>{STYLE}</style>",
            f'<rect width="100%" height="100%" rx="10" fill="{GROUND}"/>',
            *drawn,
            "</svg>",
            "",
        ]
    )


def _line(line: str, top: float) -> Iterator[str]:
    """Yield the shapes of a line: grounds, then texts."""
    column = 0
    for text, codes in _runs(line):
        left, width = EDGE + column * WIDTH, len(text) * WIDTH
        ink = next((INKS[code] for code in codes if code in INKS), FAINT if "2" in codes else INK)
        if "7" in codes:
            yield f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{HEIGHT}" fill="{INK}"/>'
            ink = GROUND
        weight = ";font-weight:bold" if "1" in codes else ""
        if text.strip():
            yield (
                f'<text x="{left:.1f}" y="{top + 13.5:.1f}" textLength="{width:.1f}" style="fill:{ink}{weight}">'
                f"{escape(text)}</text>"
            )
        column += len(text)


def _runs(line: str) -> Iterator[tuple[str, list[str]]]:
    """Yield pieces of a line that look the same, each with its codes."""
    codes: list[str] = []
    pieces = SGR.split(line)
    yield pieces[0], codes
    for given, text in zip(pieces[1::2], pieces[2::2], strict=True):
        codes = [] if given in ("", "0") else given.split(";")
        if text:
            yield text, codes
