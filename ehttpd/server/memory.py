"""Free memory goes back to the operating system: what a burst needed is not kept for ever.

The operating system's and the C library's. The allocator of glibc keeps what was freed for the next who asks: after a
hundred uploads of 2 MB that were given up, a process of 20 MB had 94, of which 72 were free. Another C library is left
alone.

CPython keeps what was freed as well: for small objects by the mebibyte, and the tuples, dictionaries, lists and numbers
that were freed last, up to 2000 of a kind, which lie all over that memory once hundreds of connections have left. A
full collection of the garbage collector lets go of them. In a process that has frozen what it imported, as `ehttpd` and
its workers do, that takes little time, 6 ms for 100,000 objects that came later; a program that has not may have
millions, and is left alone. And in a process that is a server and little else, memory for small objects is the C
library's while a crowd grows, and its caches for threads are emptied when the crowd has left: see ``allocator.py``.

The relief's. It looks at each tick whether a crowd grows, and gives back what is free when the leader has rested for
a while, and while it does not, now and then.
"""

from __future__ import annotations

import gc
import threading
import time

from ehttpd.server.symbols import c_function
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from ehttpd.server.allocator import SmallObjects
    from ehttpd.server.body import Blocks
    from ehttpd.server.crowd import Crowd

# Seconds. To give back 70 MB took 7 ms, beside the leader.
WHEN_RESTED_FOR = 1.0
WHEN_BUSY_EVERY = 60.0
# How often the garbage collector is asked when a crowd has left: a first time leaves some of what others have begun.
COLLECTIONS = 2
# <malloc.h>: how many arenas threads may have.
M_ARENA_MAX = -8


class Memory:
    """Gives back what is free; ``blocks`` are dropped first. ``crowd`` tells how many connections make use of it."""

    decides_for_process = False  # until `own_process`

    def __init__(self, blocks: Blocks, crowd: Crowd) -> None:
        self._blocks = blocks
        self._crowd = crowd
        self._small_objects: SmallObjects | None = None  # until a crowd grows
        self._collections = 0  # that are due
        self._cached: list[object] = []  # from the caches that the C library has for threads
        self.leader_is_asked = False  # to `hand_in` its own
        self._next = time.monotonic() + WHEN_BUSY_EVERY
        self._trim: Callable[[int], int] | None = None

    def look(self) -> None:
        """See whether a crowd grows, and give back what is free, unless that was done a while ago."""
        now = time.monotonic()
        if self._crowd.look(now) and self.decides_for_process:
            self._take_small_objects_elsewhere()
        if now >= self._next:
            self.tidy()

    def _take_small_objects_elsewhere(self) -> None:
        if self._small_objects is None:
            self._small_objects = find_small_objects()
        if self._small_objects is not None:
            if self._crowd.grows:
                self._small_objects.borrow()
            else:
                self._small_objects.restore()

    def tidy_rested(self) -> bool:
        """Give back what is free, and have CPython and the C library let go of what they keep, if a crowd has left.
        While nobody waits. Return whether there will be more, after another rest of a leader who has woken up.
        """
        if self._crowd.has_left():
            self._collections = COLLECTIONS
            self.leader_is_asked = self._small_objects is not None
        collects = self._collections > 0
        if collects:
            self._collections -= 1
            if gc.get_freeze_count():
                gc.collect()
            self._free_thread_caches()
        self.tidy()
        return collects

    def hand_in(self) -> None:
        """Have this thread's cache freed. The leader's, when it is asked."""
        self.leader_is_asked = False
        if self._small_objects is not None:
            self._cached += self._small_objects.take_thread_cache()

    def _free_thread_caches(self) -> None:
        if self._small_objects is not None:
            self._cached += self._small_objects.take_thread_cache()
            ending = threading.Thread(target=self._cached.clear, name="ehttpd-memory", daemon=True)
            try:
                ending.start()
            except RuntimeError:  # there are too many threads, or the interpreter ends
                self._cached.clear()  # and this thread keeps it
            else:
                ending.join()

    def tidy(self) -> None:
        """Give back what is free."""
        self._next = time.monotonic() + WHEN_BUSY_EVERY
        self._blocks.drop_free()
        if self._small_objects is not None and not self._crowd.grows:
            self._small_objects.restore()  # again, for tracemalloc may have been there when the crowd had settled
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
