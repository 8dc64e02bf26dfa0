"""Which workers there are to be, and what is done to get there: starting, replacing, back-off.

Knows nothing of signals or sockets: it is told what happened, and starts and stops workers through what it was given.
One thread only.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator

from ehttpd.logs import log
from ehttpd.supervisor.member import Member, Phase

# A worker that has served for longer than this is replaced at once; others ever later, in seconds: up to the first
# bound if they were ready, and up to the second if they could not even start.
LIVED = 0.5
FIRST_BACK_OFF, LONGEST_BACK_OFF, LONGEST_WHEN_NOT_READY = 0.25, 2.0, 30.0

Start = Callable[[int, int], Member]  # the number of the place, the generation


class Place:
    """Where one worker serves, and its successor comes up."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.current: Member | None = None
        self.successor: Member | None = None
        self.failures = 0  # workers that died young, in a row
        self.not_before = -math.inf  # when the next one may be started

    @property
    def members(self) -> list[Member]:
        return [each for each in (self.current, self.successor) if each is not None]

    def lose(self, member: Member) -> None:
        """Have a worker of this place be none of it: its successor is in its place, if there is one."""
        if self.successor is not member:
            self.current = self.successor
        self.successor = None

    def died(self, member: Member, now: float) -> None:
        """Take it that a worker of this place has ended; decide how soon there is another."""
        if member.ready_at is not None and now - member.ready_at >= LIVED:
            self.failures = 0
            self.not_before = -math.inf
        else:
            self.failed(now, LONGEST_WHEN_NOT_READY if member.ready_at is None else LONGEST_BACK_OFF)

    def failed(self, now: float, longest: float = LONGEST_WHEN_NOT_READY) -> None:
        """Take it that there was no worker, or none for long: wait longer each time."""
        self.failures += 1
        self.not_before = now + min(longest, FIRST_BACK_OFF * 2 ** min(self.failures - 1, 10))


class Crew:
    """The workers. ``wanted`` is how many there are to be; `arrange` brings that about, step by step."""

    def __init__(self, wanted: int, start: Start, grace: Callable[[], float]) -> None:
        self.wanted = wanted
        self.generation = 1  # of the code and the settings; a reload begins the next
        self.reloading = False
        self.restarts: Counter[str] = Counter()
        self.leaving: list[Member] = []
        self._places: dict[int, Place] = {}
        self._start = start
        self._grace = grace
        self.stopping = False  # nobody is started any more

    def __iter__(self) -> Iterator[Member]:
        for place in self._places.values():
            yield from place.members
        yield from self.leaving

    @property
    def empty(self) -> bool:
        """Whether there is no worker at all."""
        return not any(True for _ in self)

    @property
    def serving(self) -> list[Member]:
        """Those that serve now, by place."""
        return [each for each in self if each.serves]

    @property
    def complete(self) -> bool:
        """Whether as many serve as are wanted, and all are of the current generation."""
        current = [each for each in self.serving if each.generation == self.generation]
        return len(current) >= self.wanted and not self.reloading

    def member(self, pid: int) -> Member | None:
        return next((each for each in self if each.pid == pid), None)

    # What is to happen

    def arrange(self, now: float) -> float:
        """Start, replace and dismiss workers so that it becomes as it is to be; return when to look again."""
        if self.stopping:
            return math.inf
        for number in range(1, self.wanted + 1):
            self._places.setdefault(number, Place(number))
        for place in list(self._places.values()):
            if place.number > self.wanted:
                for member in place.members:
                    self._dismiss(member, now)
                del self._places[place.number]
            elif not place.members and now >= place.not_before:
                place.current = self._try_to_start(place, now)
        self._renew(now)
        return min((place.not_before for place in self._places.values() if place.not_before > now), default=math.inf)

    def reload(self, now: float) -> None:
        """Replace every worker, one after the other, each new one ready before the old one leaves. Who is still on the
        way has yesterday's code, and may be on it for ever.
        """
        self.generation += 1
        self.reloading = True
        for place in self._places.values():
            place.failures, place.not_before = 0, -math.inf  # what failed before may have been mended
            for member in place.members:
                if member.phase is Phase.BOOTING:
                    place.lose(member)
                    self._dismiss(member, now)

    def _renew(self, now: float) -> None:
        """Begin to replace the first worker that is to be, unless one is being replaced already."""
        places = sorted(self._places.values(), key=lambda place: place.number)
        if any(place.successor is not None for place in places):
            return
        for place in places:
            current = place.current
            if current is None or now < place.not_before or current.phase is Phase.BOOTING:
                continue
            if (current.generation != self.generation and self.reloading) or current.expiring:
                place.successor = self._try_to_start(place, now)
                return
        if all(place.current is not None and place.current.serves for place in places):
            self.reloading = False

    def _try_to_start(self, place: Place, now: float) -> Member | None:
        try:
            return self._start(place.number, self.generation)
        except OSError as error:  # no memory, too many processes: later, perhaps
            log.error("Cannot start worker %d: %s.", place.number, error.strerror)
            place.failed(now)
            return None

    def abandon_reload(self, now: float, complete: int) -> None:
        """Keep the workers of the generation that was ``complete`` last, and replace those who are of a later one."""
        self.reloading = False
        for place in self._places.values():
            if place.current is not None:
                if place.current.generation > complete:
                    place.current.expiring = "reload"
                place.current.generation = self.generation
            if place.successor is not None:
                self._dismiss(place.successor, now)
                place.lose(place.successor)

    def stop(self, now: float, grace: float, *, shared: bool) -> None:
        """Have all workers answer what they have accepted, and end."""
        self.stopping = True
        for member in list(self):
            member.leave(grace, now, shared=shared)

    # What has happened

    def became_ready(self, member: Member, now: float) -> None:
        """Let the predecessor of a worker leave that is ready."""
        place = self._places.get(member.number)
        if place is not None and place.current is member:
            # Who was quicker to start has all connections, and who lost one to a predecessor has gone to the others.
            for other in self.serving:
                if other is not member:
                    other.channel.send("shed")
        if place is not None and place.successor is member:
            predecessor, place.current, place.successor = place.current, member, None
            if predecessor is not None:
                self.restarts[predecessor.expiring or "reload"] += 1
                self._dismiss(predecessor, now)

    def ended(self, member: Member, now: float) -> None:
        """Take it that a worker has ended."""
        if member in self.leaving:
            self.leaving.remove(member)
            return
        place = self._places[member.number]
        if place.current is member and not self.stopping:
            self.restarts["hang" if member.phase is Phase.HUNG else "crash"] += 1
        place.died(member, now)
        place.lose(member)

    def _dismiss(self, member: Member, now: float) -> None:
        self.leaving.append(member)
        member.leave(self._grace(), now, shared=True)
