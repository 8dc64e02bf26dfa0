"""Serve one application in this process until a signal: the server, from nothing until it listens.

The operator's room. What follows is attending.py's; how the words were read is commands/'s.
"""

from __future__ import annotations

import errno
import gc
import os
import signal
import socket
from collections.abc import Callable
from contextlib import AbstractContextManager, chdir, nullcontext
from functools import cache, partial
from types import FrameType

from ehttpd.errors import ListenError
from ehttpd.launch.application import Application
from ehttpd.launch.kind import Kind
from ehttpd.launch.logs import open_logs, recorder, reopen_logs, wants_environs, wants_names
from ehttpd.launch.surroundings import current_folder
from ehttpd.server.memory import own_process
from ehttpd.server.server import Server
from ehttpd.server.signals import HEEDED, STOPPING, FirstStop, signals_as_octets
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import NoReturn

    from ehttpd.admin.server import AdminServer
    from ehttpd.admin.source import Source
    from ehttpd.launch.pidfile import PidFile

STOPPED = 0
SIGNALLED = 128  # plus the number of the signal
INTERRUPTED = SIGNALLED + signal.SIGINT


def prepare_logging(settings: Settings, worker: int = 0, owner: tuple[int, int] | None = None) -> None:
    """Open what is to be logged to. Python's logging is configured when there is something to log. Messages name the
    ``worker``, if this is one; files that are made are ``owner``'s, a user's and a group's.
    """
    open_logs(settings, worker, owner)


class Stopped(KeyboardInterrupt):
    """A signal said stop before anything was served."""


def serve(load: Callable[[], Application], settings: Settings, began: float) -> int:
    """Serve what ``load`` returns until a signal arrives, and return the exit code. ``began`` is when the process did.

    Signals are heard from the first: the process with the number 1 is not ended by any that it does not hear, and
    others would be ended by HUP. What does not stop is kept until there is something that heeds it.
    """
    end, folder = AtOnce(settings), current_folder()
    if hasattr(signal, "SIGQUIT"):
        signal.signal(signal.SIGQUIT, lambda number, frame: end(STOPPED))
    try:
        with signals_as_octets(stop_at_once, HEEDED) as (kept, _):
            return serve_loaded(load(), settings, began, kept, end, folder)
    except Stopped:
        return STOPPED


class AtOnce:
    """Ends this process there and then, and removes what others would take for the files of one that is there."""

    def __init__(self, settings: Settings) -> None:
        self.server: Server | None = None
        self._pid_file: PidFile | None = None
        if settings.pid:
            from ehttpd.launch.pidfile import PidFile

            self._pid_file = PidFile(settings.pid)

    def __call__(self, exit_code: int) -> NoReturn:
        try:
            if self.server is not None:
                self.server.remove_files()
            if self._pid_file is not None:
                self._pid_file.remove()
        finally:
            os._exit(exit_code)


def serve_loaded(
    application: Application, settings: Settings, began: float, kept: socket.socket, end: AtOnce, folder: str
) -> int:  # fmt: skip
    """Serve ``application``, started in ``folder``. Signals that came before are in ``kept``."""
    gc.freeze()  # what was imported stays: the garbage collector need not look at it again and again
    raise_descriptor_limit()
    own_process()
    server = end.server = make_server(application, settings)
    source = cache(lambda: local_source(server, application))
    admin = make_admin(source, settings)
    # Once more, for what was imported may have set handlers of its own.
    with signals_as_octets(partial(leave_next_time, end=end), HEEDED) as (inbox, outbox):
        pass_on(kept, outbox)
        try:
            with chdir(folder):  # the application may have left it, and a Unix socket may lie in it
                server.listen()
            server.start()
            if admin is not None:
                admin.start()
        except ListenError as error:
            raise with_port_holder(error) from error
        from ehttpd.launch.attending import attend  # while it serves already

        with requests_told(server, settings):
            attend(server, application, settings, source, inbox, began, admin.addresses if admin is not None else [])
        if admin is not None:
            admin.stop()
    return STOPPED


