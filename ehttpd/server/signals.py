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
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.server import Server

STOPPING = (signal.SIGINT, signal.SIGTERM)
DRAINED = 0  # which is no signal's number


def run(server: Server) -> None:
    """Start ``server``, wait for a signal, drain. A second signal stops at once. Main thread only."""
    with signals_as_octets() as (inbox, outbox):

        def drain() -> None:
            server.stop()
            try:
                outbox.send(bytes([DRAINED]))
            except OSError:  # nobody waits any more
                pass

        server.start()
        next_signal(inbox)
        threading.Thread(target=drain, name="ehttpd-stop", daemon=True).start()
        if next_signal(inbox) != DRAINED:
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
    descriptor = signal.set_wakeup_fd(outbox.fileno(), warn_on_full_buffer=False)
    try:
        yield inbox, outbox
    finally:
        signal.set_wakeup_fd(descriptor)
        for each, former in before.items():
            signal.signal(each, former)
        inbox.close()
        outbox.close()


def next_signal(inbox: socket.socket, others: Sequence[int] = ()) -> int:
    """Wait for a signal that stops or one of ``others``, or for the end of the drain; return its number."""
    while True:
        number = inbox.recv(1)[0]
        if number in STOPPING or number == DRAINED or number in others:
            return number
