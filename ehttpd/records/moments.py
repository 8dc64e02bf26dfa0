"""Moments and durations as logs write them. What stays the same for a while is made once. Any thread."""

from __future__ import annotations

import time
from collections.abc import Callable

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def _remembered(written: Callable[[int], str], per_second: int = 1) -> Callable[[float], str]:
    """Return what writes a time since the epoch, and remembers the last second, or part of a second."""
    last = (-1, "")  # replaced as a whole: threads that meet here at worst write it twice

    def remembered(seconds: float) -> str:
        nonlocal last
        now = int(seconds * per_second)
        known, text = last
        if known != now:
            text = written(now)
            last = (now, text)
        return text

    return remembered


@_remembered
def common(second: int) -> str:
    """Return ``[25/Nov/2026:21:53:00 +0000]``, as the common log format has it, in UTC."""
    year, month, day, hour, minute, second, *_ = time.gmtime(second)
    return f"[{day:02}/{_MONTHS[month - 1]}/{year}:{hour:02}:{minute:02}:{second:02} +0000]"


@_remembered
def _rfc3339_second(second: int) -> str:
    year, month, day, hour, minute, second, *_ = time.gmtime(second)
    return f"{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}."


def _rfc3339(milliseconds: int) -> str:
    return f"{_rfc3339_second(milliseconds // 1000)}{milliseconds % 1000:03}Z"


# ``2026-11-25T21:53:00.123Z`` (RFC 3339), in UTC.
rfc3339 = _remembered(_rfc3339, 1000)


@_remembered
def on_the_clock(second: int) -> str:
    """Return ``21:53:00``, in the time zone of this machine."""
    return time.strftime("%H:%M:%S", time.localtime(second))


# Durations by microseconds, as `milliseconds` writes them, as far as most go: to write one takes a sixth of a
# microsecond.
in_milliseconds = [f"{whole}.{part:03}" for whole in range(5) for part in range(1000)]
MOST_WRITTEN = len(in_milliseconds)


def milliseconds(seconds: float) -> str:
    """Return a duration in milliseconds, with three digits behind the point, as JSON has numbers."""
    microseconds = int(seconds * 1e6)
    return in_milliseconds[microseconds] if 0 <= microseconds < MOST_WRITTEN else f"{microseconds / 1e3:.3f}"
