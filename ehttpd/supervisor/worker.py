"""A worker process: is told what to serve, imports it, serves, and gives signs of life.

Started by the supervisor with the number of its end of the channel. The main thread listens to the supervisor and to
signals; lane and threads are the server's. When the supervisor is gone, the worker answers what it has accepted, and
ends.
"""

from __future__ import annotations

import faulthandler
import gc
import math
import select
import signal
import socket
import sys
import time
from collections.abc import Callable

from ehttpd.admin.source import CommandRefused, set_log_level
from ehttpd.errors import OperatorError, SettingsError
from ehttpd.launch.application import Application, load_application
from ehttpd.launch.attending import PATIENCE
from ehttpd.launch.cautions import cautions
from ehttpd.launch.ending import end, end_by
from ehttpd.launch.logs import close_logs, reopen_logs
from ehttpd.launch.names import name_process
from ehttpd.launch.serve import end_quietly, make_server, prepare_logging, raise_descriptor_limit, requests_told
from ehttpd.logs import log
from ehttpd.server.memory import own_process
from ehttpd.server.server import read_certificates
from ehttpd.server.signals import REOPEN, signals_as_octets
from ehttpd.settings import Given, Settings
from ehttpd.supervisor.board import seat_at
from ehttpd.supervisor.channel import Channel, Message, beat_every
from ehttpd.supervisor.expiry import MIB, Expiry, resident_memory
from ehttpd.supervisor.hooks import Hooks, Worker
from ehttpd.supervisor.privileges import give_up_privileges
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.tls.socket import Identity

# What is for the supervisor, which tells its workers what to do.
IGNORED = (signal.SIGINT, signal.SIGHUP, signal.SIGUSR2, signal.SIGTTIN, signal.SIGTTOU, signal.SIGWINCH)
FAILED = 3
SHED_AT_MOST = 0.5  # seconds


def main() -> int:
    """Do what the supervisor says at the other end of the channel whose descriptor is the first argument."""
    channel = Channel(socket.socket(fileno=int(sys.argv[1])))
    try:
        order = channel.first()
    except EOFError:
        return 0
    try:
        exit_code = run(channel, order)
    finally:
        close_logs()
    return end(exit_code) if exit_code else exit_code


def run(channel: Channel, order: Message) -> int:
    """Serve as the supervisor's ``order`` says, and return the exit code."""
    prepare_signals()
    settings = settings_of(order)
    try:
        # Keys are for root alone on many systems. When they are renewed, HUP makes workers that read the new ones.
        identity = read_certificates(settings)
        give_up_privileges(settings)
        return work(channel, order, settings, identity, lambda: load_application(settings))
    except OperatorError as error:
        return report_failure(channel, error)


def settings_of(order: Message) -> Settings:
    """Return the settings that the supervisor has sent."""
    return Settings.from_sources({name: Given(*given) for name, given in order["settings"].items()})


def work(
    channel: Channel, order: Message, settings: Settings, identity: Identity | None, load: Callable[[], Application]
) -> int:  # fmt: skip
    """Serve what ``load`` returns, as ``identity`` if TLS is spoken, and return the exit code.

    Raises:
        OperatorError: there is nothing to serve.
    """
    name_process(settings.name, f"w{order['number']}")
    prepare_logging(settings, order["number"])
    hooks, view = Hooks.of(settings), Worker(order["number"], settings)
    hooks.call("post_fork", view)
    working = Working(channel, order, settings, load(), hooks, view, identity)
    return working.run()


def prepare_signals() -> None:
    """Leave Ctrl+C and a closed terminal to the supervisor; have fatal signals write the stacks of all threads."""
    for each in IGNORED:
        signal.signal(each, signal.SIG_IGN)
    signal.signal(signal.SIGQUIT, end_quietly)
    faulthandler.enable()


def report_failure(channel: Channel, error: OperatorError) -> int:
    """Tell the supervisor why there is nothing to serve, and return the exit code."""
    channel.send("failed", message=str(error), cure=error.cure, usage=isinstance(error, SettingsError))
    return FAILED


