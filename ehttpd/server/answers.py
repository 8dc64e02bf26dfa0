"""Answers that leave together: those that the leader makes within half a millisecond are sent one after the other.

The lane's. A client that waits sleeps, and to wake it takes longer than to send; who gets several answers at once is
woken once. Nobody waits for long: an answer leaves before the leader looks for events again, before a handler that is
known to block, before the lead is passed on, and else with the first handler that ends after `TOGETHER`.

What waits here is the leader's, outside of a handler; whoever takes the lead from it sends it, with the lane's lock
held.
"""

from __future__ import annotations

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection

# Seconds. To wake a client on the same machine for each answer took 13 microseconds, of 106 for a Flask view; that
# machine is a virtual one, where it is dear. Half a millisecond saves as much as to wait for the end of a turn.
TOGETHER = 0.0005


class Answers:
    """Connections whose answer is made and not sent: each has it as ``held``."""

    __slots__ = ("unsent", "waiting")

    def __init__(self) -> None:
        self.waiting: list[Connection] = []
        self.unsent: list[Connection] = []  # sent in part: the leader has to watch them for room

    def send(self) -> None:
        """Send what waits. Never blocks."""
        waiting, self.waiting = self.waiting, []
        for connection in waiting:
            connection.send_answer()
            if connection.output is not None:
                self.unsent.append(connection)
