"""The body of a request while it is received: in memory first, then in a temporary file.

The lane's. What the handler gets is an ordinary binary file, open at its beginning.
"""

from __future__ import annotations

import io
import socket
from typing import IO

RECEIVE_AT_ONCE = 1 << 18


class BodyBuffer:
    """Collects a body. ``in_memory`` octets stay in memory; a longer body moves to an unnamed temporary file."""

    __slots__ = ("_file", "_in_memory", "_pieces", "size")

    def __init__(self, in_memory: int) -> None:
        self._in_memory = in_memory
        self._pieces: list[bytes] = []
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add data. Raises OSError if there is no room on the disk."""
        self.size += len(data)
        if self._file is not None:
            self._file.write(data)
            return
        self._pieces.append(data)
        if self.size > self._in_memory:
            import tempfile  # dear to import, and seldom needed

            self._file = tempfile.TemporaryFile(prefix="ehttpd-body-")  # noqa: SIM115 - handed to the handler
            self._file.writelines(self._pieces)
            self._pieces.clear()

    def finish(self) -> IO[bytes]:
        """Return the body as a file, open at its beginning. Raises OSError as `write` does."""
        if self._file is None:
            return io.BytesIO(self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces))
        self._file.seek(0)
        file, self._file = self._file, None
        return file

    def discard(self) -> None:
        """Let go of everything, unless `finish` has handed it over."""
        self._pieces.clear()
        if self._file is not None:
            self._file.close()
            self._file = None


class SizedBody:
    """A body whose length is known and fits in memory: received straight to where the handler reads it, with no copy
    between.
    """

    __slots__ = ("_file", "_view", "size")

    def __init__(self, length: int, begun: bytes) -> None:
        # Memory of zeros that nothing was written to is not there yet: who only announces a body costs nothing.
        self._file: io.BytesIO | None = io.BytesIO(bytes(length))
        self._view: memoryview | None = self._file.getbuffer()
        self._view[: len(begun)] = begun
        self.size = len(begun)  # received so far

    def receive(self, connected: socket.socket) -> int:
        """Receive some; return how much, 0 if the client will send no more. Raises OSError, BlockingIOError among
        them.
        """
        assert self._view is not None
        count = connected.recv_into(self._view[self.size : self.size + RECEIVE_AT_ONCE])
        self.size += count
        return count

    @property
    def complete(self) -> bool:
        return self._view is not None and self.size == len(self._view)

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
