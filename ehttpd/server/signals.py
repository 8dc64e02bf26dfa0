"""Run a server in the main thread until SIGINT or SIGTERM.

For the ``serve`` functions, which promise that; a `Server` never touches signals. The interpreter runs a handler of
signals between two instructions of the main thread, so a signal that arrives just before that thread begins to wait
would be found at the end of the wait, which may be never. Therefore the signal itself writes into a socket, and the
main thread reads from it.
"""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import FrameType

from ehttpd.forks import tell_after_fork
from ehttpd.server.memory import own_process
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.server.server import Server

STOPPING = (signal.SIGINT, signal.SIGTERM)
# Logs were moved away; and what else can be read again without another process.
REOPEN = (signal.SIGUSR1,) if hasattr(signal, "SIGUSR1") else ()
RENEW = (signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()
# What only a supervisor can do; unheard, they would stop or end the process.
BEYOND = (signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2) if hasattr(signal, "SIGUSR2") else ()
HEEDED = (*REOPEN, *RENEW, *BEYOND)
ECHO = 0.25  # seconds
DRAINED = 0  # which is no signal's number


class FirstStop:
    """The first signal that said stop. The same one a moment later is an echo: terminals and ``timeout`` tell a whole
    group of processes, and whoever runs us in that group passes on what he was told.
    """

    def __init__(self, number: int) -> None:
        self._number = number
        self._heard_at = time.monotonic()

    def is_echoed_by(self, number: int) -> bool:
        """Tell whether a signal that comes now says nothing new."""
        return number == self._number and time.monotonic() < self._heard_at + ECHO


def run(server: Server) -> None:
    """Start ``server``, wait for a signal, drain. A second signal stops at once.

    Raises:
        RuntimeError: another thread than the main one has called it.
    """
    if threading.current_thread() is not threading.main_thread():
        raise RuntimeError("Signals come to the main thread only: serve there, or start a Server here.")
    own_process()
    with signals_as_octets() as (inbox, outbox):

        def drain() -> None:
            server.stop()
            try:
                outbox.send(bytes([DRAINED]))
            except OSError:  # nobody waits any more
                pass

        server.start()
        first = FirstStop(next_signal(inbox))
        try:
            threading.Thread(target=drain, name="ehttpd-stop", daemon=True).start()
        except RuntimeError:  # there are too many: here, then, and nobody hears a second signal meanwhile
            drain()
        while first.is_echoed_by(number := next_signal(inbox)):
            pass
        if number != DRAINED:
            server.stop(grace=0)


@contextmanager
def signals_as_octets(
    handler: Callable[[int, FrameType | None], None] = lambda number, frame: None,
    others: Sequence[signal.Signals] = (),
) -> Iterator[tuple[socket.socket, socket.socket]]:
    """Have each signal that stops, and the ``others``, send its number from the second of two sockets to the first; and
    call ``handler`` for those that stop.

    To wait for a lock or a queue instead could miss a signal that comes just before. Main thread only.
    """
    inbox, outbox = socket.socketpair()
    outbox.setblocking(False)
    before = {each: signal.signal(each, handler) for each in STOPPING}
    before |= {each: signal.signal(each, lambda number, frame: None) for each in others}
    heard = Heard(before, signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False))
    tell_after_fork(heard)
    try:
        yield inbox, outbox
    finally:
        heard.forsake()
        inbox.close()
        outbox.close()


class Heard:
    """What signals did before they were heard: in a process that the application forks, they do that again. What is
    sent to the child must not reach the parent.
    """

    def __init__(self, before: Mapping[signal.Signals, Any], descriptor: int) -> None:
        self._before = before
        self._descriptor = descriptor

    def forsake(self) -> None:
        signal.set_wakeup_fd(self._descriptor)
        for each, former in self._before.items():
            signal.signal(each, former)


def next_signal(inbox: socket.socket, others: Sequence[int] = ()) -> int:
    """Wait for a signal that stops or one of ``others``, or for the end of the drain; return its number."""
    while True:
        number = inbox.recv(1)[0]
        if number in STOPPING or number == DRAINED or number in others:
            return number
