"""The pictures of docs/figures.md: how they are taken, without taking them."""

from __future__ import annotations

import sys
from xml.etree import ElementTree

from screenshots.terminal import last_screen, picture


def test_what_a_program_shows_last_becomes_a_picture() -> None:
    shown = r"\x1b[Hold\x1b[K\x1b[J\x1b[H\x1b[7mHEAD\x1b[0m \x1b[31mbad\x1b[0m <&>\x1b[K\r\nline\x1b[K\x1b[J"
    program = f"import sys, tty; tty.setcbreak(0); print('{shown}', end='', flush=True); sys.stdin.read(1)"
    screen = last_screen([sys.executable, "-c", program], 20, 2, 0.5)
    assert screen == "\x1b[7mHEAD\x1b[0m \x1b[31mbad\x1b[0m <&>\nline"
    drawn = ElementTree.fromstring(picture(screen, 20))
    texts = [each.text for each in drawn.iter() if each.tag.endswith("text")]
    assert texts == ["HEAD", "bad", " <&>", "line"]
