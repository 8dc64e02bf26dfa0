"""Output that the peer has not taken yet: octets, and files sent by the kernel.

The connection's owner only. Never blocks.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from socket import SocketType

from ehttpd.logs import log
from ehttpd.server.budget import Budget
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

    from ehttpd.server.sender import Connected

# How much of one connection's output is sent before others have their turn: a fifth of a millisecond for a client on
# the same machine, and one further away does not take so much at once. An eighth of that costs a third more for a MiB.
SEND_AT_ONCE = 1 << 20
# ... and of a file. Little is better twice: nobody waits for long, and what is copied to the kernel is still in the
# processor's cache when the client reads it (on loopback, 1.3 x for large files; not so for octets).
FILE_AT_ONCE = 1 << 17

# How much of a file is read to be sent, where the kernel cannot do both. With TLS a call takes no more.
READ_AT_ONCE = 1 << 15


class FileSlice:
    """``count`` octets of a regular file from ``offset``; None: up to its end as it is now."""

    __slots__ = ("count", "file", "offset")

    def __init__(self, file: BinaryIO, offset: int, count: int) -> None:
        self.file = file
        self.offset = offset
        self.count = count

    def send(self, connected: Connected) -> int:
        """Send some; return how much. Raises BlockingIOError if there is no room, EOFError if the file ends early or
        was closed.
        """
        try:
            sent = self._send(connected)
        except ValueError:  # the application's file: any of its threads may close it
            raise EOFError("the file was closed while it was sent") from None
        if not sent:
            raise EOFError("the file became shorter while it was sent")
        self.offset += sent
        self.count -= sent
        return sent

    def _send(self, connected: Connected) -> int:
        if isinstance(connected, SocketType) and hasattr(os, "sendfile"):
            return os.sendfile(connected.fileno(), self.file.fileno(), self.offset, min(self.count, FILE_AT_ONCE))
        self.file.seek(self.offset)
        data = self.file.read(min(self.count, READ_AT_ONCE))
        return connected.send(data) if data else 0


class Output:
    """A queue of what is to be sent, in order."""

    __slots__ = ("_at_end", "_budget", "_queue", "size")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._queue: deque[memoryview | FileSlice] = deque()
        self._at_end: list[Callable[[], object]] = []
        self.size = 0  # octets held in memory

    def append(self, data: bytes | memoryview) -> None:
        self._queue.append(memoryview(data))
        self.size += len(data)
        self._budget.add(len(data))

    def append_file(self, piece: FileSlice) -> None:
        self._queue.append(piece)

    def at_end(self, call: Callable[[], object]) -> None:
        """Have ``call`` called when everything is sent, or given up."""
        self._at_end.append(call)

    def send(self, connected: Connected) -> int:
        """Send what the peer takes now, up to a turn's share; return how much. It is done when it is empty (`bool`).

        Raises OSError if the peer is gone, EOFError if a file became shorter.
        """
        total = 0
        queue = self._queue
        try:
            while queue and total < SEND_AT_ONCE:
                first = queue[0]
                if isinstance(first, FileSlice):
                    total += first.send(connected)
                    if not first.count:
                        queue.popleft()
                    if total >= FILE_AT_ONCE:
                        break
                    continue
                sent = connected.send(first[: SEND_AT_ONCE - total])
                total += sent
                self.size -= sent
                self._budget.give_back(sent)
                if sent == len(first):
                    queue.popleft()
                else:
                    queue[0] = first[sent:]
        except BlockingIOError:
            pass
        return total

    def __bool__(self) -> bool:
        return bool(self._queue)

    def close(self) -> None:
        """Let go of everything, and make the calls asked for with `at_end`."""
        self._queue.clear()
        self._budget.give_back(self.size)
        self.size = 0
        calls, self._at_end = self._at_end, []
        for call in calls:
            try:
                call()
            except Exception:  # an application's, such as the close of a file of its own making
                log.error("What was to be done after a response failed.", exc_info=True)
