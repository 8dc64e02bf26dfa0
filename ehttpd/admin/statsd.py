"""Figures for statsd, by UDP, under the names that gunicorn uses.

https://github.com/statsd/statsd/blob/master/docs/metric_types.md, and for tags DogStatsD's
https://docs.datadoghq.com/developers/dogstatsd/datagram_shell/. How the whole server is, is sent by who watches it, and
requests by each process that has answered them: so those of one that ends are counted as well. Threads of their own
send: requests never wait for them. Timings are those of buckets: so many requests took so long at most.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence

from ehttpd.admin.merging import total
from ehttpd.server.figures import BOUNDS, RequestFigures
from ehttpd.server.snapshot import Snapshot, Total
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

SECONDS_BETWEEN = 1.0
# How long the end of a process may wait for a name that cannot be looked up, in seconds.
PATIENCE = 1.0
# What fits a datagram on any path, less than which nobody gains.
DATAGRAM = 1400


class Statsd:
    """Who is sent figures."""

    def __init__(self, host: str, port: int, prefix: str = "", tags: str = "") -> None:
        self._to = (host, port)
        self._prefix = f"{prefix.rstrip('.')}." if prefix else ""
        self._tags = f"|#{tags}" if tags else ""
        self._socket: socket.socket | None = None

    @classmethod
    def of(cls, settings: Settings) -> Self | None:
        """Return the one that ``settings`` name, None if they name none."""
        if not settings.statsd_host:
            return None
        host, _, port = settings.statsd_host.rpartition(":")
        return cls(host.strip("[]"), int(port), settings.statsd_prefix, settings.statsd_tags)

    def send_state(self, snapshots: Sequence[Snapshot]) -> None:
        """Send how the workers are, if there are any."""
        if snapshots:
            self.send(list(gauges(total(snapshots), len(snapshots))))

    def send(self, lines: Sequence[str]) -> bool:
        """Send lines, and tell whether they have left. A statsd that is not there, or has no address, is no error."""
        try:
            connected = self._connected()
        except OSError:
            return False
        try:
            for datagram in packed([f"{self._prefix}{line}{self._tags}" for line in lines]):
                send_one(connected, datagram)
        except OSError:
            self.close()
        return True

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


class RequestsTold:
    """Tells statsd of the requests of one server, once a second and in the end: of each once. A context manager.

    ``read`` returns what the server has counted since it began.
    """

    def __init__(self, statsd: Statsd, read: Callable[[], RequestFigures | None]) -> None:
        self._statsd = statsd
        self._read = read
        self._before: RequestFigures | None = None
        self._over = threading.Event()
        self._clock = threading.Thread(target=self._run, name="ehttpd-statsd-clock", daemon=True)

    def __enter__(self) -> Self:
        self._clock.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._clock.join(PATIENCE)

    def _run(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN):
            self._tell()
        self._tell()
        self._statsd.close()

    def _tell(self) -> None:
        now = self._read()
        if now is not None and self._statsd.send(list(added(self._before, now))):
            self._before = now


def gauges(now: Total, workers: int) -> Iterator[str]:
    """Yield how the whole server is."""
    yield f"gunicorn.workers:{workers}|g"
    yield f"gunicorn.backlog:{now['queue']['length']}|g"
    yield f"gunicorn.threads_busy:{now['threads']['busy']}|g"
    yield f"gunicorn.connections:{sum(now['connections'].values())}|g"


def added(before: RequestFigures | None, now: RequestFigures) -> Iterator[str]:
    """Yield counters and timings of what was added, to nothing if there is no ``before``."""
    earlier_by_status = before["by_status"] if before is not None else {}
    by_status = {status: count - earlier_by_status.get(status, 0) for status, count in now["by_status"].items()}
    by_status = {status: count for status, count in by_status.items() if count}
    if by_status:
        yield f"gunicorn.requests:{sum(by_status.values())}|c"
    for status, count in by_status.items():
        yield f"gunicorn.request.status.{status}:{count}|c"
    counts = now["seconds"]["counts"]
    earlier_counts = before["seconds"]["counts"] if before is not None else [0] * len(counts)
    for bound, count, earlier in zip((*BOUNDS, BOUNDS[-1]), counts, earlier_counts, strict=True):
        if count > earlier:
            yield f"gunicorn.request.duration:{bound * 1000:g}|ms|@{1 / (count - earlier):.9g}"


def send_one(connected: socket.socket, datagram: bytes) -> None:
    """Send a datagram, though an earlier one was refused: the system tells of that in place of sending this one."""
    try:
        connected.send(datagram)
    except ConnectionRefusedError:
        connected.send(datagram)


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
