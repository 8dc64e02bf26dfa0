"""What threads are doing: their Python stacks, as text. Any thread."""

from __future__ import annotations

import sys
import traceback
from collections import Counter
from collections.abc import Iterable

# How many of the innermost frames tell what a thread waits for.
TOP_FRAMES = 3
MOST_GROUPS = 5
LONGEST_NAME = 80
ENDED = "(the thread has ended)"


def stack_of(thread: int) -> str:
    """Return the whole stack of a thread, innermost frame last."""
    frame = sys._current_frames().get(thread)
    return "".join(traceback.format_stack(frame)).rstrip() if frame is not None else ENDED


def top_of(thread: int) -> str:
    """Return where a thread is, innermost frame first, in one line."""
    frame = sys._current_frames().get(thread)
    if frame is None:
        return ENDED
    frames = traceback.StackSummary.extract(traceback.walk_stack(frame), limit=TOP_FRAMES, lookup_lines=False)
    return " < ".join(f"{each.name} ({each.filename}:{each.lineno})" for each in frames)


def summary(serving: Iterable[tuple[int, str]]) -> str:
    """Say what threads are doing, each with the request that it serves: a line for all that are at the same place."""
    groups = Counter((what[:LONGEST_NAME], top_of(thread)) for thread, what in serving)
    lines = [f"  {count} x {what}: {top}" for (what, top), count in groups.most_common(MOST_GROUPS)]
    if len(groups) > MOST_GROUPS:
        lines.append(f"  and {len(groups) - MOST_GROUPS} more places")
    return "\n".join(lines)
