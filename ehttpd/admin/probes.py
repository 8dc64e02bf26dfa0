"""Whether the server lives, and whether it is ready: what those ask who restart it, and those who send it clients."""

from __future__ import annotations

from collections.abc import Sequence

from ehttpd.admin.source import Source
from ehttpd.server.snapshot import READY, Snapshot


def illness(source: Source) -> str:
    """Say why the server is to be restarted: some lane does not come round any more. Nothing if all do."""
    return "" if source.turning() else "a worker accepts and reads no more"


def unreadiness(snapshots: Sequence[Snapshot], ready_max_queue: float) -> str:
    """Say why no clients are to be sent: no worker has booted and is not draining, or requests wait for too long."""
    ready = [each for each in snapshots if each["state"] == READY]
    if not ready:
        states = dict.fromkeys(each["ailment"] or each["state"] for each in snapshots)
        return ", ".join(states) or "no worker has booted"
    wait = min(each["queue"]["longest_wait"] for each in ready)
    if ready_max_queue and wait >= ready_max_queue:
        return f"requests wait for {wait:.1f} s"
    return ""
