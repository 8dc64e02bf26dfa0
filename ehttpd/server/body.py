"""The body of a request while it is received: in memory first, then in a temporary file.

The lane's. What the handler gets is an ordinary binary file, open at its beginning.
"""

from __future__ import annotations

import io
import socket
from typing import IO

RECEIVE_AT_ONCE = 1 << 18
# What a body whose length is known has room for at first.
FIRST_ROOM = 1 << 16
# What has to be decoded: in chunks of one octet this takes the leader 5 ms, in larger ones next to nothing.
DECODE_AT_ONCE = 1 << 14


class BodyBuffer:
    """Collects a body. ``in_memory`` octets stay in memory; a longer body moves to an unnamed temporary file.

    What is in memory is one piece, for a client that sends two octets at a time could make a list of pieces take
    twenty times their size.
    """

    __slots__ = ("_file", "_in_memory", "size")

    def __init__(self, in_memory: int) -> None:
        self._in_memory = in_memory
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add data. Raises OSError if there is no room on the disk."""
        self.size += len(data)
        file = self._file
        if file is None:
            file = self._file = io.BytesIO(data)  # shares what it is given: a body of one piece is not copied
            file.seek(self.size)
        else:
            file.write(data)
        if self.size > self._in_memory and isinstance(file, io.BytesIO):
            self._move_to_disk(file)

    def _move_to_disk(self, collected: io.BytesIO) -> None:
        import tempfile  # dear to import, and seldom needed

        self._file = tempfile.TemporaryFile(prefix="ehttpd-body-")  # noqa: SIM115 - handed to the handler
        with collected.getbuffer() as octets:
            self._file.write(octets)

    def finish(self) -> IO[bytes]:
        """Return the body as a file, open at its beginning. Raises OSError as `write` does."""
        file = self._file or io.BytesIO()
        file.seek(0)
        self._file = None
        return file

    def discard(self) -> None:
        """Let go of everything, unless `finish` has handed it over."""
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:  # there is no room for what it would still write
                pass


class SizedBody:
    """A body whose length is known and fits in memory: received straight to where the handler reads it, with no copy
    between.

    Its room doubles as it fills: who only announces a body, or sends little of it, makes us hold no more than that.
    """

    __slots__ = ("_file", "_length", "_view", "size")

    def __init__(self, length: int, begun: bytes) -> None:
        self._length = length
        self._file: io.BytesIO | None = io.BytesIO(bytes(min(length, max(FIRST_ROOM, 2 * len(begun)))))
        self._view: memoryview | None = self._file.getbuffer()
        self._view[: len(begun)] = begun
        self.size = len(begun)  # received so far

    def receive(self, connected: socket.socket) -> int:
        """Receive some; return how much, 0 if the client will send no more. Raises OSError, BlockingIOError among
        them.
        """
        assert self._view is not None
        if self.size == len(self._view):
            self._view = self._more_room(self._view)
        count = connected.recv_into(self._view[self.size : self.size + RECEIVE_AT_ONCE])
        self.size += count
        return count

    def _more_room(self, filled: memoryview) -> memoryview:
        file = self._file
        assert file is not None
        filled.release()
        file.seek(min(self._length, 2 * self.size) - 1)
        file.write(b"\0")
        file.seek(0)
        return file.getbuffer()

    @property
    def complete(self) -> bool:
        return self.size == self._length

    def finish(self) -> IO[bytes]:
        """Return the body as a file, open at its beginning."""
        file = self._file
        assert file is not None
        self.discard()
        return file

    def discard(self) -> None:
        """Let go of everything, unless `finish` has handed it over."""
        if self._view is not None:
            self._view.release()
        self._file = self._view = None
