"""What threads are doing: their Python stacks, as text. Any thread."""

from __future__ import annotations

import gc
import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from types import FrameType, TracebackType

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import traceback

# How many of the innermost frames tell what a thread waits for.
TOP_FRAMES = 3
MOST_GROUPS = 5
LONGEST_NAME = 80
# Where our own code is: what stands there says little about an application.
HOUSE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
OURS = (HOUSE, threading.__file__)
ENDED = "(the thread has ended)"
COLLECTS_ANYWHERE = sys.version_info < (3, 12)
_walking = threading.Lock()  # whoever holds it may switch the collector off and on


def stacks_of(threads: Iterable[int], limit: int | None = None) -> dict[int, traceback.StackSummary]:
    """Return the application's part of each thread's stack, innermost frame first: ``limit`` frames of it. No source
    file is read, and no frame is kept. Nothing stands there of a thread that has ended.
    """
    import traceback  # dear to import, and seldom needed

    with _collector_off():
        frames = sys._current_frames()
        try:
            return {
                thread: traceback.StackSummary.extract(iter(_own(frames.get(thread))), limit=limit, lookup_lines=False)
                for thread in threads
            }
        finally:
            frames.clear()  # our own is among them, and would keep the others


def stack_of(thread: int) -> traceback.StackSummary:
    """Return the stack of one thread, as `stacks_of`."""
    return stacks_of([thread])[thread]


def _own(frame: FrameType | None) -> list[tuple[FrameType, int]]:
    frames = []
    while frame is not None:
        frames.append((frame, frame.f_lineno))
        frame = frame.f_back
    house = list(takewhile(_is_ours, reversed(frames)))
    return frames[: -len(house)] if 0 < len(house) < len(frames) else frames


@contextmanager
def _collector_off() -> Iterator[None]:
    """Keep the garbage collector from running. Before CPython 3.12 it may run while a frame object is made of what
    another thread executes; what it then calls lets that thread go on, and the frame is of something that is gone.
    """
    with _walking:
        enabled = COLLECTS_ANYWHERE and gc.isenabled()
        if enabled:
            gc.disable()
        try:
            yield
        finally:
            if enabled:
                gc.enable()


def written(stack: traceback.StackSummary) -> str:
    """Return a stack with its source lines, innermost frame last."""
    return "".join(reversed(stack.format())).rstrip() or ENDED


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return the application's part of an exception's traceback; all of it if there is nothing of an application."""
    whole = found = error.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename.startswith(OURS):
        found = found.tb_next
    return found or whole


def _is_ours(found: tuple[FrameType, int]) -> bool:
    """Tell whether a frame is the server's, which says nothing about what its thread is doing."""
    return found[0].f_code.co_filename.startswith(OURS)


def top(stack: traceback.StackSummary) -> str:
    """Return where a thread is, innermost frame first, in one line."""
    frames = stack[:TOP_FRAMES]
    return " < ".join(f"{each.name} ({each.filename}:{each.lineno})" for each in frames) or ENDED


def summary(serving: Iterable[tuple[int, str]]) -> str:
    """Say what threads are doing, each with the request that it serves: a line for all that are at the same place."""
    serving = list(serving)
    stacks = stacks_of([thread for thread, _ in serving], TOP_FRAMES)
    groups = Counter((what[:LONGEST_NAME], top(stacks[thread])) for thread, what in serving)
    lines = [f"  {count} x {what}: {place}" for (what, place), count in groups.most_common(MOST_GROUPS)]
    if len(groups) > MOST_GROUPS:
        lines.append(f"  and {len(groups) - MOST_GROUPS} more places")
    return "\n".join(lines)
