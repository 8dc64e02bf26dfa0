"""The sending half of a connection: what leaves now, what is held back, and what the client has not taken yet.

The owner's only, but for what is said of the relief and of the lane.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from socket import SocketType

from ehttpd.errors import ConnectionLost, ServiceUnavailable
from ehttpd.messages import Client
from ehttpd.server.output import SEND_AT_ONCE, Output
from ehttpd.server.poller import WRITE, wait_for
from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

    from ehttpd.messages.tls import TLS
    from ehttpd.server.lane import Lane
    from ehttpd.settings import Settings

# How much output waits for more of it.
HELD_AT_MOST = 1 << 16


class Connected(Protocol):
    """What a connection calls of its socket, which does not block: a plain one, or one that speaks TLS."""

    def fileno(self) -> int: ...
    def recv(self, size: int, flags: int = 0, /) -> bytes: ...
    def recv_into(self, view: WriteableBuffer, /) -> int: ...
    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int: ...
    def getsockopt(self, level: int, option: int, /) -> int: ...
    def setsockopt(self, level: int, option: int, value: bytes, /) -> None: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class Sender(Client):
    """Sends to a client without blocking, unless it says so."""

    __slots__ = ("apart", "held", "lane", "output", "settings", "socket")

    def __init__(self, connected: SocketType, remote: tuple[str, int], local: tuple[str, int], lane: Lane) -> None:
        super().__init__(remote, local, lane.scheme)
        self.socket: Connected = connected
        self.lane = lane
        self.settings: Settings = lane.settings
        self.output: Output | None = None
        self.held = b""  # output that waits for more of it; see `write_soon`
        self.apart = False  # the thread that serves it has left the pool for a while

    @property
    def tls(self) -> TLS | None:
        return getattr(self.socket, "tls", None)

    def send(self, data: bytes) -> None:
        """Send what the peer takes now, up to a turn's share, and keep the rest as unsent output. Raises
        ConnectionLost.
        """
        try:
            sent = self.socket.send(data if len(data) <= SEND_AT_ONCE else memoryview(data)[:SEND_AT_ONCE])
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise ConnectionLost(str(error)) from None
        if sent != len(data):
            self.send_later(memoryview(data)[sent:])

    def send_later(self, data: memoryview) -> None:
        """Keep data as unsent output, after what there is of it."""
        if self.output is None:
            self.output = Output(self.lane.budget)
        self.output.append(data)

    def push(self, data: bytes) -> None:
        """Send data after what is unsent, as far as the peer takes it now. Raises ConnectionLost."""
        if self.output is None:
            self.send(data)
        else:
            self.output.append(data)
            self.flush()

    def write(self, data: bytes) -> None:
        """Send data after what is unsent; wait if more than ``output_buffer`` octets would be. Raises
        ConnectionLost.
        """
        self.push(data)
        if self.output is not None and self.output.size > self._most_unsent:
            self._wait_for_room()

    @property
    def _most_unsent(self) -> int:
        """How much of a stream may be unsent: less where the whole server holds too much."""
        most = self.settings.output_buffer
        return min(most, HELD_AT_MOST) if self.lane.budget.exceeded else most

    def write_soon(self, data: bytes) -> None:
        """As `write`, but small pieces that follow each other quickly leave together.

        PEP 3333 wants transmission to go on while the application produces its next piece. So data is held back only on
        the lead, where the relief watches: it sends what is held when it takes the lead from a piece that takes long.
        Without that, many small pieces would cost a system call each.
        """
        pool = self.lane.pool
        if not pool.hold_lease(self):
            with self.lane.lock:  # the relief may be about to send what was held
                pass
            self.write(data)
            return
        if self.held:
            data = self.held + data
        if len(data) < self.lane.held_at_most and self.output is None:
            self.held = data
            pool.return_lease(self)
            return
        self.held = b""
        pool.return_lease(self)
        self.write(data)

    def write_held(self) -> None:
        """Send what was held back. Raises ConnectionLost."""
        pool, data = self.lane.pool, b""
        if pool.hold_lease(self):
            data, self.held = self.held, b""
            pool.return_lease(self)
        else:
            with self.lane.lock:  # the relief may be about to send what was held
                pass
        if data:
            self.write(data)

    def check_taken(self) -> None:
        """Raises ConnectionLost if the peer has closed: nobody takes what was sent since then."""
        error = self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise ConnectionLost(os.strerror(error))

    def send_held(self) -> None:
        """Send what the peer takes now of what was held back. The owner's, or the relief's which has just taken the
        lease.
        """
        data, self.held = self.held, b""
        if data:
            try:
                self.send(data)
            except ConnectionLost:
                self.hang_up()  # so that its owner finds out

    def hang_up(self) -> None:
        """End both directions: who reads or writes next, or waits for that, learns of it."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # the client has closed
            pass

    def flush(self) -> None:
        """Send what the peer takes now of the unsent output. Raises ConnectionLost."""
        assert self.output is not None
        try:
            self.output.send(self.socket)
        except (OSError, EOFError) as error:
            raise ConnectionLost(str(error), self) from None
        if not self.output:
            self._drop_output()

    def _wait_for_room(self) -> None:
        since, moved = time.monotonic(), 0
        while self.output is not None and self.output.size > self._most_unsent // 2:
            now = time.monotonic()
            if not self.wait_until(WRITE, self.paced(now, since, self.settings.send_timeout, moved) - now):
                raise ConnectionLost("the client was silent for too long")
            before = self.output.size
            self.flush()
            moved += before - (self.output.size if self.output is not None else 0)

    def wait_until(self, interest: int, seconds: float, *, in_place: bool = True) -> bool:
        """Wait until there is something to read or room to write, off the lead; False after ``seconds``.

        Raises ServiceUnavailable if so many wait already that the caller would have to keep its place, unless it may:
        ``in_place``.
        """
        pool = self.lane.pool
        paused = not self.apart and pool.pause(self)
        if not (paused or self.apart or in_place):
            raise ServiceUnavailable("The server is busy: it waits for as many clients as it may.")
        try:
            return wait_for(self.socket, interest, max(0.0, seconds))
        finally:
            if paused:
                pool.places.resume(self)

    def _drop_output(self) -> None:
        output, self.output = self.output, None
        if output is not None:
            output.close()

    def paced(self, now: float, since: float, timeout: float, moved: int) -> float:
        """Return the deadline of a transfer: ``timeout`` of silence, and the minimum rate ``since`` it began."""
        rate = self.settings.minimum_rate
        silent = now + timeout
        return min(silent, since + timeout + moved / rate) if rate else silent

    def abort(self) -> None:
        """Have `close` reset the connection, so that no client takes what it got for complete."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def cut_off(self, data: bytes) -> None:
        """Send data, and nothing after it. Not the owner's, who only closes the connection from now on."""
        try:
            if self.output is None:  # else it would be taken for a part of what was not sent whole
                self.socket.send(data)
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass
