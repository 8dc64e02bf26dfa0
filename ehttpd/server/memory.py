"""Free memory goes back to the operating system: what a burst needed is not kept for ever.

The operating system's and the C library's. The allocator of glibc keeps what was freed for the next who asks: after a
hundred uploads of 2 MB that were given up, a process of 20 MB had 94, of which 72 were free. Another C library is left
alone.

CPython keeps what was freed as well: for small objects by the mebibyte, and up to 2000 tuples of each length that were
freed last, which lie all over those mebibytes once thousands of connections have left. A full collection of the garbage
collector lets go of them. In a process that has frozen what it imported, as `ehttpd` and its workers do, that takes
little time, 6 ms for 100,000 objects that came later; a program that has not may have millions, and is left alone. And
in a process that is a server and little else, memory for small objects is the C library's while a crowd grows: see
``allocator.py``.

The relief's. It looks at each tick whether a crowd grows, and gives back what is free when the leader has rested for
a while, and while it does not, now and then.
"""

from __future__ import annotations

import gc
import math
import time

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ehttpd.server.allocator import SmallObjects
    from ehttpd.server.body import Blocks
    from ehttpd.server.entrance import Entrance

# Seconds. To give back 70 MB took 7 ms, beside the leader.
WHEN_RESTED_FOR = 1.0
WHEN_BUSY_EVERY = 60.0
# So many connections are a crowd, until there are half as many. Each takes one to four KiB.
CROWD = 250
# It grows while such a share of it comes anew, even if as many leave, and has settled so many seconds later.
GROWTH, SETTLED_AFTER = 0.1, 2.0
# Connections that have left since the garbage collector was asked; and how often it is asked then, for what a first
# time leaves some of what others have begun.
DEPARTED = 500
COLLECTIONS = 2
# <malloc.h>: how many arenas threads may have.
M_ARENA_MAX = -8


class Memory:
    """Gives back what is free; ``blocks`` are dropped first. ``entrance`` tells how many connections there are."""

    decides_for_process = False  # until `own_process`

    def __init__(self, blocks: Blocks, entrance: Entrance) -> None:
        self._blocks = blocks
        self._entrance = entrance
        self._grows_at = 0  # once so many connections have ever come
        self._settled_at = math.inf  # while it grows
        self._small_objects: SmallObjects | None = None
        self._departed_then = 0
        self._collections = 0  # that are due
        self._next = time.monotonic() + WHEN_BUSY_EVERY
        self._trim: Callable[[int], int] | None = None

    def look(self) -> None:
        """See whether a crowd grows, and give back what is free, unless that was done a while ago."""
        now, inside, accepted = time.monotonic(), self._entrance.inside, self._entrance.accepted
        if inside >= CROWD and accepted >= self._grows_at:
            self._grows_at = accepted + int(inside * GROWTH)
            self._crowd_grows(now)
        elif now >= self._settled_at or (inside < CROWD // 2 and self._settled_at < math.inf):
            self._crowd_rests()
        if now >= self._next:
            self.tidy()

    def _crowd_grows(self, now: float) -> None:
        if self._settled_at == math.inf and self.decides_for_process:
            if self._small_objects is None:
                self._small_objects = find_small_objects()
            if self._small_objects is not None:
                self._small_objects.borrow()
        self._settled_at = now + SETTLED_AFTER

    def _crowd_rests(self) -> None:
        self._settled_at = math.inf
        if self._small_objects is not None:
            self._small_objects.restore()

    def tidy_rested(self) -> None:
        """Give back what is free, and have CPython let go of what it keeps, if a crowd has left. While nobody waits."""
        departed = self._entrance.departed()
        if departed - self._departed_then >= DEPARTED:
            self._departed_then, self._collections = departed, COLLECTIONS
        if self._collections:
            self._collections -= 1
            if gc.get_freeze_count():
                gc.collect()
        self.tidy()

    def tidy(self) -> None:
        """Give back what is free."""
        self._next = time.monotonic() + WHEN_BUSY_EVERY
        self._blocks.drop_free()
        if self._trim is None:
            self._trim = find_trim()
        self._trim(0)


def find_trim() -> Callable[[int], int]:
    """Return what gives free memory back, all but so many octets of it."""
    return c_function("malloc_trim") or (lambda kept: 0)  # not glibc


def find_small_objects() -> SmallObjects | None:
    """Return what decides where memory for small objects comes from, where the C library is known to give it back."""
    if c_function("malloc_trim") is None:
        return None
    from ehttpd.server.allocator import SmallObjects  # for those who have crowds

    return SmallObjects()


def own_process() -> None:
    """Have memory looked after as in a process that is a server and little else, this one. Before there are threads.

    They all take memory from one arena of the C library. One of its own keeps whatever is free at its end, 1 to 4 MB
    for each thread that was ever busy; and there is little to wait for, since who allocates holds the GIL.
    """
    Memory.decides_for_process = True
    limit = c_function("mallopt")
    if limit is not None:
        limit(M_ARENA_MAX, 1)


def c_function(name: str) -> Callable[..., int] | None:
    """Return a function of the C library that takes and returns an int; None where there is no such.

    `ctypes` would take another millisecond, of the 45 from the start to the first answer, and 300 KB.
    """
    try:
        from _ctypes import call_function, dlopen, dlsym

        address = dlsym(dlopen(None, 0), name)  # type: ignore[arg-type]  # None: the process itself
    except (ImportError, OSError, TypeError):  # not a POSIX system; another C library
        return None
    return lambda *numbers: call_function(address, numbers)
