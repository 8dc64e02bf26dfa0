"""A lane in a process that was forked from its own: the descriptors are closed, so that what the parent closes is
closed, and a thread that comes back from its handler ends the process, since the answer is the parent's to give.

Imported where somebody forks.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress

from ehttpd.logs import log
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

    from ehttpd.server.connection import Connection
    from ehttpd.server.lane import Lane
    from ehttpd.server.pool import Pool

CAME_BACK = 1


def forsake(lane: Lane) -> None:
    """Let go of all that a lane has, in a process that was just forked."""
    served = _served_here(lane.pool) if hasattr(lane, "pool") else []
    table = lane.table
    for connection in {*table.resting.values(), *table.served.values(), *served}:
        getattr(connection.socket, "plain", connection.socket).close()  # TLS would say farewell
    for listener in lane.entrance.listeners.values():
        listener.forsake()
    lane.close_poller()
    table.closed = True  # there are no threads that `Server.stop` could wait for
    for connection in served:
        connection.left = True
        connection.socket = NobodysSocket()


def _served_here(pool: Pool) -> list[Connection]:
    """Return what this thread serves, on the lead, which it loses, or off it."""
    leased, me = pool.lease[-1:], threading.get_ident()
    pool.lease.clear()
    return [*leased, *(connection for thread, connection, _ in pool.serving.since if thread == me)]


class NobodysSocket:
    """Stands for the socket of the request that forked. Who uses it has come back from the handler, and ends."""

    def __getattr__(self, name: str) -> NoReturn:
        log.error("A process that a handler has forked came back from it, and is ended. End it with os._exit.")
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # there is none, or it is closed
                stream.flush()
        os._exit(CAME_BACK)
