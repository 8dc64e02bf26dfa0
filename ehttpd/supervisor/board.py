"""The memory in which workers write down how many connections they hold, and who has which seat.

The supervisor's side of ``server/seat.py``. The memory has no name in any file system.
"""

from __future__ import annotations

import mmap
import os
import sys
import tempfile

from ehttpd.server.seat import SEATS, WIDTH, Seat, new_board

SIZE = SEATS * WIDTH
NO_SEAT = -1  # for whoever comes when all are taken: it accepts whatever there is


class Board:
    """Seats, given to workers and taken back from those that have ended."""

    def __init__(self) -> None:
        self.descriptor = new_memory()
        self._memory = mmap.mmap(self.descriptor, SIZE)
        new_board(self._memory)
        self._free = list(range(SEATS))

    def take(self) -> int:
        """Return a seat that is free."""
        return self._free.pop(0) if self._free else NO_SEAT

    def give_back(self, number: int) -> None:
        """Take it that a worker is gone, however it went."""
        if number != NO_SEAT:
            Seat(self._memory, number).leave()
            self._free.append(number)

    def close(self) -> None:
        self._memory.close()
        os.close(self.descriptor)


def new_memory() -> int:
    """Return the descriptor of memory that processes can share."""
    if sys.platform == "linux":
        descriptor = os.memfd_create("ehttpd-board")
    else:
        with tempfile.TemporaryFile() as file:
            descriptor = os.dup(file.fileno())
    os.ftruncate(descriptor, SIZE)
    return descriptor


def seat_at(descriptor: int, number: int) -> Seat | None:
    """Return the seat that a supervisor has given to this process."""
    return Seat(mmap.mmap(descriptor, SIZE), number) if number != NO_SEAT else None
