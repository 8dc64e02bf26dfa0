"""How many connections each process holds that accepts from the same listening sockets, so that none takes them all.

The operating system wakes everybody who waits at a listening socket, and whoever comes first takes all that is there.
So each process writes down what it holds, in memory that they share, and one that holds far more than another leaves
the next connection to it for a moment. Then it takes some after all: another may be busy, or hang.

The figures are hints. Nobody locks them, and a wrong one costs evenness for a moment, never a connection.
"""

from __future__ import annotations

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import mmap

SEATS = 128
EMPTY = 1 << 62  # more than anybody holds
WIDTH = 8  # octets of a figure
# How long a crowded process leaves the listeners to others, in seconds, and how many connections it takes after that.
PAUSE = 0.005
TAKEN_AFTER_PAUSE = 16
# How many connections more than another one is far more: at least, and as a share of what the other holds.
MARGIN, MARGIN_SHARE = 4, 4


def new_board(memory: mmap.mmap) -> None:
    """Write down that all seats are empty."""
    figures = memoryview(memory).cast("q")
    for number in range(SEATS):
        figures[number] = EMPTY
    figures.release()


class Seat:
    """The place of this process, ``number``, on a board: ``memory`` of ``SEATS * WIDTH`` octets that it shares."""

    def __init__(self, memory: mmap.mmap, number: int) -> None:
        self._figures = memoryview(memory).cast("q")
        self._number = number
        self.count(0)

    def count(self, connections: int) -> None:
        """Write down how many connections this process holds."""
        self._figures[self._number] = connections

    @property
    def crowded(self) -> bool:
        """Whether this process holds far more connections than another."""
        figures = self._figures.tolist()
        least = min(figures)
        return figures[self._number] > least + max(MARGIN, least // MARGIN_SHARE)

    @property
    def overfull(self) -> bool:
        """Whether this process holds more than twice as many connections as another: that will not mend by itself."""
        figures = self._figures.tolist()
        return figures[self._number] > 2 * min(figures) + MARGIN

    @property
    def share(self) -> int:
        """How many connections each process would hold if all held the same."""
        held = [figure for figure in self._figures.tolist() if figure != EMPTY]
        return -(-sum(held) // len(held))

    def leave(self) -> None:
        """Take no part any more: this process accepts no connections."""
        self._figures[self._number] = EMPTY
        self._figures.release()
