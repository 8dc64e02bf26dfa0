"""The last minutes, a point for each second: what charts are drawn from, and what is sent to statsd.

One thread, the clock, looks at the source once a second; points may be read by any.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ehttpd.admin.merging import count_of, quantile, total
from ehttpd.admin.source import Source
from ehttpd.logs import log
from ehttpd.server.snapshot import Snapshot, Total

SECONDS_BETWEEN = 1.0
POINTS = 180


class Point(NamedTuple):
    """A second of a server: rates for each second, durations in seconds, the rest at its end."""

    moment: float
    requests: float
    errors: float
    p50: float
    p99: float
    queued: int
    busy: int
    connections: int


def point(moment: float, seconds: float, before: Total, now: Total) -> Point:
    """Return what happened between two totals that are ``seconds`` apart."""
    earlier, later = before["requests"], now["requests"]
    if earlier is None or later is None:
        counts = [0]
    else:
        pairs = zip(later["seconds"]["counts"], earlier["seconds"]["counts"], strict=True)
        counts = [max(0, after - count) for after, count in pairs]  # a worker that was replaced begins again
    return Point(
        moment,
        max(0, count_of(later) - count_of(earlier)) / seconds,
        max(0, count_of(later, "5xx") - count_of(earlier, "5xx")) / seconds,
        quantile(counts, 0.5),
        quantile(counts, 0.99),
        now["queue"]["length"],
        now["threads"]["busy"],
        sum(now["connections"].values()),
    )


class History:
    """Points of the last `POINTS` seconds. ``tell`` is given the snapshots of each second, too."""

    def __init__(self, source: Source, tell: Callable[[Sequence[Snapshot]], None] | None = None) -> None:
        self._source = source
        self._tell = tell
        self._points: deque[Point] = deque(maxlen=POINTS)
        self._before: tuple[float, Total] | None = None
        self._looks: deque[Sequence[Snapshot]] = deque(maxlen=2)
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._run, name="ehttpd-admin-clock", daemon=True)

    def start(self) -> None:
        self._clock.start()

    def stop(self) -> None:
        self._over.set()
        self._clock.join()

    def points(self) -> list[Point]:
        """Return the points, oldest first."""
        return list(self._points)

    def earlier(self) -> Sequence[Snapshot]:
        """Return the workers as they were a second or two ago: what rates are told from."""
        looks = list(self._looks)
        return looks[0] if looks else ()

    def note(self) -> None:
        """Look at the source, and make a point of what has changed. The clock's."""
        snapshots = self._source.snapshots()
        self._looks.append(snapshots)
        if self._tell is not None:
            self._tell(snapshots)
        if snapshots:
            now, moment = total(snapshots), time.time()
            if self._before is not None and moment > self._before[0]:
                self._points.append(point(moment, moment - self._before[0], self._before[1], now))
            self._before = moment, now

    def _run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN):
            try:
                self.note()
            except Exception:  # whoever cannot be asked now may be asked in a second
                log.error("The figures cannot be taken.", exc_info=True)
