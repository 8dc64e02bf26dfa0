"""Figures for statsd, by UDP, under the names that gunicorn uses.

https://github.com/statsd/statsd/blob/master/docs/metric_types.md, and for tags DogStatsD's
https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/. The clock's thread only: requests never wait for it.
Timings are those of buckets: so many requests took so long at most.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence

from ehttpd.admin.merging import total
from ehttpd.errors import SettingsError
from ehttpd.server.figures import BOUNDS, RequestFigures
from ehttpd.server.snapshot import Snapshot, Total
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

# What fits a datagram on any path, less than which nobody gains.
DATAGRAM = 1400


class Statsd:
    """Sends what has changed since it was last told."""

    def __init__(self, host: str, port: int, prefix: str = "", tags: str = "") -> None:
        self._to = (host, port)
        self._prefix = f"{prefix.rstrip('.')}." if prefix else ""
        self._tags = f"|#{tags}" if tags else ""
        self._socket: socket.socket | None = None
        self._before: Total | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the one that ``settings`` name, None if they name none. Raises SettingsError."""
        if not settings.statsd_host:
            return None
        host, _, port = settings.statsd_host.rpartition(":")
        if not host or not port.isdigit() or not 0 < int(port) < 1 << 16:
            raise SettingsError(f"statsd_host must be host:port, not {str(settings.statsd_host)!r}.")
        return cls(host.strip("[]"), int(port), settings.statsd_prefix, settings.statsd_tags)

    def send(self, snapshots: Sequence[Snapshot]) -> None:
        """Send what has changed. A statsd that is not there, or whose name is not known, is no error."""
        if not snapshots:
            return
        now = total(snapshots)
        lines = [f"{self._prefix}{line}{self._tags}" for line in changes(self._before, now, len(snapshots))]
        self._before = now
        try:
            connected = self._connected()
            for datagram in packed(lines):
                connected.send(datagram)
        except OSError:
            self.close()

    def close(self) -> None:
        """Let go of the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _connected(self) -> socket.socket:
        if self._socket is None:
            family, kind, protocol, _, address = socket.getaddrinfo(*self._to, type=socket.SOCK_DGRAM)[0]
            self._socket = socket.socket(family, kind, protocol)
            self._socket.setblocking(False)
            self._socket.connect(address)
        return self._socket


def changes(before: Total | None, now: Total, workers: int) -> Iterator[str]:
    """Yield lines: gauges as they are, counters and timings by what was added."""
    yield f"gunicorn.workers:{workers}|g"
    yield f"gunicorn.backlog:{now['queue']['length']}|g"
    yield f"gunicorn.threads_busy:{now['threads']['busy']}|g"
    yield f"gunicorn.connections:{sum(now['connections'].values())}|g"
    requests = now["requests"]
    if before is not None and requests is not None:
        earlier = before["requests"]
        assert earlier is not None
        yield from _of_requests(earlier, requests)


def _of_requests(before: RequestFigures, now: RequestFigures) -> Iterator[str]:
    added = {status: count - before["by_status"].get(status, 0) for status, count in now["by_status"].items()}
    added = {status: count for status, count in added.items() if count > 0}
    if added:
        yield f"gunicorn.requests:{sum(added.values())}|c"
    for status, count in added.items():
        yield f"gunicorn.request.status.{status}:{count}|c"
    pairs = zip(now["seconds"]["counts"], before["seconds"]["counts"], strict=True)
    for bound, (count, earlier) in zip((*BOUNDS, BOUNDS[-1]), pairs, strict=True):
        if count > earlier:
            yield f"gunicorn.request.duration:{bound * 1000:g}|ms|@{1 / (count - earlier):.9g}"


def packed(lines: Sequence[str]) -> Iterator[bytes]:
    """Yield datagrams of several lines each."""
    datagram = b""
    for line in lines:
        octets = line.encode()
        if datagram and len(datagram) + 1 + len(octets) > DATAGRAM:
            yield datagram
            datagram = b""
        datagram += (b"\n" if datagram else b"") + octets
    if datagram:
        yield datagram
