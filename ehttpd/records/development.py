"""Lines for a developer who looks at a terminal: short, and coloured if it is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ehttpd.records.moments import on_the_clock
from ehttpd.records.note import Note, Noted
from ehttpd.records.quoting import bare

# By the first digit of the status: green, cyan, yellow, red (ECMA-48 §8.3.117).
_COLOURS = {"2": "32", "3": "36", "4": "33", "5": "31"}


def development(coloured: bool) -> Callable[[Sequence[Noted]], str]:
    """Return what makes lines, each with its end, such as ``12:00:01 200 GET /items/7  1.9ms  312B  t3 q0.1ms``: when,
    status, method, target, duration, octets of the body, number of the thread, time in the queue.
    """

    def line(note: Note) -> str:
        status = str(note.status)
        if coloured:
            status = f"\x1b[{_COLOURS.get(status[0], '0')}m{status}\x1b[0m"
        asked = note.line
        what = f"{bare(asked.method)} {bare(asked.target)}" if asked is not None else bare(note.besides.first_line)
        number = note.thread.rpartition("-")[2]
        return (
            f"{on_the_clock(note.ended)} {status} {what}  {duration(note.seconds)}  {size(note.body_octets)}  "
            f"t{bare(number)} q{duration(note.queue_seconds)}\n"
        )

    return lambda notes: "".join([line(note) for note in map(Note._make, notes)])


def duration(seconds: float) -> str:
    """Return a duration with two digits or so: ``0.1ms``, ``42ms``, ``1.9s``."""
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1e3:.1f}ms" if seconds < 0.01 else f"{seconds * 1e3:.0f}ms"


def size(octets: int) -> str:
    """Return a number of octets: ``312B``, ``4.1k``, ``2.0M``, by 1024."""
    if octets < 1024:
        return f"{octets}B"
    return f"{octets / 1024:.1f}k" if octets < 1024 * 1024 else f"{octets / 1024 / 1024:.1f}M"
