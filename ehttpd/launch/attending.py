"""What a process does while its server serves: it tells the operator, takes commands, heeds signals, and stops.

The operator's room. Imported once the server listens: nobody waits for his answer because of what is here.
"""

from __future__ import annotations

import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence

from ehttpd.admin.control import controlled
from ehttpd.errors import OperatorError
from ehttpd.launch.application import Application
from ehttpd.launch.banner import announce, banner, warnings
from ehttpd.launch.cautions import cautions
from ehttpd.launch.ending import end_by
from ehttpd.launch.logs import reopen_logs
from ehttpd.launch.names import name_process
from ehttpd.logs import log
from ehttpd.server.notify import Notifier, Watchdog
from ehttpd.server.server import Server
from ehttpd.server.signals import BEYOND, HEEDED, RENEW, STOPPING, next_signal
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.admin.source import Source

# A client that was busy this long ago may be about to send its next request: see Server.stop.
PATIENCE = 1.0


def attend(
    server: Server,
    application: Application,
    settings: Settings,
    source: Callable[[], Source],
    inbox: socket.socket,
    began: float,
    shown_at: Sequence[str],
) -> None:
    """Be there for a server that listens until a signal, from ``inbox``, says stop; then have it answer what it has
    accepted.

    ``source`` tells of it, ``shown_at`` is where its figures are, and ``began`` is when the process did.
    """
    name_process(settings.name)
    notifier = Notifier()
    with controlled(settings, source), Watchdog(notifier, server.pulse):
        introduce(server, application, settings, time.perf_counter() - began, shown_at)
        notifier.ready(f"Serving {application.name} at {', '.join(server.addresses)}")
        while (number := next_signal(inbox, HEEDED)) not in STOPPING:
            heed(signal.Signals(number), server)
        notifier.stopping("What was accepted is being answered")
        if settings.drain_delay:
            server.drain()
            time.sleep(settings.drain_delay)
        finish(server, settings)


def introduce(
    server: Server, application: Application, settings: Settings, took: float, shown_at: Sequence[str]
) -> None:
    """Tell what is served and where, and what is unusual about it."""
    terminal = sys.stderr.isatty()
    announce(warnings(list(cautions(application.target, settings)), terminal=terminal), end="")
    announce(banner(application, server.addresses, settings, took, shown_at, terminal=terminal))


def heed(number: signal.Signals, server: Server) -> None:
    """Do what a signal says that does not stop."""
    if number in BEYOND:
        log.warning("%s is for a supervisor, and there is none: start with --supervise or --workers.", number.name)
        return
    reopen_logs()
    if number in RENEW:
        renew_certificates(server)
        log.info("Logs and certificates are opened anew. Code and settings stay: a reload of these wants --supervise.")


def renew_certificates(server: Server) -> None:
    """Read certificates again whose files have changed. What is wrong is logged, and changes nothing."""
    try:
        server.reload_certificates()
    except OperatorError as error:
        log.error("Certificates were not read again: %s", error)


def finish(server: Server, settings: Settings) -> None:
    """Answer what was accepted, then stop; the application's own threads have no longer than its requests."""
    if sys.stderr.isatty():
        announce("\nStopping: what was accepted is being answered. Once more to stop at once.")
    deadline = time.monotonic() + settings.graceful_timeout
    server.stop(grace=settings.graceful_timeout, patience=PATIENCE)
    end_by(deadline)
