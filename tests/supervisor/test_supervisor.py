"""One supervisor, looking after workers that do nothing: no process is started."""

from __future__ import annotations

import signal
import socket
import time
from collections.abc import Iterator, Sequence

import pytest

from ehttpd.settings import Settings
from ehttpd.supervisor.births import FreshInterpreters, Process
from ehttpd.supervisor.channel import LONGEST_BEAT, Channel
from ehttpd.supervisor.member import Member, Phase
from ehttpd.supervisor.supervisor import Supervisor

TIMEOUT = 30.0


class Played:
    """A worker process that ends when it is killed, and else only says that it is ready."""

    pid = 1

    def __init__(self, theirs: socket.socket) -> None:
        self._theirs = theirs
        self._code: int | None = None
        Channel(theirs).send("ready", name="shop:application")

    def ended(self) -> int | None:
        return self._code

    def send_signal(self, number: int) -> None:
        if number == signal.SIGKILL:
            self._theirs.close()
            self._code = -number


class PlayedBirths(FreshInterpreters):
    def start(self, order: dict[str, object], descriptors: Sequence[int]) -> tuple[Process, Channel]:
        ours, theirs = socket.socketpair()
        return Played(theirs), Channel(ours)


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    """A supervisor that has looked once, and whose two workers are ready."""
    settings = Settings(workers=2, worker_timeout=TIMEOUT)
    supervisor = Supervisor(settings, lambda supervisor, settings: PlayedBirths(), 0.0)
    supervisor.told = 1  # nothing is announced
    supervisor._look()
    while len(supervisor.crew.serving) < 2:
        supervisor._wait(time.monotonic())
    yield supervisor
    supervisor._end()


def silent(supervisor: Supervisor, seconds: float, looked: float) -> list[Member]:
    """Have it be so many seconds ago that workers were heard, and that they were ``looked`` after."""
    now = time.monotonic()
    members = supervisor.crew.serving
    for member in members:
        member.heard_at = now - seconds
    supervisor._looks_at = now - looked + LONGEST_BEAT
    return members


def test_a_supervisor_that_stood_still_gives_its_workers_the_time_that_it_was_away(supervisor: Supervisor) -> None:
    members = silent(supervisor, 100.0, looked=99.0)
    supervisor._look()
    assert [member.phase for member in members] == [Phase.READY, Phase.READY]
    silent(supervisor, TIMEOUT + 1, looked=1.0)
    supervisor._look()
    assert [member.phase for member in members] == [Phase.HUNG, Phase.HUNG]


def test_a_supervisor_that_is_late_again_and_again_still_finds_who_hangs(supervisor: Supervisor) -> None:
    first, _ = silent(supervisor, 0.0, looked=0.0)
    for _ in range(10):
        passed = 20.0
        first.heard_at -= passed
        supervisor._looks_at -= passed
        supervisor._look()
    assert first.phase is Phase.HUNG


def test_a_supervisor_looks_often_enough_to_know_when_it_stood_still(supervisor: Supervisor) -> None:
    assert supervisor._look() - time.monotonic() <= 5.0


def test_a_worker_that_was_told_to_leave_as_it_became_ready_does_not_serve(supervisor: Supervisor) -> None:
    supervisor.crew.wanted = 3
    supervisor._look()
    late = list(supervisor.crew)[-1]
    supervisor._drain(time.monotonic())
    supervisor._hear(late)
    assert late.phase is Phase.LEAVING
    assert not supervisor.crew.complete


def test_a_supervisor_may_have_months_for_a_stop(supervisor: Supervisor) -> None:
    supervisor.listen_to(supervisor._inbox, supervisor._do_errands)
    supervisor.have_done(lambda: None)
    supervisor._wait(time.monotonic() + 1e8)
    assert not supervisor._errands
