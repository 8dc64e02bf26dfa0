"""A port that is ours for as long as the test wants it, whether anybody answers there or not.

The operating system's. A guard holds the number: it is bound and never listens, so the listener beside it can be closed
(connections are refused) and opened again, and nobody else gets the port meanwhile. Where ports are not shared, as on
Windows, there is no guard.
"""

from __future__ import annotations

import os
import select
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from ehttpd.errors import ListenError
from ehttpd.forks import tell_after_fork
from ehttpd.server.lane import Lane
from ehttpd.server.listener import Address, Listener

PATIENCE = 10.0  # Seconds, for the leader to look up.
# Seconds. On loopback the kernel answers at once: a queue that has not done so by then is full.
FULL_AFTER = 0.02
SHARES_PORTS = hasattr(socket, "SO_REUSEPORT")


class Switch(Listener):
    """Has the leader of a lane do something. To the lane it looks like a listener to which nobody connects."""

    def __init__(self) -> None:
        self._mine, self._others = socket.socketpair()
        self._mine.setblocking(False)
        self._calls: deque[Callable[[], None]] = deque()
        self.name = "switch"

    def fileno(self) -> int:
        return self._mine.fileno()

    def accept(self) -> tuple[socket.socket, Address]:
        self._mine.recv(4096)
        while self._calls:
            self._calls.popleft()()
        raise BlockingIOError

    def ask(self, call: Callable[[], None]) -> None:
        """Have the leader make a call, and wait until it has. Raises TimeoutError if nobody leads."""
        done = threading.Event()

        def call_and_tell() -> None:
            try:
                call()
            finally:
                done.set()

        self._calls.append(call_and_tell)
        self._others.send(b"\0")
        if not done.wait(PATIENCE):
            raise TimeoutError("The server does not respond.")

    def close(self) -> None:
        self._mine.close()
        self._others.close()

    forsake = close


class Port:
    """A listener on a TCP port that is kept while it is closed."""

    def __init__(self, host: str, port: int, backlog: int, wrap: Callable[[socket.socket, str], Listener]) -> None:
        self._backlog = backlog
        self._wrap = wrap
        self._family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            self._guard = self._bound((host, port), shared=False)
        except (OSError, OverflowError) as error:  # a port beyond 65535 is the latter
            why = error.strerror if isinstance(error, OSError) else str(error).rstrip(".")
            raise ListenError(f"cannot listen on {host}:{port}: {why}.", "Let the system choose: port 0.") from None
        self._place = self._guard.getsockname()[:2]
        if not SHARES_PORTS:
            self._guard.close()
        tell_after_fork(self)
        try:
            self.listener = self.open()
        except BaseException:
            self.close()
            raise

    def _bound(self, place: Address, *, shared: bool) -> socket.socket:
        """Return a socket that is bound, with others that are ``shared`` or as the first; later ones may join it."""
        bound = socket.socket(self._family)
        try:
            if SHARES_PORTS:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, shared)
            if os.name == "posix":  # elsewhere it means something else
                # Connections of an earlier server may linger on the port; a server that still listens there is refused.
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, place[1] != 0)
            bound.bind(place)
            if SHARES_PORTS:
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
        except BaseException:
            bound.close()
            raise
        return bound

    def open(self) -> Listener:
        """Listen, and return the listener."""
        listening = self._bound(self._place, shared=True)
        host, port = self._place
        listening.listen(self._backlog)
        self.listener = self._wrap(listening, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        return self.listener

    def close(self) -> None:
        """Give the port back."""
        self._guard.close()

    def forsake(self) -> None:
        """Leave it to the parent, in a process that was forked."""
        self._guard.close()

    @contextmanager
    def refusing(self, lane: Lane, switch: Switch) -> Iterator[None]:
        """Have connections refused while the block runs; those that exist live on."""
        refused = self.listener
        switch.ask(lambda: lane.entrance.remove(refused))
        refused.close()
        try:
            yield
        finally:
            opened = self.open()
            switch.ask(lambda: lane.entrance.add([opened]))

    @contextmanager
    def swallowing(self, lane: Lane, switch: Switch) -> Iterator[None]:
        """Leave connections unanswered while the block runs, so that connecting times out."""
        listener = self.listener
        switch.ask(lambda: lane.entrance.remove(listener))
        listening = socket.fromfd(listener.fileno(), self._family, socket.SOCK_STREAM)
        listening.listen(0)
        parked: list[socket.socket] = []
        try:
            while self._takes_another(parked):
                pass
            yield
        finally:
            for each in parked:
                each.close()
            listening.listen(self._backlog)
            listening.close()
            switch.ask(lambda: lane.entrance.add([listener]))

    def _takes_another(self, parked: list[socket.socket]) -> bool:
        """Connect once more, to fill the kernel's queue, which holds one now; tell whether there was room."""
        connecting = socket.socket(self._family)
        connecting.setblocking(False)
        parked.append(connecting)
        connecting.connect_ex(self._place)
        return bool(select.select([], [connecting], [], FULL_AFTER)[1])
