"""What a test leaves behind: threads that it started, sockets that it opened.

The operating system's. Looks at this process before and after.
"""

from __future__ import annotations

import gc
import os
import stat
import threading
import time

from ehttpd.testing.verification import LeftBehind

# Seconds. A thread that was told to end, and has by then, is no leak.
LAST_CALL = 1.0


class Inventory:
    """The threads and the sockets that there are now."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._sockets = open_sockets()

    def left_behind(self) -> list[LeftBehind]:
        """Return what there is more of by now."""
        deadline = time.monotonic() + LAST_CALL
        threads = [thread for thread in threading.enumerate() if thread not in self._threads]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        left = [LeftBehind(f"The thread {thread.name!r} still runs.") for thread in threads if thread.is_alive()]
        if open_sockets() - self._sockets:
            gc.collect()  # one in a cycle of objects is closed late
        numbers = sorted(number for number, _ in open_sockets() - self._sockets)
        return [*left, *(LeftBehind(f"The socket with descriptor {number} is still open.") for number in numbers)]


def open_sockets() -> set[tuple[int, int]]:
    """Return the descriptors that are sockets, each with its inode: numbers are used again at once."""
    found = set()
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:  # the descriptor that listed the folder
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.add((int(name), status.st_ino))
    return found
