"""Which workers there are to be, step by step: no process is started."""

from __future__ import annotations

import math
import signal
import socket

import pytest

from ehttpd.supervisor.channel import Channel
from ehttpd.supervisor.crew import LONGEST_BACK_OFF, LONGEST_WHEN_NOT_READY, Crew
from ehttpd.supervisor.member import Member, Phase


class NoProcess:
    pid = 1

    def __init__(self) -> None:
        self.signals: list[int] = []

    def ended(self) -> int | None:
        return None

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


class Played:
    """A crew whose workers do what a test says."""

    def __init__(self, wanted: int) -> None:
        self.now = 100.0
        self.started: list[Member] = []
        self.ends: list[socket.socket] = []
        self.fails = False
        self.timeout = 30.0
        self.crew = Crew(wanted, self.start, lambda: 30.0)

    def start(self, number: int, generation: int) -> Member:
        if self.fails:
            raise OSError(11, "Resource temporarily unavailable")
        ours, theirs = socket.socketpair()
        self.ends += [ours, theirs]
        member = Member(number, 0, generation, NoProcess(), Channel(ours), self.now, self.timeout)
        self.started.append(member)
        return member

    def look(self, seconds: float = 0.0) -> float:
        self.now += seconds
        return self.crew.arrange(self.now)

    def ready(self, *members: Member) -> None:
        for member in members:
            member.became_ready({}, self.now)
            self.crew.became_ready(member, self.now)

    def boot(self) -> list[Member]:
        self.look()
        self.ready(*self.started)
        return list(self.started)


def phases(*members: Member) -> list[Phase]:
    return [member.phase for member in members]


@pytest.fixture
def two() -> Played:
    return Played(2)


@pytest.fixture(autouse=True)
def close_channels(two: Played) -> object:
    yield
    for each in two.ends:
        each.close()


def test_workers_are_started_until_there_are_as_many_as_wanted(two: Played) -> None:
    assert two.look() == math.inf
    assert [member.number for member in two.started] == [1, 2]
    assert not two.crew.complete
    two.ready(*two.started)
    two.look()
    assert two.crew.complete


def test_a_reload_replaces_one_after_the_other_each_new_one_ready_first(two: Played) -> None:
    first, second = two.boot()
    two.crew.reload(two.now)
    two.look()
    two.look()
    assert len(two.started) == 3
    assert phases(first, second) == [Phase.READY, Phase.READY]
    two.ready(two.started[2])
    assert phases(first, second) == [Phase.LEAVING, Phase.READY]
    two.look()
    two.ready(two.started[3])
    two.look()
    assert phases(second) == [Phase.LEAVING]
    assert two.crew.complete
    assert two.crew.restarts == {"reload": 2}


def test_a_reload_does_not_wait_for_who_comes_up_for_the_one_before(two: Played) -> None:
    first, second = two.boot()
    two.crew.reload(two.now)
    two.look()
    two.crew.reload(two.now)
    two.look()
    hangs, successor = two.started[2:]
    assert hangs.process.signals == [signal.SIGKILL]  # type: ignore[attr-defined]
    assert successor.generation == 3
    two.crew.ended(hangs, two.now)
    two.ready(successor)
    two.look()
    two.ready(two.started[4])
    two.look()
    assert phases(first, second) == [Phase.LEAVING, Phase.LEAVING]
    assert two.crew.complete


def test_a_reload_does_not_wait_for_who_comes_up_after_a_crash(two: Played) -> None:
    first, second = two.boot()
    two.look(1)
    two.crew.ended(first, two.now)
    two.look()
    two.crew.reload(two.now)
    two.look()
    hangs, successor = two.started[2:4]
    assert hangs.process.signals == [signal.SIGKILL]  # type: ignore[attr-defined]
    two.ready(successor)
    assert two.crew.serving == [successor, second]


def test_a_reload_that_fails_leaves_those_who_are_there(two: Played) -> None:
    first, second = two.boot()
    two.crew.reload(two.now)
    two.look()
    two.crew.ended(two.started[2], two.now)
    two.crew.abandon_reload(two.now, 1)
    two.look(60)
    assert len(two.started) == 3
    assert two.crew.serving == [first, second]
    assert two.crew.complete


def test_a_reload_that_fails_in_the_middle_is_taken_back(two: Played) -> None:
    _, second = two.boot()
    two.crew.reload(two.now)
    two.look()
    changed = two.started[2]
    two.ready(changed)
    two.look()
    two.crew.ended(two.started[3], two.now)
    two.crew.abandon_reload(two.now, 1)
    two.look(60)
    assert two.crew.serving == [changed, second]
    back = two.started[4]
    two.ready(back)
    two.look(60)
    assert two.crew.serving == [back, second]
    assert len(two.started) == 5
    assert two.crew.complete


def test_who_dies_young_is_replaced_ever_later_and_who_has_served_at_once(two: Played) -> None:
    two.boot()
    for waited in (0.25, 0.5, 1.0, LONGEST_BACK_OFF, LONGEST_BACK_OFF):
        young = next(member for member in reversed(two.started) if member.number == 1)
        two.crew.ended(young, two.now)
        assert two.look() == two.now + waited
        two.look(waited)
        two.ready(two.started[-1])
    two.now += 1
    two.crew.ended(two.started[-1], two.now)
    known = len(two.started)
    two.look()
    assert len(two.started) == known + 1


def test_who_cannot_start_is_tried_more_and_more_seldom(two: Played) -> None:
    two.boot()
    for _ in range(12):
        waits = two.look() - two.now
        two.look(0.0 if waits == math.inf else waits)
        two.crew.ended(two.started[-1], two.now)
    assert two.look() == two.now + LONGEST_WHEN_NOT_READY


def test_where_no_process_can_be_started_it_is_tried_again(two: Played) -> None:
    two.fails = True
    assert two.look() == two.now + 0.25
    two.fails = False
    two.look(0.25)
    assert len(two.started) == 2


def test_fewer_workers_are_those_with_the_highest_numbers(two: Played) -> None:
    first, second = two.boot()
    two.crew.wanted = 1
    two.look()
    assert (first.phase, second.phase) == (Phase.READY, Phase.LEAVING)
    two.crew.ended(second, two.now)
    assert list(two.crew) == [first]


def test_a_hang_is_a_worker_that_is_not_heard_of_while_it_serves(two: Played) -> None:
    first, second = two.boot()
    process = first.process
    assert isinstance(process, NoProcess)
    first.look_after(two.now + 30)
    assert phases(first) == [Phase.READY]
    assert first.next_look() > two.now + 30
    first.look_after(two.now + 30.1)
    assert phases(first) == [Phase.HUNG]
    first.look_after(two.now + 40)
    assert process.signals == [6, 9]
    second.timeout = 0.0
    second.look_after(two.now + 1000)
    assert second.phase is Phase.READY
    assert second.next_look() == math.inf


def test_a_long_import_is_no_hang(two: Played) -> None:
    two.look()
    slow = two.started[0]
    slow.look_after(two.now + 1000)
    assert slow.phase is Phase.BOOTING
    assert slow.next_look() == math.inf


def test_who_wants_to_be_replaced_is(two: Played) -> None:
    first, _ = two.boot()
    first.expiring = "max_rss"
    two.look()
    two.ready(two.started[2])
    assert first.phase is Phase.LEAVING
    assert two.crew.restarts == {"max_rss": 1}
