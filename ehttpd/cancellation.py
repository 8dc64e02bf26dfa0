"""When a handler's work is no longer wanted: its deadline has passed, or its client has left.

A handler's author's. Both objects only tell; nothing here interrupts anybody.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

from ehttpd.typed import Protocol


class Leaver(Protocol):
    """A client, as far as it may leave."""

    def has_left(self) -> bool: ...

    def call_when_left(self, call: Callable[[], object]) -> bool: ...


class Deadline:
    """Until when an answer is wanted. ``at`` is on the clock of `time.monotonic`; ``math.inf`` if there is no end."""

    __slots__ = ("at",)

    def __init__(self, at: float = math.inf) -> None:
        self.at = at

    @property
    def passed(self) -> bool:
        """Whether it is too late."""
        return time.monotonic() >= self.at

    def remaining(self) -> float | None:
        """Return how many seconds are left, 0 if none are; None without a deadline, as sockets' time-outs have it."""
        return None if self.at == math.inf else max(0.0, self.at - time.monotonic())

    def __repr__(self) -> str:
        left = self.remaining()
        return "<Deadline: none>" if left is None else f"<Deadline in {left:.3f} s>"


NO_DEADLINE = Deadline()


class Disconnection:
    """Whether the client has left while its request is being served. Any thread, until the response has been sent.

    A client that shuts down its sending side looks like one that leaves. So this is a hint: what the handler answers is
    sent all the same, and reaches a client that has only stopped to send. It is given as well when the server stops:
    to event streams at once, to a handler that is still at work when ``graceful_timeout`` is over.
    """

    __slots__ = ("_client",)

    def __init__(self, client: Leaver) -> None:
        self._client = client

    def is_set(self) -> bool:
        """Tell whether the client has left."""
        return self._client.has_left()

    __call__ = is_set

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the client leaves, for ``timeout`` seconds at most; tell whether it has."""
        left = threading.Event()
        self.add_callback(left.set)
        return left.wait(timeout) or self.is_set()

    def add_callback(self, call: Callable[[], object]) -> None:
        """Have ``call`` called once when the client leaves while its request is being served, at once if it has.

        It is called on a thread of its own, or at once on this one.
        """
        if not self._client.call_when_left(call):
            call()
