"""The figures of all workers, and commands to their supervisor, for the admin's pages.

Workers are asked over their channels when somebody looks; nothing is written down anywhere. Any thread asks, the
supervisor's one carries questions and orders.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from itertools import count

from ehttpd.admin.source import COMMANDS, CommandRefused, Overview, WorkerThreads
from ehttpd.errors import SettingsError
from ehttpd.server.snapshot import Snapshot
from ehttpd.settings import Settings
from ehttpd.supervisor.member import Member
from ehttpd.supervisor.orders import Orders
from ehttpd.supervisor.supervisor import Supervisor
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# How long workers have to answer, and the supervisor to act, in seconds.
ANSWERS_WITHIN = 1.0
# Questions whose answers are still taken.
MOST_ASKED = 64


class Inquiry:
    """A question to several workers."""

    def __init__(self) -> None:
        self._answers: dict[Member, Any] = {}
        self._expected = -1  # not asked yet
        self._changed = threading.Condition()

    def asked(self, members: list[Member]) -> None:
        with self._changed:
            self._expected = len(members)
            self._changed.notify_all()

    def answer(self, member: Member, result: Any) -> None:
        with self._changed:
            self._answers[member] = result
            self._changed.notify_all()

    def answers(self, seconds: float) -> list[tuple[Member, Any]]:
        """Return what was answered within so many seconds, in the order of the workers' places."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._answers) == self._expected, seconds)
            return sorted(self._answers.items(), key=lambda each: each[0].number)

    @property
    def complete(self) -> bool:
        """Whether everybody has answered."""
        return len(self._answers) == self._expected


class WorkersSource:
    """A `Source`: the workers of one supervisor."""

    def __init__(self, supervisor: Supervisor, orders: Orders) -> None:
        self._supervisor = supervisor
        self._orders = orders
        self._inquiries: dict[int, Inquiry] = {}
        self._numbers = count(1)

    def overview(self) -> Overview:
        supervisor = self._supervisor
        return {
            "application": supervisor.application,
            "pid": os.getpid(),
            "started": supervisor.started,
            "workers": supervisor.crew.wanted,
            "restarts": dict(supervisor.crew.restarts),
            "ready_max_queue": float(supervisor.settings.ready_max_queue),
        }

    def snapshots(self) -> list[Snapshot]:
        addresses = self._supervisor.doors.addresses(self._supervisor.settings)
        snapshots: list[Snapshot] = [snapshot for _, snapshot in self._ask("snapshot")]
        for snapshot in snapshots:
            snapshot["addresses"] = addresses  # a worker knows descriptors only
        return snapshots

    def threads(self) -> list[WorkerThreads]:
        return [
            {"worker": str(member.number), "pid": member.pid, "threads": threads}
            for member, threads in self._ask("threads")
        ]

    def turning(self) -> bool:
        inquiry = self._inquire("turns")
        return all(turns for _, turns in inquiry.answers(ANSWERS_WITHIN)) and inquiry.complete

    def command(self, name: str, argument: str = "") -> str:
        if name == "log-level":
            return self._set_log_level(argument)
        if name == "workers":
            try:
                wanted = Settings(workers=argument).workers
            except SettingsError as error:
                raise CommandRefused(str(error)) from None
            return self._have_done(lambda: self._orders.have_workers(wanted), f"There are to be {wanted} workers.")
        if name == "reload":
            return self._have_done(self._orders.reload, "Workers are replaced one by one; the log tells how it went.")
        if name == "reopen-logs":
            return self._have_done(self._orders.reopen_logs, "Logs are opened anew.")
        if name == "upgrade":
            return self._have_done(self._orders.upgrade, "Another supervisor is started; the log tells how it went.")
        if name == "stop":
            return self._have_done(self._orders.stop, "Stopping: what was accepted is being answered.")
        if name == "drain":
            said = "Draining: not ready any more, and connections end with their next response. `stop` is to follow."
            return self._have_done(self._orders.drain, said)
        raise CommandRefused(f"There is no command {name!r}.", f"There are: {', '.join(COMMANDS)}.")

    def take(self, member: Member, message: dict[str, Any]) -> None:
        """Take the answer of a worker. The supervisor's thread only."""
        inquiry = self._inquiries.get(message["number"])
        if inquiry is not None:
            inquiry.answer(member, message["result"])

    def _set_log_level(self, level: str) -> str:
        answers = self._ask("log-level", level)
        if not answers:
            raise CommandRefused("No worker has answered.", "Try again.")
        _, (done, sentence, cure) = answers[0]
        if not done:
            raise CommandRefused(sentence, cure)
        return str(sentence)

    def _ask(self, what: str, argument: str = "") -> list[tuple[Member, Any]]:
        return self._inquire(what, argument).answers(ANSWERS_WITHIN)

    def _inquire(self, what: str, argument: str = "") -> Inquiry:
        """Ask all workers that serve."""
        inquiry, number = Inquiry(), next(self._numbers)

        def carry() -> None:
            self._inquiries = {each: other for each, other in self._inquiries.items() if number - each < MOST_ASKED}
            self._inquiries[number] = inquiry
            members = self._supervisor.crew.serving
            inquiry.asked(members)
            for member in members:
                member.channel.send("ask", number=number, what=what, argument=argument)

        self._supervisor.have_done(carry)
        return inquiry

    def _have_done(self, order: Callable[[], None], sentence: str) -> str:
        self._supervisor.have_done(order)
        return sentence
