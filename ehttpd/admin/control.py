"""The control socket: an operator's commands reach a server that was given no address for them.

The operating system's, unix(7): a name in Linux's abstract namespace is made of the number of the process, vanishes
with it, and needs no file, so a file system may be read-only. Such names have no permissions; the operating system says
instead who connects, and only the user of this process and root are listened to, who could kill it just as well.

Until somebody connects there is one thread that waits, and nothing else of this room is imported.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property

from ehttpd.logs import log
from ehttpd.server.server import Server
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.admin.source import Source

PREFIX = "@ehttpd-"  # then the number of the process
PENDING = 16
PAUSE = 0.1  # seconds
ROOT = 0


class Peer:
    """Who is at the other end of a Unix socket, as the operating system knows it."""

    __slots__ = ("group", "process", "user")

    def __init__(self, process: int, user: int, group: int) -> None:
        self.process = process
        self.user = user
        self.group = group

    @classmethod
    def of(cls, connected: socket.socket) -> Peer:
        """Return who connected, or, for who connected, whose socket that is."""
        names = struct.Struct("3i")
        return cls(*names.unpack(connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, names.size)))


def control_address(process: int) -> str:
    """Return the address at which a process takes commands, as an operator would write it."""
    return f"unix:{PREFIX}{process}"


class ControlSocket:
    """Shows what ``source`` tells, and has its commands done, from `start` until `stop`. Where its name
    cannot be had, there is a note at the level of debugging, and nothing else.
    """

    def __init__(self, source: Callable[[], Source]) -> None:
        """``source`` is called with the first connection."""
        self._source = source
        self._listening = socket.socket(socket.AF_UNIX)
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="ehttpd-control", daemon=True)

    def start(self) -> None:
        """Listen."""
        try:
            self._listening.bind(f"\0{PREFIX[1:]}{os.getpid()}")
            self._listening.listen(PENDING)
            self._thread.start()
        except (OSError, RuntimeError) as error:
            log.debug("There is no control socket: %s.", error)

    def stop(self) -> None:
        """Listen no more. To be called once."""
        self._over.set()
        if self._thread.ident is not None:
            self._listening.shutdown(socket.SHUT_RDWR)  # which ends the wait
            self._thread.join()
        self._listening.close()
        if "_server" in self.__dict__:
            self._server.stop()

    def _run(self) -> None:
        while not self._over.is_set():
            try:
                connected, _ = self._listening.accept()
            except OSError:  # this is the end, or there are no descriptors left
                self._over.wait(PAUSE)
                continue
            try:
                self._take(connected)
            except Exception:
                log.error("A command cannot be taken.", exc_info=True)
                connected.close()

    def _take(self, connected: socket.socket) -> None:
        peer = Peer.of(connected)
        if peer.user not in (ROOT, os.geteuid()):
            log.warning("The user %d may not command this process, and tried to.", peer.user)
            connected.close()
            return
        self._server.dispatch(connected)

    @cached_property
    def _server(self) -> Server:
        from ehttpd.admin.handler import Admin
        from ehttpd.admin.history import History

        source = self._source()
        admin = Admin(source, History(source), commands_from_anywhere=False)
        own = Settings(threads=(1, 2), graceful_timeout=1.0, limit_request_body="64k")
        return ServerOfGiven(admin, settings=own, name="ehttpd-control").start()


@contextmanager
def controlled(settings: Settings, source: Callable[[], Source]) -> Iterator[None]:
    """Take commands of the operator by the control socket, as far as ``settings`` and the system have one."""
    if settings.control_socket == "off" or not has_control_sockets():
        yield
        return
    control = ControlSocket(source)
    control.start()
    try:
        yield
    finally:
        control.stop()


class ServerOfGiven(Server):
    """Listens nowhere: connections are given to it, by `dispatch`."""

    def listen(self) -> None:
        pass


def has_control_sockets() -> bool:
    """Tell whether this system has what they are made of."""
    return sys.platform == "linux"
