"""The body of a request while it is received: in memory first, then in a temporary file.

The lane's. What the handler gets is an ordinary binary file, open at its beginning.
"""

from __future__ import annotations

import io
from typing import IO


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
