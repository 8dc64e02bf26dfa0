"""What each thread does now, for how long, for which request, and where in the program it is. Any thread.

A look, not a record: nothing is stopped for it, so what is told of two threads may be of two moments.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, TypedDict

from ehttpd.http11.state import State
from ehttpd.server.stacks import stacks_of

if TYPE_CHECKING:

    from ehttpd.server.connection import Connection
    from ehttpd.server.pool import Pool

# What a thread does, besides those of `Pool.roles`.
SERVES, TALKS, OTHER = "serves", "talks", "other"


class Frame(TypedDict):
    """A place in a program."""

    function: str
    file: str
    line: int


class Serves(TypedDict):
    """The request that a thread serves."""

    method: str
    target: str
    client: str


class Activity(TypedDict):
    """What a thread does. ``seconds``: for how long; ``stack``: innermost frame first."""

    thread: int
    name: str
    does: str
    seconds: float
    request: Serves | None
    stack: list[Frame]


def activities(pool: Pool | None) -> list[Activity]:
    """Return what each thread of the process does: those of ``pool`` that serve first, longest first; then the rest."""
    now, serving = time.monotonic(), {}
    for served_by, connection, since in pool.occupied() if pool is not None else ():
        does = TALKS if connection.state is State.TUNNEL else SERVES
        serving[served_by] = does, max(0.0, now - since), _request_of(connection)
    roles = {} if pool is None else pool.roles()
    threads = [(thread, thread.ident or 0) for thread in threading.enumerate()]
    stacks, found = stacks_of([identifier for _, identifier in threads]), []
    for thread, identifier in threads:
        does, seconds, request = serving.get(identifier) or (roles.get(identifier, OTHER), 0.0, None)
        stack = [Frame(function=each.name, file=each.filename, line=each.lineno or 0) for each in stacks[identifier]]
        found.append(
            Activity(thread=identifier, name=thread.name, does=does, seconds=seconds, request=request, stack=stack)
        )
    return sorted(found, key=lambda each: (each["request"] is None, -each["seconds"], each["name"]))


def _request_of(connection: Connection) -> Serves:
    line = connection.reader.line
    return {"method": line.method, "target": line.target, "client": connection.remote[0]}
