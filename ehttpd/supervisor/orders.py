"""What an operator can tell a supervisor, by signals and otherwise.

The signals are those that gunicorn's users know. The supervisor's thread only.
"""

from __future__ import annotations

import math
import os
import signal
import sys
import time
from collections.abc import Callable

from ehttpd.errors import OperatorError
from ehttpd.launch.banner import announce
from ehttpd.launch.logs import reopen_logs
from ehttpd.launch.serve import SIGNALLED
from ehttpd.logs import log
from ehttpd.server.signals import FirstStop
from ehttpd.settings import Settings
from ehttpd.supervisor.supervisor import Supervisor
from ehttpd.supervisor.upgrade import Upgrade


class Orders:
    """Orders to one supervisor. ``read`` reads the settings again; the others are for its successor."""

    def __init__(
        self, supervisor: Supervisor, read: Callable[[], Settings], folder: str, environment: dict[str, str]
    ) -> None:  # fmt: skip
        self._supervisor = supervisor
        self._read = read
        self._folder = folder
        self._environment = environment
        self._upgrade: Upgrade | None = None
        self._first: FirstStop | None = None
        self.by_signal: dict[signal.Signals, Callable[[signal.Signals], None]] = {
            signal.SIGHUP: lambda _: self.reload(),
            signal.SIGTTIN: lambda _: self.have_workers(supervisor.crew.wanted + 1),
            signal.SIGTTOU: lambda _: self.have_workers(supervisor.crew.wanted - 1),
            signal.SIGUSR1: lambda _: self.reopen_logs(),
            signal.SIGUSR2: lambda _: self.upgrade(),
            signal.SIGTERM: self._stop_or_end,
            signal.SIGINT: self._stop_or_end,
            signal.SIGQUIT: lambda _: self.end(0),
        }

    def take(self, number: int) -> None:
        """Do what a signal says. One that is in no table only has the supervisor look up."""
        order = self.by_signal.get(signal.Signals(number))
        if order is not None:
            order(signal.Signals(number))

    def reload(self) -> None:
        """Read the settings again, and replace the workers one by one. What is wrong is logged, and changes nothing."""
        supervisor = self._supervisor
        if supervisor.stop_at < math.inf:
            return
        try:
            supervisor.reload(self._read())
        except OperatorError as error:
            log.error("Not reloaded: %s", " ".join([str(error), *error.cure.splitlines()]))

    def have_workers(self, count: int) -> None:
        """Have so many workers, one at least."""
        crew, count = self._supervisor.crew, max(1, count)
        if count != crew.wanted:
            crew.wanted = count
            log.info("There %s.", "is to be 1 worker" if count == 1 else f"are to be {count} workers")

    def reopen_logs(self) -> None:
        """Have everybody open the logs anew: their files were moved away."""
        reopen_logs()
        for member in self._supervisor.crew:
            member.channel.send("reopen")

    def stop(self) -> None:
        """Be not ready; after ``drain_delay``, answer what was accepted, and end."""
        supervisor = self._supervisor
        delay = float(supervisor.settings.drain_delay)
        supervisor.stop_at = min(supervisor.stop_at, time.monotonic() + delay)
        supervisor.notifier.stopping("What was accepted is being answered")
        if delay:
            self.drain()

    def drain(self) -> None:
        """Be not ready any more, while everything is served: responses end their connections."""
        for member in self._supervisor.crew.serving:
            member.channel.send("drain")

    def end(self, exit_code: int) -> None:
        """End everything at once."""
        supervisor = self._supervisor
        supervisor.exit_code = exit_code
        supervisor.stopping = supervisor.crew.stopping = True
        for member in supervisor.crew:
            member.process.send_signal(signal.SIGKILL)

    def _stop_or_end(self, number: signal.Signals) -> None:
        """Stop; told again, end at once."""
        if self._first is not None and self._first.is_echoed_by(number):
            return
        if self._supervisor.stop_at < math.inf:
            self.end(SIGNALLED + number)
            return
        self._first = FirstStop(number)
        if sys.stderr.isatty():
            announce("\nStopping: what was accepted is being answered. Once more to stop at once.")
        self.stop()

    def upgrade(self) -> None:
        """Start another supervisor, today's, with the same sockets; leave when its workers are ready."""
        if self._upgrade is not None:
            log.warning("An upgrade is under way already, to process %d.", self._upgrade.process.pid)
            return
        try:
            supervisor = self._supervisor
            self._upgrade = Upgrade(supervisor.doors, self._folder, self._environment, supervisor.settings)
        except OSError as error:
            log.error("Not upgraded: %s.", error.strerror)
            return
        log.info("Process %d is to succeed process %d.", self._upgrade.process.pid, os.getpid())
        self._supervisor.listen_to(self._upgrade.channel, self._hear_successor)

    def _hear_successor(self) -> None:
        assert self._upgrade is not None
        successor = self._upgrade
        try:
            ready = bool(successor.channel.receive())
        except EOFError:
            ready = False
        if ready:
            self._supervisor.notifier.ready(main_pid=successor.process.pid)
            self._supervisor.handed_over = True
            self._supervisor.stop_at = time.monotonic()
            return
        self._supervisor.forget(successor.channel)
        self._upgrade = None
        code = successor.process.wait()
        log.error("Not upgraded: the new process ended with exit code %d. This one goes on.", code)
