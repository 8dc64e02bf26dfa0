"""Received, not yet parsed.

Most requests arrive whole and alone, so what is held is one immutable ``bytes``; taking a piece moves a mark instead of
copying what is left, so that a million small chunks cost no more than their own octets.
"""

from __future__ import annotations


class ReceiveBuffer:
    """Octets in the order they came. ``octets[start:]`` is what is left."""

    __slots__ = ("octets", "start")

    def __init__(self) -> None:
        self.octets = b""
        self.start = 0

    def __len__(self) -> int:
        return len(self.octets) - self.start

    def append(self, data: bytes) -> None:
        """Add what was received."""
        if self.start == len(self.octets):
            self.octets = data
        else:
            self.octets = self.octets[self.start :] + data
        self.start = 0

    def take(self, limit: int) -> bytes:
        """Remove and return at most ``limit`` octets, ``b""`` if there are none."""
        start = self.start
        if start == 0 and len(self.octets) <= limit:
            data, self.octets = self.octets, b""
            return data
        data = self.octets[start : start + limit]
        self.start = start + len(data)
        return data

    def take_line(self, limit: int) -> bytes | None:
        """Remove and return the next line with its CRLF; None if it is not whole yet and not longer than ``limit``.

        A longer one is returned as far as it is there, without its CRLF.
        """
        end = self.octets.find(b"\r\n", self.start, self.start + limit)
        if end >= 0:
            return self.take(end + 2 - self.start)
        return None if len(self) < limit else self.take(limit)
