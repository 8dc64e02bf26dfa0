"""One line that says how far a long run has come and how long it still takes; on standard error."""

from __future__ import annotations

import sys
import time

ERASE_LINE = "\r\x1b[K"


class Progress:
    """Counts ``steps``. On a terminal the line renews itself; elsewhere each step is a line of its own."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._begun = 0
        self._start = time.monotonic()
        self._terminal = sys.stderr.isatty()

    def step(self, words: str) -> None:
        """Say that the step that ``words`` name begins now."""
        line = f"[{self._begun + 1}/{self._steps}] {words}{self._remaining()}"
        self._begun += 1
        self._write(line if self._terminal else line + "\n")

    def note(self, words: str) -> None:
        """Say something that stays."""
        self._write(words + "\n")

    def clear(self) -> None:
        self._write("")

    def _remaining(self) -> str:
        if not self._begun:
            return ""
        each = (time.monotonic() - self._start) / self._begun
        return f", {each * (self._steps - self._begun) / 60:.0f} min left"

    def _write(self, line: str) -> None:
        sys.stderr.write((ERASE_LINE if self._terminal else "") + line)
        sys.stderr.flush()
