"""Whether a crowd of connections grows, and when one has left.

The relief's: it reads what the entrance counts, and keeps nobody waiting.
"""

from __future__ import annotations

import math

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.entrance import Entrance

# So many connections are a crowd, until there are half as many. Each takes one to four KiB.
CROWD = 250
# It grows while such a share of it comes anew, even if as many leave, and has settled so many seconds later.
GROWTH, SETTLED_AFTER = 0.1, 2.0
# It has left when so many have. What is left of it then are stragglers: half of them count as a crowd again, and half
# of those, down to so few.
DEPARTED, FEWEST_STRAGGLERS = 500, 10


class Crowd:
    """The connections that have come in at ``entrance``, when they are many."""

    def __init__(self, entrance: Entrance) -> None:
        self._entrance = entrance
        self.grows = False
        self._settled_at = math.inf  # while it grows
        self._grows_at = 0  # once so many connections have ever come
        self._leaves = DEPARTED  # when so many more have left than
        self._departed_then = 0

    def look(self, now: float) -> bool:
        """See whether it ``grows``. Return whether that has changed."""
        inside, accepted = self._entrance.inside, self._entrance.accepted
        if inside >= CROWD and accepted >= self._grows_at:
            self._grows_at = accepted + int(inside * GROWTH)
            self._settled_at = now + SETTLED_AFTER
        elif self.grows and (inside < CROWD // 2 or now >= self._settled_at):
            self._settled_at = math.inf
        grew, self.grows = self.grows, self._settled_at < math.inf
        return grew != self.grows

    def has_left(self) -> bool:
        """Tell whether a crowd has left since this was true, or half of its stragglers."""
        departed = self._entrance.departed()
        if departed - self._departed_then < self._leaves:
            return False
        self._departed_then = departed
        self._leaves = min(self._entrance.inside, self._leaves) // 2
        if self._leaves < FEWEST_STRAGGLERS:
            self._leaves = DEPARTED
        return True
