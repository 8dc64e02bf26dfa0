"""What a connection needs of its owner. A connection never acts itself: its methods return one of these."""

from __future__ import annotations

import enum


class Next(enum.Enum):
    """What a connection needs of its owner."""

    WAIT = "wait until there is something to read"
    SEND = "wait until there is room to write"
    FEED = "wait for what others feed, or until the client leaves"
    SERVE = "run the exchange"
    CLOSE = "close it"

    # Identity, not value: these are keys of a table.
    __hash__ = object.__hash__
