"""The sum over several workers, and what is read out of it: what the whole server counts and how it is."""

from __future__ import annotations

from collections.abc import Sequence

from ehttpd.server.figures import BOUNDS, RequestFigures
from ehttpd.server.snapshot import AILING, BOOTING, DRAINING, READY, Queue, Snapshot, Total
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# What is added up. Of the queue the longest wait is that of the whole server.
ADDED = ("threads", "connections", "connections_total", "mishaps", "tls_handshakes", "upgrades_total", "process")
# The state of the whole is the first of these that some worker is in.
GRAVEST_FIRST = (AILING, DRAINING, BOOTING, READY)


def total(snapshots: Sequence[Snapshot]) -> Total:
    """Return the sum of ``snapshots``, of which there is at least one."""
    parts: list[dict[str, Any]] = [dict(each) for each in snapshots]
    whole: dict[str, Any] = {name: _sum([part[name] for part in parts]) for name in ADDED}
    queues = [each["queue"] for each in snapshots]
    whole["queue"] = Queue(
        length=sum(each["length"] for each in queues), longest_wait=max(each["longest_wait"] for each in queues)
    )
    counted = [each["requests"] for each in snapshots if each["requests"] is not None]
    whole["requests"] = _sum(counted) if counted else None
    states = {each["state"] for each in snapshots}
    whole["state"] = next((state for state in GRAVEST_FIRST if state in states), BOOTING)
    whole["ailment"] = next((each["ailment"] for each in snapshots if each["ailment"]), "")
    return whole  # type: ignore[return-value]  # the names are those of Total


def _sum(values: Sequence[Any]) -> Any:
    """Add numbers; sequences of numbers place by place, mappings name by name."""
    first = values[0]
    if isinstance(first, dict):
        names = dict.fromkeys(name for value in values for name in value)
        return {name: _sum([value[name] for value in values if name in value]) for name in names}
    if isinstance(first, list):
        return [sum(places) for places in zip(*values, strict=True)]
    return sum(values)


def count_of(figures: RequestFigures | None, code_class: str = "") -> int:
    """Return how many requests were answered, with a status of ``code_class`` (``"5xx"``) or with any."""
    by_kind = figures["by_kind"] if figures is not None else {}
    classes = [found for by_class in by_kind.values() for found in by_class.items()]
    return sum(count for name, count in classes if not code_class or name == code_class)


def quantile(counts: Sequence[int], share: float) -> float:
    """Return below which duration, in seconds, this share of them was: estimated, between two of `BOUNDS`."""
    wanted, lower = share * sum(counts), 0.0
    for count, upper in zip(counts, BOUNDS, strict=False):
        if count and wanted <= count:
            return lower + (upper - lower) * wanted / count
        wanted -= count
        lower = upper
    return lower if any(counts) else 0.0
