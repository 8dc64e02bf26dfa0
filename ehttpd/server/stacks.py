"""What threads are doing: their Python stacks, as text. Any thread."""

from __future__ import annotations

import os
import sys
import threading
from collections import Counter
from collections.abc import Iterable
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


def stack_of(thread: int) -> traceback.StackSummary:
    """Return the application's part of a thread's stack, innermost frame first, without reading a source file."""
    return frames_of(sys._current_frames().get(thread))


def written(stack: traceback.StackSummary) -> str:
    """Return a stack with its source lines, innermost frame last."""
    return "".join(reversed(stack.format())).rstrip() or ENDED


def frames_of(frame: FrameType | None, limit: int | None = None) -> traceback.StackSummary:
    """Return the application's part of the stack that ends in ``frame``, as `stack_of`: ``limit`` frames of it."""
    import traceback  # dear to import, and seldom needed

    frames = list(traceback.walk_stack(frame)) if frame is not None else []
    own = list(takewhile(_is_ours, reversed(frames)))
    frames = frames[: -len(own)] if 0 < len(own) < len(frames) else frames
    return traceback.StackSummary.extract(iter(frames), limit=limit, lookup_lines=False)


def traceback_of(error: BaseException) -> TracebackType | None:
    """Return the application's part of an exception's traceback; all of it if there is nothing of an application."""
    whole = found = error.__traceback__
    while found is not None and found.tb_frame.f_code.co_filename.startswith(OURS):
        found = found.tb_next
    return found or whole


def _is_ours(found: tuple[FrameType, int]) -> bool:
    """Tell whether a frame is the server's, which says nothing about what its thread is doing."""
    return found[0].f_code.co_filename.startswith(OURS)


def top(frame: FrameType | None) -> str:
    """Return where a thread is, innermost frame first, in one line."""
    frames = frames_of(frame, TOP_FRAMES)
    return " < ".join(f"{each.name} ({each.filename}:{each.lineno})" for each in frames) or ENDED


def summary(serving: Iterable[tuple[int, str]]) -> str:
    """Say what threads are doing, each with the request that it serves: a line for all that are at the same place."""
    frames = sys._current_frames()
    groups = Counter((what[:LONGEST_NAME], top(frames.get(thread))) for thread, what in serving)
    lines = [f"  {count} x {what}: {place}" for (what, place), count in groups.most_common(MOST_GROUPS)]
    if len(groups) > MOST_GROUPS:
        lines.append(f"  and {len(groups) - MOST_GROUPS} more places")
    return "\n".join(lines)
