"""One worker process, as its supervisor sees it."""

from __future__ import annotations

import enum
import signal

from ehttpd.errors import ApplicationImportError, OperatorError, SettingsError
from ehttpd.logs import log
from ehttpd.supervisor.births import Process, name_of
from ehttpd.supervisor.channel import Channel, Message
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Phase(enum.Enum):
    """Where a worker is in its life."""

    BOOTING = "booting"  # imports the application
    READY = "ready"  # serves
    LEAVING = "leaving"  # answers what it has accepted, and ends
    HUNG = "hung"  # was told to dump its stacks and die


def failure_of(message: Message) -> OperatorError:
    """Return why a worker could not start, as it was raised there."""
    kind = SettingsError if message["usage"] else ApplicationImportError
    return kind(message["message"], message["cure"])


class Member:
    """A worker. ``number`` is that of its place: who replaces it has the same. It hangs if it gives no sign of life
    for ``timeout`` seconds, unless these are 0; it was started with them, and gives its signs as often as they want.
    """

    def __init__(
        self, number: int, seat: int, generation: int, process: Process, channel: Channel, now: float, timeout: float
    ) -> None:  # fmt: skip
        self.number = number
        self.seat = seat
        self.generation = generation
        self.process = process
        self.channel = channel
        self.timeout = timeout
        self.phase = Phase.BOOTING
        self.born = now
        self.ready_at: float | None = None
        self.heard_at = now  # the last sign of life
        self.expiring = ""  # why it wants to be replaced
        self.kill_at: float | None = None
        self.failure: OperatorError | None = None  # why it could not start, in its own words
        self.deaf = False  # it says nothing more
        self.facts: dict[str, Any] = {}  # what it said of the application
        self.warned = False
        self.ended_by_us = False

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def serves(self) -> bool:
        """Whether it accepts connections."""
        return self.phase is Phase.READY

    def __str__(self) -> str:
        return f"Worker {self.number} (pid {self.pid})" if self.pid else f"Worker {self.number} (not forked yet)"

    def became_ready(self, facts: dict[str, Any], now: float) -> None:
        self.facts = facts
        self.phase, self.ready_at, self.heard_at = Phase.READY, now, now

    def leave(self, grace: float, now: float, *, shared: bool) -> None:
        """Have it answer what it has accepted, and end. Later than ``grace`` it is killed."""
        if self.phase is Phase.BOOTING:
            self.process.send_signal(signal.SIGKILL)
        if self.phase in (Phase.BOOTING, Phase.READY):
            self.phase = Phase.LEAVING
            self.channel.send("stop", grace=grace, shared=shared)
            self.kill_at = now + grace + 5.0  # it ends by itself, but for a defect

    def end(self) -> None:
        """End it at once, with what it is in the middle of."""
        self.ended_by_us = True
        self.process.send_signal(signal.SIGKILL)

    def excuse(self, seconds: float, now: float) -> None:
        """Do not hold it against it that it was not heard for so long: nobody listened."""
        self.heard_at = min(now, self.heard_at + seconds)

    def look_after(self, now: float) -> None:
        """Kill it if it hangs, or should have ended."""
        timeout = self.timeout
        if self.kill_at is not None and now >= self.kill_at:
            if self.phase is Phase.LEAVING:
                log.error("%s did not end in time and is killed.", self)
            self.process.send_signal(signal.SIGKILL)
            self.kill_at = None
        elif timeout and now - self.heard_at > timeout and self.phase is Phase.BOOTING and not self.warned:
            log.warning("%s has been importing the application for %g s.", self, timeout)
            self.warned = True
        elif timeout and now - self.heard_at > timeout and self.phase is Phase.READY:
            log.critical("%s has not turned for %g s. Its stacks are dumped, and it is replaced.", self, timeout)
            self.phase = Phase.HUNG
            self.process.send_signal(signal.SIGABRT)  # faulthandler writes the stacks of all threads
            self.kill_at = now + 2.0

    def next_look(self) -> float:
        """The moment of the next `look_after`."""
        if self.kill_at is not None:
            return self.kill_at
        waits = self.timeout and (self.phase is Phase.READY or (self.phase is Phase.BOOTING and not self.warned))
        return self.heard_at + self.timeout + 0.001 if waits else float("inf")

    def report_end(self, code: int) -> None:
        """Tell the operator that it has ended, if that was not wanted."""
        if self.ended_by_us:
            log.info("%s was ended at once.", self)
        elif self.phase is Phase.READY:
            log.error("%s ended with %s.", self, name_of(code))
        elif self.phase is Phase.BOOTING and self.failure is None:
            log.error("%s ended with %s before it was ready.", self, name_of(code))
