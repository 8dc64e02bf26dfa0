"""The octets of a server's connections, both ways, for the report of a test that failed.

The test author's. Knows sockets as connections use them, not what their octets mean.
"""

from __future__ import annotations

import socket
import threading

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer, WriteableBuffer

MOST_SHOWN = 2000  # octets of one line


class WireLog:
    """What was received and sent, in order. Any thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self._entries: list[tuple[int, str, bytes]] = []

    def note(self, index: int, direction: str, octets: bytes) -> None:
        """Note octets of the connection with this ``index``; ``direction`` is ``">"`` or ``"<"``, as the client sees
        it. With the ``lock`` held.
        """
        last = self._entries[-1] if self._entries else None
        if last is not None and last[:2] == (index, direction) and len(last[2]) < MOST_SHOWN:
            self._entries[-1] = (index, direction, last[2] + octets)
        elif octets:
            self._entries.append((index, direction, octets))

    def clear(self) -> None:
        """Forget everything."""
        with self.lock:
            self._entries.clear()

    def lines(self) -> list[str]:
        """Return a line for each time that somebody spoke."""
        with self.lock:
            entries = list(self._entries)
        return [
            f"{index} {direction} {octets[:MOST_SHOWN]!r}{' …' * (len(octets) > MOST_SHOWN)}"
            for index, direction, octets in entries
        ]


class RecordedSocket:
    """A connected socket, of whatever kind, whose octets are noted."""

    def __init__(self, connected: Any, index: int, log: WireLog) -> None:
        self._connected = connected
        self._index = index
        self._log = log

    def __getattr__(self, name: str) -> Any:
        return getattr(self._connected, name)

    def recv(self, size: int, flags: int = 0) -> bytes:
        data: bytes = self._connected.recv(size, flags)
        if not flags & socket.MSG_PEEK:
            with self._log.lock:
                self._log.note(self._index, ">", data)
        return data

    def recv_into(self, buffer: WriteableBuffer) -> int:
        count: int = self._connected.recv_into(buffer)
        with self._log.lock:
            self._log.note(self._index, ">", bytes(memoryview(buffer).cast("B")[:count]))
        return count

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        with self._log.lock:  # who has the octets finds them in the log; this does not block
            sent: int = self._connected.send(data, flags)
            self._log.note(self._index, "<", bytes(memoryview(data).cast("B")[:sent]))
        return sent
