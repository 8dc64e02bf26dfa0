"""What a test leaves behind: threads that it started, sockets that it opened.

The operating system's. Looks at this process before and after. Threads of our servers are not looked at, since a server
tells itself what it could not end; nor are connections to others than a test's own servers, since those to a database
may be meant to last.
"""

from __future__ import annotations

import gc
import os
import socket
import stat
import threading
import time
from collections.abc import Collection

from ehttpd.server.stacks import stack_of, top
from ehttpd.testing.verification import LeftBehind
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.testing.server import TestServer

# Seconds. A thread that was told to end, and has by then, is no leak.
LAST_CALL = 1.0
EVENTS = "ehttpd-events"  # see toolkit/events.py
RELAX = "If that is meant: @pytest.mark.ehttpd(leaks=False)."


class Inventory:
    """The threads and the sockets that there are now."""

    def __init__(self) -> None:
        self._threads = set(threading.enumerate())
        self._sockets = open_sockets()

    def left_behind(self, servers: Collection[TestServer]) -> list[LeftBehind]:
        """Return what there is more of by now. ``servers`` are those of the test, which have ended."""
        deadline = time.monotonic() + LAST_CALL
        threads = [thread for thread in threading.enumerate() if thread not in self._threads and not is_ours(thread)]
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        left = [
            f"The thread {thread.name!r} still runs: {top(stack_of(thread.ident or 0))}."
            for thread in threads
            if thread.is_alive()
        ]
        if self._new_sockets(servers):
            gc.collect()  # one in a cycle of objects is closed late
        left += self._new_sockets(servers)
        return [LeftBehind(f"{each} {RELAX}") for each in left]

    def _new_sockets(self, servers: Collection[TestServer]) -> list[str]:
        numbers = sorted(number for number, _ in open_sockets() - self._sockets)
        return [described for number in numbers if (described := description(number, servers))]


def is_ours(thread: threading.Thread) -> bool:
    """Tell whether a thread is one of a server's. Those that wait for events of an iterable are not: only whoever has
    written that can end them.
    """
    return thread.name.startswith("ehttpd-") and thread.name != EVENTS


def open_sockets() -> set[tuple[int, int]]:
    """Return the descriptors that are sockets, each with its inode: numbers are used again at once. None on Windows,
    which does not list them.
    """
    found: set[tuple[int, int]] = set()
    try:
        names = os.listdir("/dev/fd")
    except FileNotFoundError:
        return found
    for name in names:
        try:
            status = os.fstat(int(name))
        except OSError:  # the descriptor that listed the folder
            continue
        if stat.S_ISSOCK(status.st_mode):
            found.add((int(name), status.st_ino))
    return found


def description(number: int, servers: Collection[TestServer]) -> str:
    """Return what is to be said of a socket, nothing if it is none that a test should have closed."""
    with socket.socket(fileno=os.dup(number)) as looked_at:
        if looked_at.type != socket.SOCK_STREAM:
            return ""
        try:
            peer = looked_at.getpeername()
        except OSError:  # it listens, or was never connected, or was reset
            return f"The socket with descriptor {number} is still open."
        place = peer[:2] if isinstance(peer, tuple) else peer
        server = next((server for server in servers if server.place == place), None)
        if server is None:
            return ""
        own = tuple(looked_at.getsockname()[:2])
        asked = [each for each in server.requests if each.connection.remote == own]
        last = f"; {asked[-1].method} {asked[-1].target} was the last that it asked" if asked else ""
        return (
            f"The socket with descriptor {number}, connected to {server.url}, is still open{last}. "
            "Close the client that has it."
        )