class Working:
    """A worker that has its application."""

    def __init__(
        self,
        channel: Channel,
        order: Message,
        settings: Settings,
        application: Application,
        hooks: Hooks,
        view: Worker,
        identity: Identity | None,
    ) -> None:
        self._channel = channel
        self._settings = settings
        self._application = application
        self._hooks = hooks
        self._view = view
        self._expiry = Expiry(settings)
        self._server = make_server(application, settings.replace(bind=order["bind"]), multiprocess=True)
        if identity is not None:
            self._server.be(identity)
        if self._expiry.counts:
            self._server.add_recorder(self._expiry)
        seat = seat_at(order["board"], order["seat"])
        if seat is not None:
            self._server.share(seat)
        self._server.listen()
        self._looked = time.monotonic()  # when the lane was told to look up
        self._leaves = False
        self._deadline = math.inf  # for what was accepted, once it is told to stop

    def run(self) -> int:
        """Serve until the supervisor, a signal or a limit says stop; return the exit code."""
        gc.freeze()  # what was imported stays: the garbage collector need not look at it again and again
        raise_descriptor_limit()
        own_process()
        with signals_as_octets(others=REOPEN) as (inbox, outbox):
            self._expiry.tell = lambda: outbox.send(b"\0")
            self._server.start()
            self._hooks.call("post_worker_init", self._view)
            self._expiry.settle()
            application = self._application
            self._channel.send(
                "ready",
                name=application.name,
                written_for=application.kind.value,
                description=application.description,
                unusual=[(each.sentence, each.cure) for each in cautions(application.target, self._settings)],
            )
            with requests_told(self._server, self._settings):
                self._listen(inbox)
        self._hooks.call("worker_exit", self._view)
        end_by(self._deadline)
        return 0

    def _listen(self, inbox: socket.socket) -> None:
        """Obey until the server has stopped."""
        beat = beat_every(self._settings.worker_timeout)
        poll = select.poll()
        poll.register(self._channel, select.POLLIN)
        poll.register(inbox, select.POLLIN)
        while True:
            ready = [descriptor for descriptor, _ in poll.poll(self._expiry.soonest(beat) * 1000)]
            if inbox.fileno() in ready:
                self._take_signals(inbox.recv(64))
            if self._channel.fileno() in ready and self._obey():
                return
            self._beat()
            self._ask_to_leave(self._expiry.reached())

    def _obey(self) -> bool:
        """Do what the supervisor says; tell whether the server has stopped."""
        try:
            messages = self._channel.receive()
        except EOFError:
            log.warning("The supervisor is gone: what was accepted is answered, and this worker ends.")
            self._stop(float(self._settings.graceful_timeout), shared=False)
            return True
        for message in messages:
            if message["kind"] == "stop":
                self._stop(message["grace"], shared=message["shared"])
                return True
            if message["kind"] == "drain":
                self._server.drain()
            elif message["kind"] == "ask":
                self._channel.send("answer", number=message["number"], result=self._answer(**message))
            elif message["kind"] == "shed":
                self._server.shed(SHED_AT_MOST)
            elif message["kind"] == "reopen":
                reopen_logs()
        return False

    def _answer(self, what: str, argument: str, **_: object) -> object:
        """Return what somebody wants to know, or whether what he wants is done."""
        if what == "snapshot":
            return self._server.snapshot(str(self._view.number))
        if what == "threads":
            return self._server.activities()
        if what == "turns":
            return self._server.turns()
        try:
            return True, set_log_level(argument), ""
        except CommandRefused as refusal:
            return False, str(refusal), refusal.cure

    def _stop(self, grace: float, *, shared: bool) -> None:
        self._deadline = time.monotonic() + grace
        self._server.stop(grace=grace, patience=PATIENCE, shared=shared)

    def _take_signals(self, numbers: bytes) -> None:
        if signal.SIGTERM in numbers:
            self._ask_to_leave("signal")
        if signal.SIGUSR1 in numbers:
            reopen_logs()

    def _beat(self) -> None:
        """Give a sign of life, if connections were looked after since the last; let go of what others should have."""
        if self._server.pulse() >= self._looked:
            self._channel.send("beat")
        self._looked = time.monotonic()
        self._server.shed(SHED_AT_MOST)

    def _ask_to_leave(self, reason: str) -> None:
        """Ask to be replaced, once."""
        if reason and not self._leaves:
            self._leaves = True
            self._channel.send("leave", reason=reason, memory=resident_memory() // MIB)


if __name__ == "__main__":
    sys.exit(main())
