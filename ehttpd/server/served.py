"""What others may do to a connection that a thread serves: answer in its place, and learn that its client has left."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from socket import SocketType

from ehttpd.errors import ConnectionLost
from ehttpd.logs import log
from ehttpd.messages import Request
from ehttpd.messages.naming import given_name, new_name
from ehttpd.server.poller import has_ended
from ehttpd.server.sender import Sender
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.lane import Lane


class Served(Sender):
    """A connection as the lane sees it while a thread serves it."""

    __slots__ = ("claim", "left", "request", "when_left")

    def __init__(
        self, connected: SocketType, remote: tuple[str, int], local: tuple[str, int], lane: Lane
    ) -> None:  # fmt: skip
        super().__init__(connected, remote, local, lane)
        self.request: Request | None = None
        self.claim: list[Request] | None = None  # of the thread that serves a request with a deadline
        self.left = False  # the client has left while it was served
        self.when_left: list[Callable[[], object]] | None = None  # what to call then

    def name_of(self, request: Request) -> str:
        header = self.settings.request_id_header
        if not header:
            return new_name()
        return given_name(request.headers.get(header)) or new_name()

    # The claim: who answers a request with a deadline

    def claim_answer(self) -> None:
        """Have it that this thread answers. Raises ConnectionLost if the lane has answered in its place."""
        if self.claim is not None:
            try:
                self.claim.pop()
            except IndexError:
                with self.lane.lock:  # the lane is about to answer
                    pass
                raise ConnectionLost("the deadline had passed, and 504 was sent") from None
            self.claim = None

    def give_up(self) -> Request | None:
        """Have it that the lane answers, and return the request; None if the thread that serves it has begun to."""
        try:
            return self.claim.pop() if self.claim is not None else None
        except IndexError:
            return None

    @property
    def given_up(self) -> bool:
        """Whether the lane has answered in the place of the thread that serves the connection."""
        return self.claim is not None and not self.claim

    # The client that leaves

    def has_left(self) -> bool:
        if not self.left:
            try:
                self.left = not self.socket.recv(1, socket.MSG_PEEK) or has_ended(self.socket)
            except BlockingIOError:
                pass
            except OSError:
                self.left = True
        return self.left

    def call_when_left(self, call: Callable[[], object]) -> bool:
        with self.lane.lock:
            if not self.left:
                if self.when_left is None:
                    self.when_left = []
                self.when_left.append(call)
            return not self.left

    def client_left(self) -> None:
        """Tell those who wanted to know. The leader's, with the lane's lock held."""
        self.left = True
        calls, self.when_left = self.when_left, None
        if calls and self.request is None:  # else the next request waits, and they are those of one that was answered
            try:
                threading.Thread(target=_call_all, args=(calls,), name="ehttpd-departure", daemon=True).start()
            except RuntimeError as error:
                log.error("Cannot start a thread: %s. What was to be done when a client left is not done.", error)


def _call_all(calls: list[Callable[[], object]]) -> None:
    for call in calls:
        try:
            call()
        except Exception:  # an application's
            log.error("What was to be done when the client left failed.", exc_info=True)
