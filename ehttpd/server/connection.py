"""One client: its socket, its reader, its state, its deadline, and the output it has not taken yet.

The owner's only: the lane's while the connection rests, one thread's while it is served. A method never acts for the
owner; it returns what the connection needs next.
"""

from __future__ import annotations

import enum
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from ehttpd.errors import (
    BadRequest,
    ConnectionLost,
    InsufficientStorage,
    RequestRefused,
    RequestTimeout,
    ServiceUnavailable,
)
from ehttpd.fields import FieldLine
from ehttpd.http11.limits import Limits
from ehttpd.http11.reader import RequestReader
from ehttpd.http11.state import State
from ehttpd.http11.writer import CONTINUE
from ehttpd.logs import log
from ehttpd.messages import Client, Request, Response
from ehttpd.server.body import BLOCK_FROM, DECODE_AT_ONCE, BodyBuffer, SizedBody
from ehttpd.server.output import SEND_AT_ONCE, Output
from ehttpd.server.poller import READ, WRITE, wait_for

if TYPE_CHECKING:
    from ehttpd.server.exchange import HTTPService
    from ehttpd.server.lane import Lane
    from ehttpd.server.stream import BodyStream
    from ehttpd.server.tunnel import Tunnel
    from ehttpd.settings import Settings

# How much output waits for more of it.
HELD_AT_MOST = 1 << 16
# How much is thrown away of what a refused client still sends, before it is cut off.
MOST_LINGERING = 1 << 20


class Next(enum.Enum):
    """What a connection needs of its owner."""

    WAIT = "wait until there is something to read"
    SEND = "wait until there is room to write"
    SERVE = "run the exchange"
    CLOSE = "close it"


# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_IDLE, _HEAD, _LINGER = State.IDLE, State.HEAD, State.LINGER
_WAIT, _SERVE = Next.WAIT, Next.SERVE


