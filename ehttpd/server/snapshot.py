"""A server at one moment, as plain values that JSON can write: the one form in which figures leave a process.

Any thread. `Snapshot` is the contract: metrics, pages and the terminal are made from it, and so is the sum over several
worker processes.
"""

from __future__ import annotations

import os
import sys
import time
from typing import TYPE_CHECKING, NamedTuple, TypedDict

from ehttpd import __version__
from ehttpd.http11.state import State
from ehttpd.server.figures import RequestFigures
from ehttpd.server.mishaps import Mishaps
from ehttpd.server.process import processor_seconds, resident_octets

if TYPE_CHECKING:
    from ehttpd.server.lane import Lane
    from ehttpd.server.mishaps import MishapFigures

# States as an operator counts them: a connection of which a thread serves a request is in HANDLER.
CONNECTION_STATES = tuple(state.value for state in State if state is not State.CLOSED)
# What a server is: its readiness in a word.
BOOTING, READY, DRAINING, AILING = "booting", "ready", "draining", "ailing"


class Threads(TypedDict):
    """``busy``: inside handlers; ``alive``: there are so many; ``max``: so many handlers may run at once."""

    busy: int
    alive: int
    max: int


class Queue(TypedDict):
    """Requests that wait for a thread; ``longest_wait``: for how many seconds the first has."""

    length: int
    longest_wait: float


class Process(TypedDict):
    """What the process takes, in octets and seconds."""

    rss: int
    cpu_seconds: float
    gc_seconds: float


class Total(TypedDict):
    """What is said of one server, and of all the workers of a supervisor together."""

    state: str
    ailment: str
    threads: Threads
    queue: Queue
    connections: dict[str, int]
    connections_total: int
    requests: RequestFigures | None
    mishaps: MishapFigures
    tls_handshakes: int
    upgrades_total: int
    process: Process


class Snapshot(Total):
    """A server at one moment. ``worker`` is its name among those of one supervisor; times are since the epoch."""

    worker: str
    pid: int
    version: str
    python: str
    taken: float
    started: float
    addresses: list[str]


class Facts(NamedTuple):
    """What a server knows of itself besides its lane."""

    worker: str
    started: float
    draining: bool
    ailment: str
    addresses: list[str]
    requests: RequestFigures | None
    gc_seconds: float


def take(lane: Lane | None, facts: Facts) -> Snapshot:
    """Return a snapshot of a server with this lane, None if it does not run."""
    state = BOOTING if lane is None else DRAINING if facts.draining else AILING if facts.ailment else READY
    return {
        "worker": facts.worker,
        "pid": os.getpid(),
        "version": __version__,
        "python": sys.version.partition(" ")[0],
        "taken": time.time(),
        "started": facts.started,
        "state": state,
        "ailment": facts.ailment,
        "addresses": facts.addresses,
        "threads": _threads(lane),
        "queue": _queue(lane),
        "connections": _connections(lane),
        "connections_total": lane.entrance.accepted if lane else 0,
        "requests": facts.requests,
        "mishaps": lane.mishaps.read() if lane else Mishaps().read(),
        "tls_handshakes": lane.handshakes if lane else 0,
        "upgrades_total": lane.tunnels.opened if lane else 0,
        "process": Process(rss=resident_octets(), cpu_seconds=processor_seconds(), gc_seconds=facts.gc_seconds),
    }


def _threads(lane: Lane | None) -> Threads:
    if lane is None:
        return Threads(busy=0, alive=0, max=0)
    pool = lane.pool
    return Threads(busy=pool.busy + len(pool.lease), alive=pool.alive, max=pool.maximum)


def _queue(lane: Lane | None) -> Queue:
    if lane is None:
        return Queue(length=0, longest_wait=0.0)
    line = lane.pool.line
    with lane.lock:
        return Queue(length=len(line), longest_wait=line.longest_wait(time.monotonic()))


def _connections(lane: Lane | None) -> dict[str, int]:
    counts = dict.fromkeys(CONNECTION_STATES, 0)
    for state in lane.table.states() if lane else ():
        if state is not State.CLOSED:
            counts[state.value] += 1
    return counts
