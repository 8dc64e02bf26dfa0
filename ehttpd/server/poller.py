"""Who has something to read, or room to write: epoll, kqueue, or what `selectors` has.

The operating system's. Level-triggered throughout. One thread waits at a time; any thread may register and unregister.
"""

from __future__ import annotations

import select
import selectors
import socket
import sys
import threading
from collections.abc import Callable, Sequence

from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import ClassVar

    from _typeshed import HasFileno

# What to wait for: something to read, room to write, or only that the client leaves.
READ, WRITE, DEPARTURE = 1, 2, 3
MOST_EVENTS = 256
# In seconds. The calls count milliseconds up to 2**31, and who has deadlines looks up once a day as well as never.
LONGEST_WAIT = 86400.0

Events = Sequence[tuple[int, int]]


class Poller(Protocol):
    """What a lane needs of the operating system.

    ``wait(seconds)`` returns a pair for each descriptor that is ready: the descriptor, and a number of no meaning. It
    waits for as long as it takes if ``seconds`` is None.
    """

    wait: Callable[[float | None], Events]

    def register(self, descriptor: int, interest: int) -> None: ...
    def modify(self, descriptor: int, interest: int) -> None: ...
    def unregister(self, descriptor: int) -> None: ...
    def close(self) -> None: ...


if sys.platform == "linux":

    class EpollPoller:
        """Linux. An error or hang-up makes a descriptor ready whatever the interest."""

        _MASKS: ClassVar = {READ: select.EPOLLIN, WRITE: select.EPOLLOUT, DEPARTURE: select.EPOLLRDHUP}

        def __init__(self) -> None:
            self._epoll = select.epoll()
            # Handed out as it is: a method around it would cost every request.
            self.wait: Callable[[float | None], Events] = self._epoll.poll

        def register(self, descriptor: int, interest: int) -> None:
            self._epoll.register(descriptor, self._MASKS[interest])

        def modify(self, descriptor: int, interest: int) -> None:
            self._epoll.modify(descriptor, self._MASKS[interest])

        def unregister(self, descriptor: int) -> None:
            self._epoll.unregister(descriptor)

        def close(self) -> None:
            self._epoll.close()


if sys.platform not in ("linux", "win32"):

    class KqueuePoller:
        """macOS and the BSDs."""

        def __init__(self) -> None:
            self._kqueue = select.kqueue()
            self._filters: dict[int, int] = {}

        def wait(self, seconds: float | None) -> Events:
            return [(event.ident, 0) for event in self._kqueue.control(None, MOST_EVENTS, seconds)]

        def register(self, descriptor: int, interest: int) -> None:
            # There is no filter for the end alone: what comes before it is an event too.
            self._filters[descriptor] = select.KQ_FILTER_WRITE if interest == WRITE else select.KQ_FILTER_READ
            self._change(descriptor, select.KQ_EV_ADD)

        def modify(self, descriptor: int, interest: int) -> None:
            self.unregister(descriptor)
            self.register(descriptor, interest)

        def unregister(self, descriptor: int) -> None:
            self._change(descriptor, select.KQ_EV_DELETE)
            del self._filters[descriptor]

        def close(self) -> None:
            self._kqueue.close()

        def _change(self, descriptor: int, flags: int) -> None:
            self._kqueue.control([select.kevent(descriptor, self._filters[descriptor], flags)], 0)


class SelectorPoller:
    """Whatever else there is: Windows, mostly. Here a change while another thread waits must wake that thread."""

    MASKS: ClassVar = {
        READ: selectors.EVENT_READ,
        WRITE: selectors.EVENT_WRITE,
        DEPARTURE: selectors.EVENT_READ,  # so what comes before it is an event too
    }

    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()
        self._lock = threading.Lock()
        self._changes: list[tuple[str, int, int]] = []
        self._inbox, self._outbox = socket.socketpair()
        self._inbox.setblocking(False)
        self._selector.register(self._inbox.fileno(), selectors.EVENT_READ)
        self._waiting = False

    def wait(self, seconds: float | None) -> Events:
        with self._lock:
            self._apply()
            self._waiting = True
        try:
            events = self._selector.select(seconds)
        except OSError:  # a descriptor was closed; that it is watched no more is among the changes
            if not self._changes:
                raise
            events = []
        finally:
            with self._lock:
                self._waiting = False
                self._apply()
        ready = []
        for key, _ in events:
            if key.fd == self._inbox.fileno():
                self._inbox.recv(4096)
            elif key.fd in self._selector.get_map():
                ready.append((key.fd, 0))
        return ready

    def register(self, descriptor: int, interest: int) -> None:
        self._change("register", descriptor, interest)

    def modify(self, descriptor: int, interest: int) -> None:
        self._change("modify", descriptor, interest)

    def unregister(self, descriptor: int) -> None:
        self._change("unregister", descriptor, 0)

    def close(self) -> None:
        self._selector.close()
        self._inbox.close()
        self._outbox.close()

    def _change(self, action: str, descriptor: int, interest: int) -> None:
        with self._lock:
            self._changes.append((action, descriptor, interest))
            if not self._waiting:
                self._apply()
            elif len(self._changes) == 1:  # the others are found with the first
                self._outbox.send(b"\0")

    def _apply(self) -> None:
        for action, descriptor, interest in self._changes:
            if action == "unregister":
                self._selector.unregister(descriptor)
            else:
                getattr(self._selector, action)(descriptor, self.MASKS[interest])
        self._changes.clear()


# Others take a descriptor for each who waits.
_Waiting: type[selectors.BaseSelector] = getattr(selectors, "PollSelector", selectors.SelectSelector)


def wait_for(
    connected: HasFileno, interest: int, seconds: float | None, signal: socket.socket | None = None
) -> bool:  # fmt: skip
    """Wait until one socket is ready, or there is something to read from ``signal``; for ``seconds`` at most. Tell
    whether that is so. Blocks: not for a leader.
    """
    with _Waiting() as selector:
        selector.register(connected, SelectorPoller.MASKS[interest])
        if signal is not None:
            selector.register(signal, selectors.EVENT_READ)
        return bool(selector.select(None if seconds is None else min(seconds, LONGEST_WAIT)))


def has_ended(connected: HasFileno) -> bool:
    """Tell whether the peer has ended its side of the connection, whatever it has sent before; False where nobody can
    tell.
    """
    if not hasattr(select, "POLLRDHUP"):
        return False
    poll = select.poll()
    poll.register(connected, select.POLLRDHUP)
    return bool(poll.poll(0))


def is_broken(connected: HasFileno) -> bool:
    """Tell whether a connection was reset, so that nothing reaches the peer any more; False where nobody can tell."""
    if not hasattr(select, "poll"):
        return False
    poll = select.poll()
    poll.register(connected, 0)
    return bool(poll.poll(0))


def new_poller() -> Poller:
    """Return the best poller of this platform."""
    if sys.platform == "linux":
        return EpollPoller()
    if sys.platform not in ("linux", "win32"):
        return KqueuePoller()
    return SelectorPoller()
