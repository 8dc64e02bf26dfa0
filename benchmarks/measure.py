"""One measurement: one server, one scenario, one round.

Knows how server and load are brought together; not how many rounds there are, nor what is made of the figures.
"""

from __future__ import annotations

import http.client
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import load
from processes import Family, ServerFailed, get
from scenarios import Scenario
from servers import Server, serving

WARM_UP_SECONDS = 1


@dataclass(frozen=True)
class Measurement:
    """``rate``: requests per second. ``beside_rate``: those of the load beside it, where the scenario has one."""

    rate: float
    p99_ms: float | None
    cpu_us: float
    memory_mib: float
    errors: int
    requests: int
    beside_rate: float | None = None


def measure(server: Server, scenario: Scenario, peers: Path, seconds: int, *, pinned: bool) -> Measurement:
    """Start the server, warm it up, load it for ``seconds``, stop it.

    Raises:
        ServerFailed: it did not start, does not give the answer that every server must give, or completes none.
    """
    with ExitStack() as stack:
        family, port = stack.enter_context(
            serving(server, peers, application=scenario.application, threads=scenario.threads, pinned=pinned)
        )
        warm_up(port, scenario, pinned=pinned)
        return measure_running(family, port, scenario, seconds, pinned=pinned)


def warm_up(port: int, scenario: Scenario, *, pinned: bool) -> None:
    """Load a server for a moment, once it has shown that it gives the answer. Raises ServerFailed."""
    check_answer(port, scenario)
    load.finish(load.start(scenario, port, WARM_UP_SECONDS, pinned=pinned))


def measure_running(family: Family, port: int, scenario: Scenario, seconds: int, *, pinned: bool) -> Measurement:
    """Load a server that is warm for ``seconds``. Raises ServerFailed if it completes no request."""
    beside = load.start(scenario.beside, port, seconds, pinned=pinned) if scenario.beside else None
    before = family.cpu_seconds()
    report = load.finish(load.start(scenario, port, seconds, pinned=pinned))
    spent = family.cpu_seconds() - before
    if not report.requests:
        raise ServerFailed(f"no request was complete within {seconds} seconds")
    return Measurement(
        rate=report.rate,
        p99_ms=report.p99_ms,
        cpu_us=spent / report.requests * 1e6,
        memory_mib=family.resident_bytes() / (1 << 20),
        errors=report.errors,
        requests=report.requests,
        beside_rate=load.finish(beside).rate if beside else None,
    )


def check_answer(port: int, scenario: Scenario) -> None:
    if scenario.answer_size is None:
        return
    try:
        size = len(get(port, scenario.path))
    except (OSError, http.client.HTTPException) as failure:
        raise ServerFailed(f"did not finish its answer to {scenario.path!r}: {failure}") from failure
    if size != scenario.answer_size:
        raise ServerFailed(f"answered {scenario.path!r} with {size} bytes instead of {scenario.answer_size}")
