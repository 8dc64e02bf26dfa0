"""A server in the process of the test, and peers that speak octets to it.

Knows sockets, and how a response ends, told here once more and independently of ehttpd.http11; not what is served.
"""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

from ehttpd.messages import Request, Response, View
from ehttpd.server.connection import Connection
from ehttpd.server.lane import Lane
from ehttpd.server.raw import ConnectionHandler
from ehttpd.server.server import Server

PATIENCE = 30.0  # Seconds, for anything that is bound to happen, on a machine that is busy.


def until(holds: Callable[[], object]) -> bool:
    """Wait for what announces itself to nobody."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline
        threading.Event().wait(0.001)
    return True


class Reply(NamedTuple):
    """A response as it arrived. ``fields`` by their names in lower case; ``whole``: it ended as its framing said."""

    status: int
    reason: str
    fields: dict[str, str]
    body: bytes
    whole: bool = True


class Peer:
    """One connection to a server: sends octets, reads responses."""

    def __init__(self, connected: socket.socket) -> None:
        connected.settimeout(PATIENCE)
        self.socket = connected
        self._file = connected.makefile("rb")

    def send(self, *pieces: bytes) -> None:
        for piece in pieces:
            self.socket.sendall(piece)

    def ask(self, target: str = "/", *fields: str, method: str = "GET", body: bytes = b"") -> Reply:
        """Send a request and return the response."""
        if body:
            fields = (*fields, f"Content-Length: {len(body)}")
        self.send("\r\n".join([f"{method} {target} HTTP/1.1", "Host: here", *fields, "", ""]).encode("latin-1") + body)
        return self.reply(method)

    def reply(self, method: str = "GET") -> Reply:
        """Read the next response, that to a request with ``method``."""
        _, _, status_text = self.line().partition(" ")
        code, _, reason = status_text.partition(" ")
        fields: dict[str, str] = {}
        while line := self.line():
            name, _, value = line.partition(": ")
            assert name.lower() not in fields, f"{name} stands there twice"
            fields[name.lower()] = value
        status = int(code)
        if method == "HEAD" or status < 200 or status in (204, 304):
            return Reply(status, reason, fields, b"")
        body, whole = self._body(fields)
        return Reply(status, reason, fields, body, whole)

    def line(self) -> str:
        line = self._file.readline()
        assert line.endswith(b"\r\n"), f"the connection ended with {line!r}"
        return line[:-2].decode("latin-1")

    def read(self, count: int) -> bytes:
        """Read so many octets, fewer if the connection ends."""
        return self._file.read(count)

    def rest(self) -> bytes:
        """Read until the connection ends."""
        return self._file.read()

    def ended(self) -> bool:
        """Wait for the next octet or the end; tell whether it was the end."""
        try:
            return self._file.read(1) == b""
        except ConnectionResetError:
            return True

    def half_close(self) -> None:
        self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def _body(self, fields: dict[str, str]) -> tuple[bytes, bool]:
        if "content-length" in fields:
            length = int(fields["content-length"])
            body = self.read(length)
            return body, len(body) == length
        if fields.get("transfer-encoding") != "chunked":
            return self.rest(), True
        body = b""
        while size_line := self._file.readline():
            size = int(size_line, 16)
            body += self.read(size)
            if not size:
                while self.line():
                    pass
                return body, True
            assert self.read(2) == b"\r\n"
        return body, False


class LiveServer(Server):
    """A `Server` on a port of the system's choice, with peers that are closed when it stops."""

    def __init__(
        self, handler: View | None = None, *, connection: ConnectionHandler | None = None, **options: Any
    ) -> None:
        super().__init__(handler, connection=connection, **{"bind": "127.0.0.1:0", **options})
        self.peers: list[Peer] = []
        self._queued = threading.Semaphore(0)

    @property
    def lane(self) -> Lane:
        assert self._lane is not None
        return self._lane

    def connect(self, listener: int = 0, receive_buffer: int = 0) -> Peer:
        """Connect to one of the listeners. A small ``receive_buffer`` makes a peer that takes little unasked."""
        place = self._listeners[listener]._socket
        connecting = socket.socket(place.family, socket.SOCK_STREAM)
        if receive_buffer:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connecting.settimeout(PATIENCE)
        peer = Peer(connecting)
        self.peers.append(peer)
        connecting.connect(place.getsockname())
        return peer

    def dispatch_pair(self) -> Peer:
        """Give the server one end of a pair of sockets, and return the other."""
        ours, theirs = socket.socketpair()
        peer = Peer(ours)
        self.peers.append(peer)
        self.dispatch(theirs)
        return peer

    def start(self) -> Self:
        super().start()
        enqueue = self.lane.pool.enqueue

        def counted(connection: Connection) -> bool:
            queued = enqueue(connection)
            if queued:
                self._queued.release()
            return queued

        self.lane.pool.enqueue = counted  # type: ignore[method-assign]
        return self

    def await_queued(self, count: int) -> None:
        """Wait until so many requests more have been put into the queue."""
        for _ in range(count):
            assert self._queued.acquire(timeout=PATIENCE), "nothing was queued"

    def hang_up(self) -> None:
        for peer in self.peers:
            peer.close()
        self.peers.clear()


@contextmanager
def serving(handler: View | None = None, **options: Any) -> Iterator[LiveServer]:
    """Serve until the block ends. Then nothing must be left: no thread, no connection, no request."""
    server = LiveServer(handler, **options)
    try:
        server.start()
        yield server
    finally:
        server.hang_up()
        complete = server.stop(grace=PATIENCE)
    assert complete, "something was not answered"
    assert server.lane.open_connections == server.lane.pool.queued == server.lane.pool.busy == 0


def hello(request: Request) -> Response:
    return Response.text("hello")


class Clock:
    """Stands for the module `time`: a moment that only a test moves."""

    now = 100.0

    def monotonic(self) -> float:
        return self.now


def come_true(holds: Callable[[], bool]) -> None:
    """Wait until something becomes true that nobody tells."""
    deadline = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < deadline, "it never came true"
        threading.Event().wait(0.001)


class Gate:
    """Where handlers wait until a test lets them go on. `arrived` counts those that came."""

    def __init__(self) -> None:
        self._arrivals = threading.Semaphore(0)
        self._open = threading.Event()

    def wait(self) -> None:
        self._arrivals.release()
        assert self._open.wait(PATIENCE), "nobody opened the gate"

    def await_arrivals(self, count: int = 1) -> None:
        for _ in range(count):
            assert self._arrivals.acquire(timeout=PATIENCE), "nobody came to the gate"

    def open(self) -> None:
        self._open.set()


@contextmanager
def in_parallel(*calls: Callable[[], object]) -> Iterator[None]:
    """Make each call in a thread of its own, and wait for all; the first that raised raises here."""
    failures: list[BaseException] = []

    def run(call: Callable[[], object]) -> None:
        try:
            call()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(call,), daemon=True) for call in calls]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        for thread in threads:
            thread.join(3 * PATIENCE)
    for failure in failures:
        raise failure
    assert not any(thread.is_alive() for thread in threads), "a peer did not come to its end"