def make_server(application: Application, settings: Settings, *, multiprocess: bool = False) -> Server:
    """Return a server for an application of any kind; ``multiprocess``: other processes serve it as well."""
    counts = wants_figures(settings)
    if application.kind is Kind.CONNECTION:
        return Server(connection=application.target, settings=settings, counts=counts)
    if application.kind is Kind.NATIVE:
        handler = application.target
    else:
        from ehttpd.wsgi import adapt

        named, kept = wants_names(settings), wants_environs(settings)
        given = bool(settings.request_id_header)
        handler = adapt(application.target, multiprocess=multiprocess, named=named, given=given, kept=kept)
    if settings.static:
        from ehttpd.launch.static import with_static

        handler = with_static(handler, settings.static)
    return Server(handler, settings=settings, record=recorder(), counts=counts)


def wants_figures(settings: Settings) -> bool:
    """Tell whether anybody wants figures: then requests are to be counted."""
    return bool(settings.admin or settings.statsd_host)


def local_source(server: Server, application: Application) -> Source:
    """Return what tells of the one server of this process."""
    from ehttpd.admin.source import LocalSource

    return LocalSource(server, application.name, {"stop": stop_by_signal, "reopen-logs": reopen})


def make_admin(source: Callable[[], Source], settings: Settings) -> AdminServer | None:
    """Return what shows figures, None if nobody wants them."""
    if not wants_figures(settings):
        return None
    from ehttpd.admin.server import AdminServer

    return AdminServer(source(), settings)


def requests_told(server: Server, settings: Settings) -> AbstractContextManager[object]:
    """Return what has statsd told of the requests of ``server`` until the block ends, if it is to be told."""
    if not settings.statsd_host:
        return nullcontext()
    from ehttpd.admin.statsd import RequestsTold, Statsd

    statsd = Statsd.of(settings)
    assert statsd is not None
    return RequestsTold(statsd, lambda: server.snapshot()["requests"])


def reopen() -> str:
    """Open the logs anew."""
    reopen_logs()
    return "Logs are opened anew."


def stop_by_signal() -> str:
    """Have this process end as an operator would."""
    signal.raise_signal(signal.SIGTERM)  # os.kill would end it there and then on Windows
    return "Stopping: what was accepted is being answered."


def pass_on(kept: socket.socket, outbox: socket.socket) -> None:
    """Send on what is in ``kept``: also a stop, if what was imported took no notice of the exception."""
    kept.setblocking(False)
    try:
        outbox.send(kept.recv(1024))
    except BlockingIOError:  # nothing is
        pass


def stop_at_once(number: int, frame: FrameType | None) -> None:
    """Give up the start."""
    raise Stopped


def end_quietly(number: int, frame: FrameType | None) -> None:
    """End the process there and then, as was wanted."""
    os._exit(STOPPED)


def leave_next_time(number: int, frame: FrameType | None, end: Callable[[int], NoReturn] = os._exit) -> None:
    """Take the first signal; the second one ends the process there and then, by ``end``.

    The exit code is then 128 and the number of the signal, as a shell would report it.
    """
    first = FirstStop(number)

    def leave(number: int, frame: FrameType | None) -> None:
        if not first.is_echoed_by(number):
            end(SIGNALLED + number)

    for again in STOPPING:
        signal.signal(again, leave)


def raise_descriptor_limit() -> None:
    """Let the process open as many files and sockets as the system allows it."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    except (OSError, ValueError):  # macOS names an unlimited hard limit, and then refuses it
        return


def with_port_holder(error: ListenError) -> ListenError:
    """Return ``error`` with the process that holds the port, if that is what is wrong and we can see it."""
    port = error.address.rpartition(":")[2]
    if error.errno != errno.EADDRINUSE or not port.isdigit():
        return error
    from ehttpd.launch.port_holder import port_holder

    holder = port_holder(int(port))
    cure = f"By {holder}.\n{error.cure}" if holder else error.cure
    return ListenError(str(error), cure, address=error.address, errno=error.errno)
