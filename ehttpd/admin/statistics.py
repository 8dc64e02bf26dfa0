"""What ``/stats.json`` says: everything of a snapshot, in total and by worker, beside the names that puma uses.

Authority: puma's control server, ``GET /stats``; so dashboards made for it are at home here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

from ehttpd.admin.merging import count_of, quantile, total
from ehttpd.admin.source import Overview
from ehttpd.server.figures import BOUNDS
from ehttpd.server.snapshot import BOOTING, Snapshot, Total
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def statistics(overview: Overview, snapshots: Sequence[Snapshot]) -> dict[str, Any]:
    """Return everything, as values that JSON can write. Durations are in seconds, sizes in octets."""
    whole = total(snapshots) if snapshots else None
    return {
        "application": overview["application"],
        "pid": overview["pid"],
        "started_at": written_time(overview["started"]),
        "uptime": max(0.0, time.time() - overview["started"]),
        "taken": time.time(),
        "state": whole["state"] if whole else BOOTING,
        "ailment": whole["ailment"] if whole else "",
        "addresses": list(dict.fromkeys(address for each in snapshots for address in each["addresses"])),
        "workers": overview["workers"],
        "booted_workers": sum(each["state"] != BOOTING for each in snapshots),
        "restarts": overview["restarts"],
        **(_pool(whole) if whole else {}),
        "total": _whole(whole) if whole else None,
        "bounds": BOUNDS,
        "worker_status": [_of_worker(each) for each in snapshots],
        "versions": {"ehttpd": snapshots[0]["version"], "python": snapshots[0]["python"]} if snapshots else {},
    }


def _pool(figures: Total | Snapshot) -> dict[str, int]:
    """Return what puma says of a pool of threads."""
    threads = figures["threads"]
    return {
        "backlog": figures["queue"]["length"],
        "running": threads["alive"],
        "busy_threads": threads["busy"],
        "pool_capacity": max(0, threads["max"] - threads["busy"]),
        "max_threads": threads["max"],
        "requests_count": count_of(figures["requests"]),
    }


def _whole(figures: Total) -> dict[str, Any]:
    requests = figures["requests"]
    found: dict[str, Any] = dict(figures)
    if requests is not None:
        counts, queued = requests["seconds"]["counts"], requests["queue_seconds"]["counts"]
        found["latency"] = {name: quantile(counts, share) for name, share in QUANTILES.items()}
        found["queue_wait"] = {name: quantile(queued, share) for name, share in QUANTILES.items()}
    return found


def _of_worker(snapshot: Snapshot) -> dict[str, Any]:
    return {
        "index": int(snapshot["worker"]) if snapshot["worker"].isdigit() else snapshot["worker"],
        "booted": snapshot["state"] != BOOTING,
        "started_at": written_time(snapshot["started"]),
        "last_checkin": written_time(snapshot["taken"]),
        "last_status": _pool(snapshot),
        **snapshot,
    }


def written_time(moment: float) -> str:
    """Return a time since the epoch as RFC 3339 writes it, in UTC."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))
