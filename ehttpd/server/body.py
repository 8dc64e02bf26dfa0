"""The body of a request while it is received: in memory first, then in a temporary file.

The lane's. What the handler gets is an ordinary binary file, open at its beginning.
"""

from __future__ import annotations

import io
import threading

from ehttpd.errors import ServiceUnavailable
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from mmap import mmap
    from typing import IO

    from _typeshed import ReadableBuffer, WriteableBuffer

    from ehttpd.server.budget import Budget
    from ehttpd.server.sender import Connected

RECEIVE_AT_ONCE = 1 << 18
# From this length on, a body gets a block.
BLOCK_FROM = 1 << 16
# How much memory is kept for the next bodies; and how large a block is at most that is used again.
KEPT_FREE = 1 << 24
# What has to be decoded: in chunks of one octet this takes the leader 5 ms, in larger ones next to nothing.
DECODE_AT_ONCE = 1 << 14


class HeldFile(io.BytesIO):
    """A body in memory, which counts until it is closed. Shares what it is given: a body of one piece is not copied."""

    def __init__(self, data: bytes, budget: Budget) -> None:
        self._counted = 0
        self._budget = budget
        budget.take(len(data))
        self._counted = len(data)
        super().__init__(data)

    def write(self, data: ReadableBuffer) -> int:
        count = memoryview(data).nbytes
        self._budget.take(count)
        self._counted += count
        return super().write(data)

    def close(self) -> None:
        count, self._counted = self._counted, 0
        self._budget.give_back(count)
        super().close()


class BodyBuffer:
    """Collects a body. ``in_memory`` octets stay in memory; a longer body moves to an unnamed temporary file.

    What is in memory is one piece, for a client that sends two octets at a time could make a list of pieces take
    twenty times their size. It moves to one of the ``blocks``, if there are any, before it is large: what grows by an
    eighth at a time may be copied each time, and leave eight times its size behind in a heap that has holes.
    """

    __slots__ = ("_block", "_blocks", "_budget", "_file", "_in_memory", "size")

    def __init__(self, in_memory: int, budget: Budget, blocks: Blocks | None = None) -> None:
        self._in_memory = in_memory
        self._budget = budget
        self._blocks = blocks
        self._block: BodyBlock | None = None
        self._file: IO[bytes] | None = None
        self.size = 0

    def write(self, data: bytes) -> None:
        """Add data. Raises OSError if there is no room on the disk, ServiceUnavailable if there is none in memory."""
        self.size += len(data)
        file = self._file
        if self.size > self._in_memory:
            if file is None or isinstance(file, HeldFile):
                file = self._move_to_disk(file)
        elif self.size > BLOCK_FROM and self._blocks is not None:
            block = self._block or self._move_to_block(file, self._blocks)
            block.append(data)
            return
        if file is not None:
            file.write(data)
        else:
            self._file = HeldFile(data, self._budget)
            self._file.seek(len(data))

    def _move_to_block(self, collected: IO[bytes] | None, blocks: Blocks) -> BodyBlock:
        begun = b""
        if isinstance(collected, HeldFile):
            begun = collected.getvalue()
            collected.close()  # and is counted no more: the block counts what it is given
        self._file = None
        self._block = BodyBlock(self._in_memory, begun, blocks)
        return self._block

    def _move_to_disk(self, collected: HeldFile | None) -> IO[bytes]:
        import tempfile  # dear to import, and seldom needed

        file = self._file = tempfile.TemporaryFile(prefix="ehttpd-body-")  # noqa: SIM115 - handed to the handler
        block, self._block = self._block, None
        if block is not None:
            try:
                file.write(block.octets)
            finally:
                block.discard()
        elif collected is not None:
            with collected, collected.getbuffer() as octets:
                file.write(octets)
        return file

    def finish(self) -> IO[bytes] | BlockFile:
        """Return the body as a file, open at its beginning. Raises OSError as `write` does."""
        block, self._block = self._block, None
        file = self._file or (block.finish() if block is not None else io.BytesIO())
        file.seek(0)
        self._file = None
        return file

    def discard(self) -> None:
        """Let go of everything, unless `finish` has handed it over."""
        block, self._block = self._block, None
        if block is not None:
            block.discard()
        file, self._file = self._file, None
        if file is not None:
            try:
                file.close()
            except OSError:  # there is no room for what it would still write
                pass


