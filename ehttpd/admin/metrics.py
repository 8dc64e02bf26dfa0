"""The metrics, as a table: what Prometheus is told, what docs/figures.md lists, and what dashboards are made from.

Authority: the naming rules of Prometheus, https://prometheus.io/docs/practices/naming/. Knows no format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Literal, NamedTuple, TypeAlias

from ehttpd.admin.source import Overview
from ehttpd.http11.state import State
from ehttpd.server.figures import Histogram
from ehttpd.server.mishaps import PARSE_ERRORS, QUEUE_TIMEOUT, REJECTIONS, REQUEST_TIMEOUT, TIMEOUT_KINDS
from ehttpd.server.snapshot import CONNECTION_STATES, READY, Snapshot

PREFIX = "ehttpd_"
TUNNEL = State.TUNNEL.value
Kind = Literal["counter", "gauge", "histogram", "info"]
# The values of the labels behind `worker`, and what is measured.
Sample: TypeAlias = tuple[tuple[str, ...], "float | Histogram"]
Reading: TypeAlias = Callable[[Snapshot], Iterable[Sample]]


class Metric(NamedTuple):
    """One row. ``name`` is without prefix and suffix; ``labels`` are those behind ``worker``, if it is of workers."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...]
    of_worker: Reading | None
    of_all: Callable[[Overview, Sequence[Snapshot]], Iterable[Sample]] | None = None

    @property
    def full_name(self) -> str:
        """The name that is asked for: ``ehttpd_requests_total``."""
        suffix = {"counter": "_total", "info": "_info"}.get(self.kind, "")
        return f"{PREFIX}{self.name}{suffix}"

    @property
    def label_names(self) -> tuple[str, ...]:
        """The names of all labels, in order."""
        return ("worker", *self.labels) if self.of_worker is not None else self.labels

    def samples(self, overview: Overview, snapshots: Sequence[Snapshot]) -> Iterator[Sample]:
        """Yield the values of all labels, each with what is measured."""
        for snapshot in snapshots if self.of_worker is not None else ():
            for labels, value in self.of_worker(snapshot):  # type: ignore[misc]
                yield (snapshot["worker"], *labels), value
        if self.of_all is not None:
            yield from self.of_all(overview, snapshots)


def _one(read: Callable[[Snapshot], float]) -> Reading:
    return lambda snapshot: [((), read(snapshot))]


def _each(known: Iterable[str], read: Callable[[Snapshot], Mapping[str, int]]) -> Reading:
    """Return what reads a count for every label that is known: one that is not there yet cannot be seen to grow."""
    names = tuple(dict.fromkeys(known))
    return lambda snapshot: [((name,), read(snapshot).get(name, 0)) for name in names]


def _requests(snapshot: Snapshot) -> Iterator[Sample]:
    figures = snapshot["requests"]
    for method, by_class in figures["by_kind"].items() if figures is not None else ():
        for code_class, count in by_class.items():
            yield (method, code_class), count


def _seconds(snapshot: Snapshot) -> Iterator[Sample]:
    if snapshot["requests"] is not None:
        yield (), snapshot["requests"]["seconds"]


def _queue_seconds(snapshot: Snapshot) -> Iterator[Sample]:
    if snapshot["requests"] is not None:
        yield (), snapshot["requests"]["queue_seconds"]


def _octets(snapshot: Snapshot) -> Iterator[Sample]:
    if snapshot["requests"] is not None:
        yield ("in",), snapshot["requests"]["octets_in"]
        yield ("out",), snapshot["requests"]["octets_out"]


def _restarts(overview: Overview, _: Sequence[Snapshot]) -> Iterator[Sample]:
    return (((reason,), count) for reason, count in overview["restarts"].items())


METRICS: tuple[Metric, ...] = (
    Metric("requests", "counter", "Requests answered, by method and class of status code.",
           ("method", "code_class"), _requests),
    Metric("request_seconds", "histogram", "From the call of the handler until its response had been produced.",
           (), _seconds),
    Metric("queue_seconds", "histogram", "From the arrival of a whole request until the call of its handler.",
           (), _queue_seconds),
    Metric("threads_busy", "gauge", "Threads inside handlers.", (), _one(lambda it: it["threads"]["busy"])),
    Metric("threads_alive", "gauge", "Threads there are.", (), _one(lambda it: it["threads"]["alive"])),
    Metric("threads_max", "gauge", "Handlers that may run at once.", (), _one(lambda it: it["threads"]["max"])),
    Metric("queue_length", "gauge", "Requests that wait for a thread.", (), _one(lambda it: it["queue"]["length"])),
    Metric("connections", "gauge", "Open connections, by what they are at.",
           ("state",), _each(CONNECTION_STATES, lambda it: it["connections"])),
    Metric("connections", "counter", "Connections accepted.", (), _one(lambda it: it["connections_total"])),
    Metric("rejected", "counter", "Requests answered 503 or 507 because there was no room for them, by what was short.",
           ("reason",), _each(REJECTIONS.values(), lambda it: it["mishaps"]["rejected"])),
    Metric("parse_errors", "counter", "Requests refused because of how they were written, by what was wrong.",
           ("reason",), _each(PARSE_ERRORS.values(), lambda it: it["mishaps"]["parse_errors"])),
    Metric("timeouts", "counter", "Deadlines that passed, by what was waited for.",
           ("kind",), _each((*TIMEOUT_KINDS.values(), QUEUE_TIMEOUT, REQUEST_TIMEOUT),
                            lambda it: it["mishaps"]["timeouts"])),
    Metric("body_bytes", "counter", "Bytes of bodies: of requests (in; not those in chunks) and of responses (out).",
           ("direction",), _octets),
    Metric("tls_handshakes", "counter", "TLS handshakes completed.", (), _one(lambda it: it["tls_handshakes"])),
    Metric("upgrades", "gauge", "Connections that have left HTTP and are open.",
           (), _one(lambda it: it["connections"][TUNNEL])),
    Metric("upgrades", "counter", "Connections that left HTTP, for WebSockets or else.",
           (), _one(lambda it: it["upgrades_total"])),
    Metric("process_rss_bytes", "gauge", "Memory that the process holds.", (), _one(lambda it: it["process"]["rss"])),
    Metric("process_cpu_seconds", "counter", "Processor time that the process has taken.",
           (), _one(lambda it: it["process"]["cpu_seconds"])),
    Metric("gc_seconds", "counter", "Time that the garbage collector has taken.",
           (), _one(lambda it: it["process"]["gc_seconds"])),
    Metric("health", "gauge", "1 while the worker is ready: booted, not draining, not out of threads to replace.",
           (), _one(lambda it: float(it["state"] == READY))),
    Metric("workers", "gauge", "Worker processes that there are to be.",
           (), None, lambda overview, _: [((), overview["workers"])]),
    Metric("worker_restarts", "counter", "Workers that were replaced, by why.", ("reason",), None, _restarts),
    Metric("build", "info", "The versions of ehttpd and of Python.",
           ("version", "python"), lambda it: [((it["version"], it["python"]), 1)]),
)  # fmt: skip
