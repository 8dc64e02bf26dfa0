"""What a connection needs of its owner. A connection never acts itself: its methods return one of these."""

from __future__ import annotations

import enum

from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection


class Next(enum.Enum):
    """What a connection needs of its owner."""

    WAIT = "wait until there is something to read"
    SEND = "wait until there is room to write"
    FEED = "wait for what others feed, or until the client leaves"
    SERVE = "run the exchange"
    CLOSE = "close it"

    # Identity, not value: these are keys of a table.
    __hash__ = object.__hash__


class Underway(Protocol):
    """What goes on over a connection apart from heads and whole responses: a body that arrives, a handshake, a response
    that others feed. The lane has it moved when there is something to read.
    """

    def move(self, connection: Connection, now: float) -> Next:
        """Go on: there is something to read."""

    def expire(self, connection: Connection, now: float) -> Next:
        """Take it that the deadline has passed."""

    def discard(self) -> None:
        """Let go of what is kept: the connection is closed, or its request refused."""