class Connection(Client):
    """One connection. A request knows it as its ``client``."""

    __slots__ = (
        "_head_counted",
        "_linger_left",
        "_persistent",
        "_progress",
        "_received",
        "_since",
        "answered",
        "body",
        "claim",
        "deadline",
        "descriptor",
        "held",
        "interest",
        "lane",
        "left",
        "output",
        "reader",
        "refusal",
        "request",
        "sent_octets",
        "settings",
        "socket",
        "state",
        "stream",
        "when_left",
    )  # fmt: skip

    def __init__(
        self,
        connected: socket.socket,
        remote: tuple[str, int],
        local: tuple[str, int],
        lane: Lane,
        limits: Limits,
        now: float,
    ) -> None:
        super().__init__(remote, local)
        self.socket = connected
        self.descriptor = connected.fileno()
        self.lane = lane
        self.settings: Settings = lane.settings
        self.reader = RequestReader(limits)
        self.state = State.IDLE
        self.interest = 0  # what the poller watches for: READ, WRITE, or 0 while it does not
        self.output: Output | None = None
        self.held = b""  # output that waits for more of it; see `write_soon`
        self.body: BodyBuffer | SizedBody | None = None
        self.request: Request | None = None
        self.refusal: RequestRefused | None = None
        # The response's, while it is produced piece by piece; or what the connection has become that left HTTP.
        self.stream: BodyStream | Tunnel | None = None
        self.answered: Response | None  # for the record of an exchange, if one is made
        self.sent_octets: int
        self._head_counted = 0
        self.claim: list[Request] | None = None  # of the thread that serves a request with a deadline
        self.left = False  # the client has left while it was served
        self.when_left: list[Callable[[], object]] | None = None  # what to call then
        self.deadline = now + self.settings.header_timeout

    @property
    def route(self) -> str:
        """The method and the first segment of the path of the current request."""
        line = self.reader.line
        if line.derived is None:
            line.derived = f"{line.method} {line.target.partition('?')[0][1:].partition('/')[0]}"
        return line.derived

    # What the lane tells it ...

    def receive(self, data: bytes, now: float) -> Next:
        """Take what was received."""
        state = self.state
        if state is _LINGER:
            self._linger_left -= len(data)
            return Next.WAIT if self._linger_left > 0 else Next.CLOSE
        try:
            request = self.reader.next_request(self, data)
            if request is None:
                return self._wait_for_head(now)
            if state is _HEAD:
                self._count_head(0)
            self.request = request
            if self.reader.in_body:
                return self._begin_body(now)
        except RequestRefused as refusal:
            return self.refuse(refusal)
        return _SERVE

    def _wait_for_head(self, now: float) -> Next:
        if self.state is not _HEAD and self.reader.pending:
            self.state = _HEAD
            self.deadline = now + self.settings.header_timeout
        self._count_head(self.reader.pending)
        return _WAIT

    def _count_head(self, count: int) -> None:
        """Count ``count`` octets for a head that is not whole. Raises ServiceUnavailable."""
        budget, counted = self.lane.budget, self._head_counted
        if count > counted:
            budget.take(count - counted)
        else:
            budget.give_back(counted - count)
        self._head_counted = count

    def move(self, now: float) -> Next:
        """Send unsent output, or receive more of a body."""
        if self.output is not None:
            return self._continue_sending(now)
        body = self.body
        try:
            if isinstance(body, SizedBody):
                count = body.receive(self.socket)
            else:
                data = self.socket.recv(DECODE_AT_ONCE)
                count = len(data)
                self.reader.receive(data)
        except BlockingIOError:
            return Next.WAIT
        except OSError:
            return Next.CLOSE
        except ServiceUnavailable as refusal:
            return self.refuse(refusal)
        if not count:
            return self.receive_end()
        self._received += count
        return self._read_body(now)

    def receive_end(self) -> Next:
        """Take it that the client will send no more (RFC 9112 §8)."""
        if self.state is State.BODY:
            return self.refuse(BadRequest("The body ended before its length."))
        if self.state is State.HEAD:
            return self.refuse(BadRequest("The request ended in the middle of its head."))
        return Next.CLOSE

    def expire(self, now: float) -> Next:
        """Take it that the deadline has passed."""
        if self.state is State.IDLE:
            return self._rest(now)
        if self.state is State.HEAD:
            return self.refuse(RequestTimeout("The head of the request took too long."))
        if self.state is State.BODY:
            return self.refuse(RequestTimeout("The body of the request took too long."))
        return Next.CLOSE

    def _continue_sending(self, now: float) -> Next:
        assert self.output is not None
        try:
            sent = self.output.send(self.socket)
        except (OSError, EOFError):
            return Next.CLOSE
        if self.output:
            if sent:
                self._progress += sent
                self.deadline = self._paced(now, self.settings.send_timeout, self._progress)
            return Next.SEND
        self._drop_output()
        return self._after_response(now)

    # ... and the thread that serves it

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

    def write(self, data: bytes) -> None:
        """Send data after what is unsent; wait if more than ``output_buffer`` octets would be. Raises
        ConnectionLost.
        """
        if self.output is None:
            self.send(data)
        else:
            self.output.append(data)
            self.flush()
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

    def write_held(self, data: bytes = b"") -> None:
        """Send what `write_soon` held back, and ``data`` with it. Raises ConnectionLost."""
        pool = self.lane.pool
        if pool.hold_lease(self):
            if self.held:
                data, self.held = self.held + data, b""
            pool.return_lease(self)
        else:
            with self.lane.lock:  # the relief may be about to send what was held
                pass
        if data:
            self.write(data)

    def send_held(self) -> None:
        """Send what the peer takes of what was held back. The relief's, which has just taken the lease."""
        data, self.held = self.held, b""
        if data:
            try:
                self.send(data)
            except ConnectionLost:
                pass  # its owner will find out

    @property
    def response_begun(self) -> bool:
        return self.stream is not None and self.stream.started

    def start_response(self, request: Request, status: int, headers: Iterable[FieldLine]) -> Callable[[bytes], None]:
        service: HTTPService = self.lane.service  # type: ignore[assignment]
        return service.start_response(self, request, status, headers)

    def send_interim(self, request: Request, status: int, headers: Iterable[FieldLine]) -> None:
        service: HTTPService = self.lane.service  # type: ignore[assignment]
        service.send_interim(self, request, status, headers)

    def take_over(self) -> Tunnel:
        service: HTTPService = self.lane.service  # type: ignore[assignment]
        return service.take_over(self)

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

    def cut_off(self, data: bytes) -> None:
        """Send data, and nothing after it. Not the owner's, who only closes the connection from now on."""
        try:
            self.socket.send(data)
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    # The client that leaves

    def has_left(self) -> bool:
        if not self.left:
            try:
                self.left = not self.socket.recv(1, socket.MSG_PEEK)
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
            threading.Thread(target=_call_all, args=(calls,), name="ehttpd-departure", daemon=True).start()

    def answer(self, octets: bytes, persistent: bool, now: float) -> Next:
        """Send a whole response, and end the exchange. Raises ConnectionLost."""
        try:
            sent = self.socket.send(octets)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            raise ConnectionLost(str(error)) from None
        if persistent and sent == len(octets) and not self.reader.unread:
            self.state = _IDLE
            self.deadline = now + self.lane.rests_after
            return _WAIT
        if sent != len(octets):
            self.send_later(memoryview(octets)[sent:])
        return self.finish(persistent, now)

    def finish(self, persistent: bool, now: float) -> Next:
        """End an exchange whose output has all been produced."""
        self._persistent = persistent
        if self.output is None:
            return self._after_response(now)
        self.state = State.RESPONSE
        self._since, self._progress = now, 0
        self.deadline = now + self.settings.send_timeout
        return Next.SEND

    def retire(self, now: float) -> Next:
        """End what left HTTP: the client may still read what was written last."""
        return self._linger(now)

    def refuse(self, refusal: RequestRefused) -> Next:
        """Have ``refusal`` answered instead of a request."""
        if self.body is not None:
            self.body.discard()
            self.body = None
        self.request = None
        self.refusal = refusal
        self.state = State.HANDLER
        return Next.SERVE

    def wait_readable(self, seconds: float) -> None:
        """Wait until there is something to read, off the lead. Raises ConnectionLost after ``seconds``."""
        self._wait(READ, seconds)

    def abort(self) -> None:
        """Have `close` reset the connection, so that no client takes what it got for complete."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        """Close it and let go of everything."""
        if self._head_counted:
            self._count_head(0)
        if self.state is _LINGER:
            self._wake_readers()
        self.state = State.CLOSED
        self.request = None  # it knows its client, and a circle would wait for the garbage collector
        if self.output is not None:
            self._drop_output()
        if self.body is not None:
            self.body.discard()
            self.body = None
        self.socket.close()

    def _wake_readers(self) -> None:
        """Have threads look up that a program which left HTTP has left behind, reading."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:  # the client has closed
            pass

    def _begin_body(self, now: float) -> Next:
        reader, in_memory = self.reader, self.settings.body_memory
        self.state = State.BODY
        self._since, self._received = now, reader.pending
        waits = reader.section.expects_continue and not reader.pending
        if max(reader.pending, BLOCK_FROM) < reader.section.body_length <= in_memory:
            self.body = SizedBody(reader.section.body_length, reader.release_body(), self.lane.blocks)
        else:
            self.body = BodyBuffer(in_memory, self.lane.budget)
        if waits:
            try:
                self.socket.send(CONTINUE)
            except OSError:
                return Next.CLOSE
        return self._read_body(now)

    def _read_body(self, now: float) -> Next:
        body = self.body
        assert body is not None
        assert self.request is not None
        try:
            complete = body.complete if isinstance(body, SizedBody) else self._decode_body(body)
            if not complete:
                self.deadline = self._paced(now, self.settings.body_timeout, self._received)
                return Next.WAIT
            self.request.body = body.finish()  # type: ignore[assignment]
        except RequestRefused as refusal:
            return self.refuse(refusal)
        except OSError:
            return self.refuse(InsufficientStorage("There is no room for the body."))
        self.request.trailers = self.reader.trailers
        self.body = None
        self.state = State.HANDLER
        return Next.SERVE

    def _decode_body(self, body: BodyBuffer) -> bool:
        """Take what the reader has of a body; tell whether that was the end of it."""
        while data := self.reader.next_data():
            body.write(data)
        return data is not None

    def _paced(self, now: float, timeout: float, moved: int) -> float:
        """Return the deadline of a transfer: ``timeout`` of silence, and the minimum rate over the whole of it."""
        rate = self.settings.minimum_rate
        silent = now + timeout
        return min(silent, self._since + timeout + moved / rate) if rate else silent

    def _rest(self, now: float) -> Next:
        """Let go of what is kept for the next request; the second time, close."""
        kept = self.settings.keep_alive_timeout - self.lane.rests_after
        if self.reader.fresh or kept <= 0:
            return Next.CLOSE
        self.reader.forget()
        self.deadline = now + kept
        return Next.WAIT

    def _after_response(self, now: float) -> Next:
        if self._persistent and self.refusal is None:
            self.state = State.IDLE
            if self.reader.pending:
                return self.receive(b"", now)
            self.deadline = now + self.lane.rests_after
            return Next.WAIT
        if self.refusal is None and not self.reader.pending and not self._more_arrived():
            return Next.CLOSE
        return self._linger(now)

    def _more_arrived(self) -> bool:
        """Tell whether there is something to read: closing before it is read would reset the connection."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _linger(self, now: float) -> Next:
        self.refusal = None
        self.state = State.LINGER
        self._linger_left = MOST_LINGERING
        self.deadline = now + self.settings.linger_timeout
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return Next.CLOSE
        return Next.WAIT

    def flush(self) -> None:
        """Send what the peer takes now of the unsent output. Raises ConnectionLost."""
        assert self.output is not None
        try:
            self.output.send(self.socket)
        except (OSError, EOFError) as error:
            raise ConnectionLost(str(error)) from None
        if not self.output:
            self._drop_output()

    def _wait_for_room(self) -> None:
        self._since, moved = time.monotonic(), 0
        while self.output is not None and self.output.size > self._most_unsent // 2:
            now = time.monotonic()
            self._wait(WRITE, self._paced(now, self.settings.send_timeout, moved) - now)
            before = self.output.size
            self.flush()
            moved += before - (self.output.size if self.output is not None else 0)

    def _wait(self, interest: int, seconds: float) -> None:
        pool = self.lane.pool
        paused = pool.pause(self)
        try:
            if not wait_for(self.socket, interest, max(0.0, seconds)):
                raise ConnectionLost("the client was silent for too long")
        finally:
            if paused:
                pool.places.resume()

    def _drop_output(self) -> None:
        output, self.output = self.output, None
        if output is not None:
            output.close()


def _call_all(calls: list[Callable[[], object]]) -> None:
    for call in calls:
        try:
            call()
        except Exception:  # an application's
            log.error("What was to be done when the client left failed.", exc_info=True)