class Blocks:
    """Memory for bodies: blocks of one ``size``, used again and again; and larger ones for bodies longer than that.

    Fresh memory costs a page fault for each 4 KiB, which for large bodies is half of the time. A block that nothing was
    written to takes no memory: who only announces a body makes us hold nothing.
    """

    def __init__(self, size: int, budget: Budget) -> None:
        self.budget = budget
        self._size = min(size, KEPT_FREE)
        self._most_free = KEPT_FREE // max(1, self._size)
        self._free: list[mmap] = []

    def take(self, room: int = 0) -> mmap:
        """Return a block, with ``room`` for so many octets. Its contents are of no account. Any thread. Raises
        ServiceUnavailable if there is no memory for it.
        """
        if room <= self._size:
            try:
                return self._free.pop()
            except IndexError:
                pass
        try:
            import mmap

            return mmap.mmap(-1, max(room, self._size))
        except (ImportError, OSError):
            raise ServiceUnavailable("The server has no memory for the body.") from None

    def drop_free(self) -> None:
        """Give back to the operating system what is kept for the next bodies. Any thread."""
        self._free.clear()

    def give_back(self, block: mmap) -> None:
        """Take back a block that nobody looks at any more. Any thread."""
        if len(self._free) < self._most_free and len(block) == self._size:
            self._free.append(block)


class BlockFile(io.BufferedIOBase):
    """The octets of a block as a binary file, until it is closed: then the block is another body's."""

    def __init__(self, blocks: Blocks, block: mmap, size: int) -> None:
        self._blocks = blocks
        self._block: mmap | None = block
        self._size = size
        self._position = 0
        # An application may have left a thread behind that still reads while we close.
        self._lock = threading.Lock()

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        if whence == io.SEEK_SET and offset < 0:
            raise ValueError(f"A position must not be negative. Found {offset}.")
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._size}[whence]
        self._position = max(0, start + offset)
        return self._position

    def read(self, size: int | None = -1) -> bytes:
        return self._take(self._size if size is None or size < 0 else self._position + size)

    read1 = read

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def readline(self, size: int | None = -1) -> bytes:
        with self._lock:
            end = self._opened().find(b"\n", self._position, self._size) + 1 or self._size
        return self._take(end if size is None or size < 0 else min(end, self._position + size))

    def _take(self, end: int) -> bytes:
        with self._lock:
            end = min(end, self._size)
            data = self._opened()[self._position : end]
            self._position = max(self._position, end)
        return data

    def _opened(self) -> mmap:
        if self._block is None:
            raise ValueError("The body of a request cannot be read after its response.")
        return self._block

    def close(self) -> None:
        with self._lock:
            block, self._block = self._block, None
        if block is not None:
            self._blocks.budget.give_back(self._size)
            self._blocks.give_back(block)
        super().close()


class BodyBlock:
    """A body in a block, where the handler reads it. If its ``length`` is known, there is ``room`` for all of it, and
    it is received straight to there; else it has that at most, and is appended.
    """

    __slots__ = ("_block", "_blocks", "_length", "_view", "size")

    def __init__(self, length: int, begun: bytes, blocks: Blocks, room: int = 0) -> None:
        self._length = length
        self._blocks = blocks
        self._block = blocks.take(room)
        try:
            blocks.budget.take(len(begun))
        except ServiceUnavailable:
            blocks.give_back(self._block)
            raise
        self._view = memoryview(self._block)
        self._view[: len(begun)] = begun
        self.size = len(begun)  # received so far

    def receive(self, connected: Connected) -> int:
        """Receive some; return how much, 0 if the client will send no more.

        Raises OSError, BlockingIOError among them; ServiceUnavailable if there is no more room in memory.
        """
        count = connected.recv_into(self._view[self.size : min(self._length, self.size + RECEIVE_AT_ONCE)])
        self._blocks.budget.take(count)
        self.size += count
        return count

    def append(self, data: bytes) -> None:
        """Add data. Raises ServiceUnavailable if there is no more room in memory."""
        end = self.size + len(data)
        if end > len(self._view):
            self._move(min(self._length, 2 * end))
        self._blocks.budget.take(len(data))
        self._view[self.size : end] = data
        self.size = end

    def _move(self, room: int) -> None:
        block = self._blocks.take(room)
        memoryview(block)[: self.size] = self.octets
        self._view.release()
        self._blocks.give_back(self._block)
        self._block, self._view = block, memoryview(block)

    @property
    def octets(self) -> memoryview:
        """What was received so far."""
        return self._view[: self.size]

    @property
    def complete(self) -> bool:
        return self.size == self._length

    def finish(self) -> BlockFile:
        """Return the body as a file, open at its beginning."""
        self._view.release()
        return BlockFile(self._blocks, self._block, self.size)

    def discard(self) -> None:
        """Let go of everything. Not after `finish`."""
        self._view.release()
        self._blocks.budget.give_back(self.size)
        self._blocks.give_back(self._block)
