"""What an operator can tell a supervisor, by signals and otherwise.

The signals are those that gunicorn's users know. The supervisor's thread only.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable

from ehttpd.errors import OperatorError
from ehttpd.launch.banner import announce
from ehttpd.launch.logs import reopen_logs
from ehttpd.launch.serve import SIGNALLED, STOPPED
from ehttpd.logs import log
from ehttpd.server.signals import FirstStop
from ehttpd.settings import Settings
from ehttpd.supervisor.births import name_of
from ehttpd.supervisor.privileges import make_logs_of_workers
from ehttpd.supervisor.supervisor import Supervisor
from ehttpd.supervisor.upgrade import Upgrade

# Whoever says stop so soon after the hand-over, in seconds, has not heard of it: he means the server.
UNHEARD = 1.0
# How long a successor may take to end, in seconds: beyond what workers may take, and at once.
LAST_MOMENT, AT_ONCE = 5.0, 2.0
# How long a log may take until it is open anew, in seconds: where nobody reads a pipe, it may be never.
LOGS_WITHIN = 0.5


class Orders:
    """Orders to one supervisor. ``read`` reads the settings again; the others are for its successor."""

    def __init__(
        self, supervisor: Supervisor, read: Callable[[], Settings], folder: str, environment: dict[str, str]
    ) -> None:  # fmt: skip
        self._supervisor = supervisor
        self._read = read
        self._folder = folder
        self._environment = environment
        self._first: FirstStop | None = None
        self.by_signal: dict[signal.Signals, Callable[[signal.Signals], None]] = {
            signal.SIGHUP: lambda _: self.reload(),
            signal.SIGTTIN: lambda _: self.have_workers(supervisor.crew.wanted + 1),
            signal.SIGTTOU: lambda _: self.have_workers(supervisor.crew.wanted - 1),
            signal.SIGUSR1: lambda _: self.reopen_logs(),
            signal.SIGUSR2: lambda _: self.upgrade(),
            signal.SIGTERM: self._stop_or_end,
            signal.SIGINT: self._stop_or_end,
            signal.SIGQUIT: lambda _: self.end(STOPPED),
        }
        if supervisor.succession is not None:
            supervisor.listen_to(supervisor.succession.channel, self._hear_predecessor)

    def take(self, number: int) -> None:
        """Do what a signal says. One that is in no table only has the supervisor look up."""
        order = self.by_signal.get(signal.Signals(number))
        if order is not None:
            order(signal.Signals(number))

    def reload(self) -> None:
        """Read the settings again, and replace the workers one by one. What is wrong is logged, and changes nothing."""
        supervisor = self._supervisor
        if supervisor.leaves:
            log.warning("Not reloaded: this server stops.")
            return
        outfit = supervisor.outfit
        outfit.leave()
        try:
            settings = self._read()
            make_logs_of_workers(settings)
            supervisor.reload(settings)
        except OperatorError as error:
            outfit.come_back()
            log.error("Not reloaded: %s", " ".join([str(error), *error.cure.splitlines()]))

    def have_workers(self, count: int) -> None:
        """Have so many workers, one at least."""
        crew, count = self._supervisor.crew, max(1, count)
        if count != crew.wanted:
            crew.wanted = count
            log.info("There %s.", "is to be 1 worker" if count == 1 else f"are to be {count} workers")

    def reopen_logs(self) -> None:
        """Have everybody open the logs anew: their files were moved away."""
        reopen_logs(LOGS_WITHIN)  # before the workers, who may not be allowed to make new ones
        try:
            make_logs_of_workers(self._supervisor.settings)  # which are others since a reload, maybe
        except OperatorError as error:
            log.error("Logs are not opened anew: %s", error)
        for member in self._supervisor.crew:
            member.channel.send("reopen")

    def stop(self) -> None:
        """Be not ready; after ``drain_delay``, answer what was accepted, and end. A successor that has not taken over
        stops too.
        """
        supervisor = self._supervisor
        self._tell_successor("stop", supervisor.settings.graceful_timeout + LAST_MOMENT)
        if supervisor.shared_doors is not None:  # whoever asks is served by the other supervisor
            supervisor.stop_at = min(supervisor.stop_at, time.monotonic())
            return
        delay = float(supervisor.settings.drain_delay)
        supervisor.stop_at = min(supervisor.stop_at, time.monotonic() + delay)
        supervisor.notifier.stopping("What was accepted is being answered")
        if delay:
            self.drain()

    def drain(self) -> None:
        """Be not ready any more, while everything is served: responses end their connections."""
        self._supervisor.unready = True
        for member in self._supervisor.crew.serving:
            member.channel.send("drain")

    def end(self, exit_code: int) -> None:
        """End everything at once."""
        supervisor = self._supervisor
        self._tell_successor("end", AT_ONCE)
        supervisor.exit_code = exit_code
        supervisor.stopping = supervisor.crew.stopping = True
        for member in supervisor.crew:
            member.end()

    def _stop_or_end(self, number: signal.Signals) -> None:
        """Stop; told again, end at once."""
        if self._first is not None and self._first.is_echoed_by(number):
            return
        supervisor = self._supervisor
        if self._first is not None or (supervisor.leaves and not supervisor.handed_over):
            self.end(SIGNALLED + number)
            return
        self._first = FirstStop(number)
        if sys.stderr.isatty():
            announce("\nStopping: what was accepted is being answered. Once more to stop at once.")
        self.stop()

    def upgrade(self) -> None:
        """Start another supervisor, today's, with the same sockets; leave when its workers are ready."""
        supervisor = self._supervisor
        if supervisor.successor is not None:
            log.warning("An upgrade is under way already, to process %d.", supervisor.successor.process.pid)
            return
        if supervisor.leaves:
            log.warning("Not upgraded: this server stops.")
            return
        try:
            successor = Upgrade(supervisor.doors, self._folder, self._environment, supervisor.settings)
        except OSError as error:
            log.error("Not upgraded: %s.", error.strerror)
            return
        supervisor.successor = successor
        log.info("Process %d is to succeed process %d.", successor.process.pid, os.getpid())
        supervisor.listen_to(successor.channel, lambda: self._hear_successor(successor))

    def _tell_successor(self, kind: str, within: float) -> None:
        """Pass on a stop, unless it is for this process alone."""
        successor = self._supervisor.successor
        if successor is None:
            return
        if time.monotonic() < successor.handed_at + UNHEARD:
            successor.tell(kind, within)
        else:
            log.warning("Process %d goes on: it has taken the place of this one.", successor.process.pid)

    def _hear_successor(self, successor: Upgrade) -> None:
        """Hand over once it is ready; go on if it has ended."""
        supervisor = self._supervisor
        try:
            successor.channel.receive()
        except EOFError:
            supervisor.forget(successor.channel)
            supervisor.successor = None
            code = successor.process.wait()
            if not supervisor.leaves:
                log.error("Not upgraded: the new process ended with %s. This one goes on.", name_of(code))
            elif not supervisor.handed_over:
                log.info("Not upgraded: this server stops, and process %d has ended.", successor.process.pid)
            return
        if supervisor.leaves:
            return  # and so does the successor: it has been told
        successor.channel.send("take")
        successor.handed_at = supervisor.stop_at = time.monotonic()
        supervisor.handed_over = True
        supervisor.notifier.ready(main_pid=successor.process.pid)

    def _hear_predecessor(self) -> None:
        """Do what the supervisor says that has started this one."""
        supervisor = self._supervisor
        assert supervisor.succession is not None
        try:
            messages = supervisor.succession.channel.receive()
        except EOFError:
            supervisor.be_alone()
            return
        for message in messages:
            if message["kind"] == "take":
                supervisor.take_over()
            elif message["kind"] == "stop":
                self.stop()
            else:
                self.end(STOPPED)
