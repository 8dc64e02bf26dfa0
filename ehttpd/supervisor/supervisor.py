"""The supervisor: opens the listening sockets, starts workers, watches them, and has orders carried out.

One thread, the main one, waits for signals, for what workers say and for the time of the next look; it does everything
by itself. Others, such as the admin's, have things done by it through `have_done`. It never touches a connection, and
imports nothing of the application but hooks.
"""

from __future__ import annotations

import math
import os
import selectors
import signal
import socket
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence

from ehttpd.errors import ApplicationImportError, ListenError
from ehttpd.launch.banner import announce, banner, warnings
from ehttpd.launch.names import name_process
from ehttpd.launch.pidfile import SUCCESSOR, PidFile
from ehttpd.launch.serve import STOPPED, with_port_holder
from ehttpd.logs import log
from ehttpd.server.notify import Notifier, Watchdog
from ehttpd.server.poller import LONGEST_WAIT
from ehttpd.server.signals import signals_as_octets
from ehttpd.settings import Settings
from ehttpd.supervisor.births import Births, name_of
from ehttpd.supervisor.board import Board
from ehttpd.supervisor.channel import Channel, Message, beat_every
from ehttpd.supervisor.crew import Crew
from ehttpd.supervisor.described import Described
from ehttpd.supervisor.doors import Doors
from ehttpd.supervisor.hooks import Hooks, View, Worker
from ehttpd.supervisor.member import Member, Phase, failure_of
from ehttpd.supervisor.outfit import Outfit, kept
from ehttpd.supervisor.upgrade import Succession, Upgrade

Hear = Callable[[], None]


