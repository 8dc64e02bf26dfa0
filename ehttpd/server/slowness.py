"""Requests that take long: the operator learns of each while it runs, with the stack of its thread. The leader's."""

from __future__ import annotations

import threading

from ehttpd.logs import log
from ehttpd.server.stacks import stacks_of, top, written
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection
    from ehttpd.server.lane import Lane

# Of how many at once the whole stack is told: to write it, source files are read. Of the others, the innermost frames.
MOST_STACKS = 4


def report_slow(lane: Lane, now: float) -> None:
    """Tell of the requests of a lane that have become slow."""
    with lane.lock:
        slow = lane.pool.serving.slow(now)
    tell_of(slow)


def tell_of(slow: list[tuple[int, Connection, float]]) -> None:
    """Log each of these: the identifier of a thread, the connection that it serves, and since how many seconds."""
    stacks = stacks_of([thread for thread, _, _ in slow])  # before they are written
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    for number, (thread, connection, seconds) in enumerate(slow):
        line, name = connection.reader.line, names.get(thread, "")
        place = "\n" + written(stacks[thread]) if number < MOST_STACKS else f" {top(stacks[thread])}"
        path = line.target.partition("?")[0]
        log.warning(
            "%s %s has been running for %.2f s, for %s, on the thread %s. It is at:%s",
            line.method, line.target, seconds, connection.remote[0] or "a local client", name, place,
            extra={"http.request.method": line.method, "url.path": path, "duration_ms": round(seconds * 1e3, 3)},
        )  # fmt: skip
