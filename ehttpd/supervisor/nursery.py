"""``--preload``: a process that imports the application once, and forks the workers.

It has one thread and serves nobody, so a fork copies no lock that is held. What was imported is shared by all workers
until they write to it. It is a fresh interpreter itself: a reload starts another one.

The supervisor says ``start`` with the settings; ``fork`` with an order, and the worker's end of its channel;
``signal``; ``last`` when nothing more is to be forked. The nursery says ``imported`` when it can hear all that, then
``born`` and ``ended``, each with the ``birth`` that it is about. If the application cannot be imported, each worker
that was to be forked has failed.
"""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import sys
from collections.abc import Callable

from ehttpd.errors import OperatorError
from ehttpd.launch.application import Application, load_application
from ehttpd.launch.ending import end
from ehttpd.launch.logs import close_logs
from ehttpd.launch.names import name_process
from ehttpd.server.server import read_certificates
from ehttpd.server.signals import signals_as_octets
from ehttpd.settings import Settings
from ehttpd.supervisor.channel import Channel, Message
from ehttpd.supervisor.privileges import give_up_privileges
from ehttpd.supervisor.worker import FAILED, prepare_signals, report_failure, settings_of, work
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.tls.socket import Identity

RECEIVE_AT_ONCE = 1 << 16


class Nursery:
    """The process, at its end of the channel to the supervisor."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._received = b""
        self._descriptors: list[int] = []
        self._children: dict[int, int] = {}  # process -> birth
        self._settings: Settings
        self._application: Application | None = None
        self._identity: Identity | None = None
        self._failure = OperatorError("Nothing was imported.")
        self._has_imported = False
        self._last = False
        self._birth: Callable[[], int] | None = None  # what a forked process is to do

    def run(self) -> int:
        """Fork until the supervisor wants no more and all children have ended; return the exit code."""
        prepare_signals()
        with signals_as_octets():  # a stop is the supervisor's
            while not self._has_imported:
                if not self._obey():
                    return end(0)
            self._bear()
        return self._birth() if self._birth is not None else end(0)

    def _bear(self) -> None:
        """Fork, once the application is imported, until no more is wanted; in a process that was forked, return."""
        # Only now, for what was imported may have set handlers of its own.
        with signals_as_octets(others=[signal.SIGCHLD]) as (inbox, _):
            poll = select.poll()
            poll.register(self._socket, select.POLLIN)
            poll.register(inbox, select.POLLIN)
            while not (self._last and not self._children):
                ready = [descriptor for descriptor, _ in poll.poll()]
                if inbox.fileno() in ready:
                    inbox.recv(1024)
                    self._reap()
                if self._socket.fileno() in ready and not self._obey():
                    return
                if self._birth is not None:
                    return

    def _obey(self) -> bool:
        """Do what the supervisor says; tell whether it is there."""
        data, descriptors, _, _ = socket.recv_fds(self._socket, RECEIVE_AT_ONCE, 16)
        if not data:
            return False
        self._descriptors += descriptors
        *lines, self._received = (self._received + data).split(b"\n")
        for line in lines:
            self._take(json.loads(line))
            if self._birth is not None:
                break
        return True

    def _take(self, message: Message) -> None:
        kind = message["kind"]
        if kind == "start":
            self._import(message)
        elif kind == "fork":
            self._fork(message, self._descriptors.pop(0))
        elif kind == "signal":
            process = next((each for each, birth in self._children.items() if birth == message["birth"]), None)
            if process is not None:
                os.kill(process, message["number"])
        elif kind == "last":
            self._last = True

    def _import(self, message: Message) -> None:
        self._settings = settings_of(message)
        name_process(self._settings.name, "nursery")
        try:
            self._identity = read_certificates(self._settings)
            give_up_privileges(self._settings)
            self._application = load_application(self._settings)
        except OperatorError as error:
            self._failure = error
        gc.freeze()  # and no page is copied because the garbage collector has looked at it
        self._has_imported = True
        self._say("imported")

    def _fork(self, order: Message, descriptor: int) -> None:
        birth: int = order["birth"]
        with socket.socket(fileno=descriptor) as theirs:
            if self._application is None:
                self._fail(birth, theirs, self._failure)
                return
            try:
                process = os.fork()
            except OSError as error:  # no memory, too many processes: later, perhaps
                self._fail(birth, theirs, OperatorError(f"this process cannot be forked: {error.strerror}."))
                return
            if process == 0:
                channel = Channel(socket.socket(fileno=theirs.detach()))
                self._socket.close()
                for each in self._descriptors:
                    os.close(each)
                self._birth = lambda: be_born(channel, order, self._settings, self._identity, self._application)
                return
        self._children[process] = birth
        self._say("born", birth=birth, pid=process)

    def _fail(self, birth: int, theirs: socket.socket, error: OperatorError) -> None:
        """Say, for a worker that was to be forked, why it is not."""
        report_failure(Channel(theirs), error)
        self._say("ended", birth=birth, code=FAILED)

    def _reap(self) -> None:
        for process in list(self._children):
            found, status = os.waitpid(process, os.WNOHANG)
            if found:
                birth = self._children.pop(process)
                self._say("ended", birth=birth, code=os.waitstatus_to_exitcode(status))

    def _say(self, kind: str, **values: object) -> None:
        try:
            self._socket.sendall(json.dumps({"kind": kind, **values}).encode() + b"\n")
        except OSError:
            self._last = True  # nobody is there to say more


def be_born(
    channel: Channel, order: Message, settings: Settings, identity: Identity | None, application: Application | None
) -> int:  # fmt: skip
    """Be a worker, in a process that was forked."""
    assert application is not None
    try:
        return work(channel, order, settings, identity, lambda: application)
    except OperatorError as error:
        return report_failure(channel, error)
    finally:
        close_logs()


if __name__ == "__main__":
    sys.exit(Nursery(socket.socket(fileno=int(sys.argv[1]))).run())
