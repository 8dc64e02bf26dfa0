"""A stop that takes long says what it waits for.

The test author's. Looks at connections and at the stacks of threads, and changes nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ehttpd.server.stacks import stack_of, written
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.lane import Lane
    from ehttpd.testing.observation import Observation

# Seconds after which a stop says what it waits for.
SLOW_STOP = 5.0


@contextmanager
def reported_if_slow(report: Callable[[], object]) -> Iterator[None]:
    """Have ``report`` called on a thread of its own, if the block takes long."""
    timer = threading.Timer(SLOW_STOP, report)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
        timer.join()


def states(observation: Observation, lane: Lane) -> str:
    """Return a line for each open connection, with its state, and the stack of each thread that serves one."""
    lines = [str(connection) for connection in list(observation.connections.values())]
    for identifier, connection, _ in lane.pool.occupied():
        host, port = connection.remote
        lines.append(f"the thread that serves {host}:{port}:\n{written(stack_of(identifier))}")
    return "\n".join(lines)
