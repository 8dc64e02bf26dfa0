"""Which routes block: what a leader knows before it calls a handler.

The pool's, with the lane's lock held for every change. Knows routes by their names only.
"""

from __future__ import annotations

# A handler that blocked adds so much to its route's balance, a quick one takes 1 away: break-even at 1 in 30, as
# measured.
BLOCKED = 30
HAND_OFF_ABOVE = 60
MOST_BALANCE = 90
# With the balance above that, one in so many handlers runs inline all the same, to see whether they still block. Each
# that does doubles the number, up to the second figure.
PROBE_EVERY = 16
PROBE_SELDOM = 1024
# How many routes are remembered. Beyond it, the one that blocked for the first time longest ago is forgotten.
MOST_HABITS = 1000


class Habit:
    """What is known of a route whose handlers have blocked."""

    __slots__ = ("balance", "probe_every", "until_probe")

    def __init__(self) -> None:
        self.balance = 0
        self.probe_every = self.until_probe = PROBE_EVERY

    def blocked(self) -> None:
        if self.balance > HAND_OFF_ABOVE:  # this was a probe
            self.probe_every = min(PROBE_SELDOM, self.probe_every * 2)
        self.balance = min(MOST_BALANCE, self.balance + BLOCKED)

    def quick(self) -> None:
        self.balance -= 1
        self.probe_every = PROBE_EVERY

    def hands_off(self) -> bool:
        """Tell whether the next handler shall run off the lead."""
        if self.balance <= HAND_OFF_ABOVE:
            return False
        self.until_probe -= 1
        if self.until_probe > 0:
            return True
        self.until_probe = self.probe_every
        return False


class Habits(dict[str, Habit]):
    """The routes whose handlers have blocked, until they have been quick for long."""

    def blocked(self, route: str) -> None:
        """Note that a handler had the lead taken from it."""
        if route not in self and len(self) >= MOST_HABITS:
            del self[next(iter(self))]
        self.setdefault(route, Habit()).blocked()

    def quick(self, route: str) -> bool:
        """Note that a handler run on the lead did not block; tell whether its route was forgotten for that."""
        habit = self.get(route)
        if habit is None:
            return False
        habit.quick()
        if habit.balance > 0:
            return False
        del self[route]
        return True

    def hands_off(self, route: str) -> bool:
        """Tell whether the next handler for ``route`` shall run off the lead."""
        habit = self.get(route)
        return habit is not None and habit.hands_off()