class Supervisor:
    """Workers for ``settings``. ``births`` makes what starts workers, once for each reload."""

    def __init__(self, settings: Settings, births: Callable[[Supervisor, Settings], Births], began: float) -> None:
        self.outfit = Outfit(settings, Doors(), births(self, settings))
        self._started_with = settings
        self._outdated: list[Outfit] = []  # the first one is what the last reload that succeeded has made
        self.notifier = Notifier()
        self.hooks = Hooks()
        self.succession = Succession.begun()
        self.successor: Upgrade | None = None
        self.exit_code = STOPPED
        self.stopping = False
        self.stop_at = math.inf  # when the drain begins
        self.unready = False  # workers were told that a stop is to follow, and so is who comes later
        self.handed_over = False  # another supervisor goes on with the sockets
        self.started = time.time()
        self.application = ""  # its name, once a worker has found it
        self.take_answer: Callable[[Member, Message], None] | None = None  # of a worker that was asked
        self.shown_at: Sequence[str] = ()  # where figures are
        self.when_alone: Callable[[], None] = lambda: None  # what only one supervisor at a time can do
        self.crew = Crew(settings.workers, self._start_worker, lambda: float(self.settings.graceful_timeout))
        self._new_births = births
        self.told = 0  # the generation that was last said to be complete
        self._began = began
        self._looked = 0.0
        self._looks_at = math.inf  # the latest moment of the next look, so that signs of life are heard in time
        self._board = Board()
        self._pid_file: PidFile | None = None
        self._selector = selectors.DefaultSelector()
        self._errands: deque[Callable[[], None]] = deque()
        self._inbox, self._outbox = socket.socketpair()
        self._inbox.setblocking(False)

    @property
    def settings(self) -> Settings:
        """What workers are started with now."""
        return self.outfit.settings

    @property
    def doors(self) -> Doors:
        """The listening sockets of now."""
        return self.outfit.doors

    @property
    def leaves(self) -> bool:
        """Whether it was told to stop, or has handed over."""
        return self.stopping or self.stop_at < math.inf

    @property
    def shared_doors(self) -> Doors | None:
        """The listening sockets with which another supervisor goes on: the successor, or the predecessor still."""
        if self.handed_over:
            return self.doors
        if self.succession is not None and not self.succession.handed_over:
            return self.succession.doors
        return None

    # The life

    def run(self, orders: Callable[[int], None], watched: list[signal.Signals]) -> int:
        """Supervise until an order says stop; return the exit code. ``orders`` is told the signals that arrive.

        Raises:
            OperatorError: it could not start.
        """
        with signals_as_octets(others=[*watched, signal.SIGCHLD]) as (inbox, _):

            def take_signals() -> None:
                for number in inbox.recv(1024):
                    orders(number)

            self.listen_to(inbox, take_signals)
            self.listen_to(self._inbox, self._do_errands)
            try:
                self._begin()
                self._looked = time.monotonic()
                with Watchdog(self.notifier, self._pulse):
                    while True:
                        soonest = self._look()
                        if self._over:
                            break
                        self._wait(soonest)
            finally:
                self._end()
        return self.exit_code

    @property
    def _over(self) -> bool:
        """Whether a stop has been carried out: by all workers, and by a successor that was not to be."""
        return self.stopping and self.crew.empty and (self.successor is None or self.handed_over)

    def _pulse(self) -> float:
        """Return when everything was looked after last, and have it be. The watchdog's thread."""
        self.have_done(lambda: None)
        return self._looked

    def listen_to(self, source: socket.socket | Channel, hear: Hear) -> None:
        """Have ``hear`` called when there is something to read from ``source``."""
        self._selector.register(source, selectors.EVENT_READ, hear)

    def forget(self, source: socket.socket | Channel) -> None:
        """Listen to it no more, and close it."""
        self._selector.unregister(source)
        source.close()

    def have_done(self, errand: Callable[[], None]) -> None:
        """Have something done by the thread that does everything. Any thread."""
        self._errands.append(errand)
        self._outbox.send(b"\0")

    def _do_errands(self) -> None:
        self._inbox.recv(1024)
        while self._errands:
            self._errands.popleft()()

    @property
    def view(self) -> View:
        """What hooks learn."""
        return View(self.settings, self.doors.addresses(self.settings), [each.pid for each in self.crew.serving])

    def _begin(self) -> None:
        settings = self.settings
        name_process(settings.name)
        succeeds = self.succession is not None
        if self.succession is not None:
            self.outfit.doors = self.succession.doors
        try:
            self.outfit.doors = self.doors.open(settings)
        except ListenError as error:
            raise with_port_holder(error) from error
        if self.succession is not None:
            self.succession.kept = self.doors
        if settings.pid:
            self._pid_file = PidFile(settings.pid + (SUCCESSOR if succeeds else ""))
            self._pid_file.write()
        if not succeeds:
            self.when_alone()
        self.hooks = Hooks.of(settings)
        self.hooks.call("on_starting", self.view)

    def _look(self) -> float:
        """Look after everything once; return when to look again."""
        now = time.monotonic()
        self._excuse(now - self._looks_at, now)
        self._looked = now
        self._reap(now)
        if now >= self.stop_at and not self.stopping:
            self._drain(now)
        for member in self.crew:
            member.look_after(now)
        if self.successor is not None:
            self.successor.look_after(now)
        again = self.crew.arrange(now)
        if self.crew.complete and self.told != self.crew.generation:
            self._became_complete()
        stop_at = math.inf if self.stopping else self.stop_at
        kill_at = self.successor.kill_at if self.successor is not None else math.inf
        shortest = self._shortest_timeout
        self._looks_at = now + beat_every(shortest) if shortest < math.inf else math.inf
        return min([self._looks_at, stop_at, kill_at, again, *(each.next_look() for each in self.crew)])

    @property
    def _shortest_timeout(self) -> float:
        """How long the most impatient of the workers may be silent: a reload may have told some another time."""
        return min((each.timeout for each in self.crew if each.timeout), default=math.inf)

    def _excuse(self, late: float, now: float) -> None:
        """Give workers the time that this process is ``late``: it was stopped, or the machine was, or a hook took long.

        What they said meanwhile is not read yet, or they were stopped as well.
        """
        timeout = self._shortest_timeout
        if late <= beat_every(timeout):
            return
        for member in self.crew:
            member.excuse(late, now)
        if late > timeout:
            log.warning("The supervisor stood still for %.0f s. Signs of life are waited for anew.", late)

    def _wait(self, soonest: float) -> None:
        """Wait for the next event, until ``soonest`` at most, and take it."""
        for key, _ in self._selector.select(max(0.0, min(soonest - time.monotonic(), LONGEST_WAIT))):
            hear: Hear = key.data
            hear()

    def _drain(self, now: float) -> None:
        """Have all workers answer what was accepted, and end."""
        self.stopping = True
        shared = self.shared_doors
        if shared is None:
            self.doors.seal()
        else:
            shared.leave_files()
        self.crew.stop(now, float(self.settings.graceful_timeout), shared=shared is not None)
        if shared is None:
            self.doors.let_go()

    def _end(self) -> None:
        try:
            self._end_processes()
            self.hooks.call("on_exit", self.view)
        finally:  # a hook may leave by sys.exit
            self._let_go()

    def _end_processes(self) -> None:
        self.stopping = self.crew.stopping = True
        for member in self.crew:  # but for a failure there are none
            member.end()
        while True:
            self._reap(time.monotonic())
            if self.crew.empty:
                break
            self._wait(time.monotonic() + 0.05)
        for outfit in (self.outfit, *self._outdated):
            outfit.births.close()
            outfit.births.end()

    def _let_go(self) -> None:
        """Close what is open, and leave no file."""
        if self.shared_doors is not None:
            self.shared_doors.leave_files()
        for outfit in (self.outfit, *self._outdated):
            outfit.doors.close()
        if self._pid_file is not None:
            self._pid_file.remove()
        if self.handed_over:
            self._wait(time.monotonic())  # for a stop, which is the successor's as well
        self._selector.close()
        self._board.close()
        self._inbox.close()
        self._outbox.close()

    # Workers

    def _start_worker(self, number: int, generation: int) -> Member:
        seat = self._board.take()
        descriptors = self.doors.descriptors
        order = {
            "settings": {name: (each.value, each.origin) for name, each in self.settings.given.items()},
            "bind": self.doors.binds,
            "number": number,
            "board": self._board.descriptor,
            "seat": seat,
        }
        try:
            process, channel = self.outfit.births.start(order, [*descriptors, self._board.descriptor])
        except OSError:
            self._board.give_back(seat)
            raise
        timeout = float(self.settings.worker_timeout)
        member = Member(number, seat, generation, process, channel, time.monotonic(), timeout)
        self.listen_to(channel, lambda: self._hear(member))
        log.debug("%s starts.", member)
        return member

    def _hear(self, member: Member) -> None:
        """Take what a worker says."""
        try:
            messages = member.channel.receive()
        except EOFError:
            self._selector.unregister(member.channel)
            member.deaf = True
            return
        now = time.monotonic()
        for message in messages:
            member.heard_at = now
            kind = message.pop("kind")
            if kind == "ready" and member.phase is Phase.BOOTING:  # else it was ended meanwhile
                member.became_ready(message, now)
                self.application = message["name"]
                log.debug("%s is ready.", member)
                if self.unready:
                    member.channel.send("drain")
                self.crew.became_ready(member, now)
            elif kind == "failed":
                member.failure = failure_of(message)
            elif kind == "answer" and self.take_answer is not None:
                self.take_answer(member, message)
            elif kind == "leave":
                reason, memory = message["reason"], message["memory"]
                log.info("%s is to be replaced: %s. It takes %d MiB of memory.", member, reason, memory)
                member.expiring = message["reason"]

    def _reap(self, now: float) -> None:
        """Take note of workers that have ended."""
        for member in list(self.crew):
            code = member.process.ended()
            if code is None:
                continue
            while not member.deaf:
                self._hear(member)  # its last words
            booting = member.phase is Phase.BOOTING
            member.report_end(code)
            member.channel.close()
            self._board.give_back(member.seat)
            self.crew.ended(member, now)
            self.hooks.call("child_exit", self.view, Worker(member.number, self.settings, member.pid, code))
            if booting and not self.stopping:
                self._could_not_start(member, code)

    def _could_not_start(self, member: Member, code: int) -> None:
        """Decide what follows from a worker that ended before it was ready."""
        error = member.failure or ApplicationImportError(
            f"a worker ended with {name_of(code)} before it was ready.", "What it said is above."
        )
        if not self.told:
            raise error
        if member.failure is not None:
            log.error("%s could not start: %s", member, " ".join([str(error), *error.cure.splitlines()]))
        if self.crew.reloading and member.generation == self.crew.generation:
            self._abandon_reload()

    def reload(self, settings: Settings) -> None:
        """Have every worker replaced by one with other settings and today's code.

        Raises:
            ListenError: an address cannot be listened on. Then nothing has changed.
        """
        doors = self.doors.open(settings)
        self.notifier.reloading("Workers are replaced")
        self.outfit.workers = self.crew.wanted
        self._outdated.append(self.outfit)
        self.outfit = Outfit(settings, doors, self._new_births(self, settings))
        self.hooks.call("on_reload", self.view)
        self.crew.wanted = settings.workers
        self.crew.reload(time.monotonic())

    def _abandon_reload(self) -> None:
        """Go on as if there had been no reload."""
        log.error("Not reloaded: the workers that there are go on.")
        failed, self.outfit = [self.outfit, *self._outdated[1:]], self._outdated[0]
        self._outdated.clear()
        for outfit in failed:
            outfit.discard(self.outfit)
        self.outfit.come_back()
        self.crew.wanted = self.outfit.workers
        self.crew.abandon_reload(time.monotonic(), self.told)
        self.told = self.crew.generation
        self.notifier.ready()

    def _became_complete(self) -> None:
        """Tell the world that all workers serve, after the start and after each reload."""
        first, self.told = not self.told, self.crew.generation
        for outfit in self._outdated:
            outfit.discard(self.outfit)
        self._outdated.clear()
        addresses = self.doors.addresses(self.settings)
        who = "1 worker serves" if self.crew.wanted == 1 else f"{self.crew.wanted} workers serve"
        self.notifier.ready(f"{who} at {', '.join(addresses)}")
        if not first:
            log.info("Reloaded: %s with today's code and settings.", who)
            self._tell_what_is_kept()
            return
        facts = Described(**self.crew.serving[0].facts)
        seconds = time.perf_counter() - self._began
        terminal = sys.stderr.isatty()
        announce(warnings(facts.unusual, terminal=terminal), end="")
        settings = self.settings.replace(workers=self.crew.wanted)
        announce(banner(facts, addresses, settings, seconds, self.shown_at, terminal=terminal))
        if self.succession is not None:
            self.succession.channel.send("ready")
        self.hooks.call("when_ready", self.view)

    def _tell_what_is_kept(self) -> None:
        if names := kept(self._started_with, self.settings):
            log.warning("The supervisor keeps its %s until an upgrade (USR2) or a new start.", ", ".join(names))
        if names := self.doors.kept(self.settings):
            log.warning("Addresses that were open keep their %s until a new start.", ", ".join(names))

    # After another supervisor

    def take_over(self) -> None:
        """Be the one that is meant: the predecessor is about to leave."""
        assert self.succession is not None
        self.succession.handed_over = True
        if self._pid_file is not None:
            self._pid_file.become(self.settings.pid)

    def be_alone(self) -> None:
        """Be the only supervisor: the predecessor has ended."""
        assert self.succession is not None
        self.forget(self.succession.channel)
        self.succession.doors.close(but=self.succession.kept)
        self.succession = None
        if self.leaves:
            return
        self.when_alone()
        if self._pid_file is not None:
            self._pid_file.become(self.settings.pid)
        log.info("Process %d succeeds the one before.", os.getpid())
