"""One client: its socket, its reader, its state, its deadline, and the output it has not taken yet.

The owner's only: the lane's while the connection rests, one thread's while it is served. A method never acts for the
owner; it returns what the connection needs next.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from io import BufferedReader
from socket import SocketType
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
from ehttpd.messages import Request, Response
from ehttpd.server.body import BLOCK_FROM, DECODE_AT_ONCE, BodyBuffer, SizedBody
from ehttpd.server.feed import Feed
from ehttpd.server.greeting import Greeting
from ehttpd.server.incoming import RECEIVE_AT_ONCE as INCOMING_AT_ONCE
from ehttpd.server.incoming import Incoming, Unread
from ehttpd.server.needs import Next as Next
from ehttpd.server.poller import WRITE
from ehttpd.server.served import Served

if TYPE_CHECKING:
    from ehttpd.messages.proxied import ProxyHeader
    from ehttpd.server.exchange import HTTPService
    from ehttpd.server.lane import Lane
    from ehttpd.server.stream import BodyStream
    from ehttpd.server.tls.socket import Identity, TLSSocket
    from ehttpd.server.tunnel import Tunnel

# How much is thrown away of what a refused client still sends, before it is cut off.
MOST_LINGERING = 1 << 20
# To send what the end of the connection follows at once: both in one packet.
WITH_END: int = getattr(socket, "MSG_MORE", 0)
# How much of a head that is refused may end in a log.
LONGEST_FIRST_LINE = 200


class Handshake:
    """What is received before anything else where TLS is spoken; in the place of a body, so that the lane has the
    connection moved.
    """

    def discard(self) -> None:
        """Do nothing: nothing is kept."""


HANDSHAKE = Handshake()


# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_IDLE, _HEAD, _LINGER = State.IDLE, State.HEAD, State.LINGER
_WAIT, _SERVE = Next.WAIT, Next.SERVE


class Connection(Served):
    """One connection. A request knows it as its ``client``."""

    __slots__ = (
        "_head_counted",
        "_linger_left",
        "_persistent",
        "_progress",
        "_proxy_header",
        "_received",
        "answered",
        "body",
        "deadline",
        "descriptor",
        "incoming",
        "interest",
        "reader",
        "refusal",
        "refused",
        "sent_octets",
        "since",
        "state",
        "stream",
        "whole_at",
    )  # fmt: skip

    def __init__(
        self,
        connected: SocketType,
        remote: tuple[str, int],
        local: tuple[str, int],
        lane: Lane,
        limits: Limits,
        now: float,
    ) -> None:
        super().__init__(connected, remote, local, lane)
        self.descriptor = connected.fileno()
        self.reader = RequestReader(limits)
        self.state = State.IDLE
        self.interest = 0  # what the poller watches for: READ, WRITE, or 0 while it does not
        self.body: BodyBuffer | SizedBody | Unread | Feed | Handshake | Greeting | None = None
        self.incoming: Incoming | None = None  # a body that its handler reads while it arrives, until it has ended
        self.refusal: RequestRefused | None = None
        self.refused: Request | None = None  # as far as its head was understood
        self.whole_at = 0.0  # when the request that waits for a thread was whole; 0: with what the lane received last
        # The response's, while it is produced piece by piece; or what the connection has become that left HTTP.
        self.stream: BodyStream | Tunnel | None = None
        self.answered: Response | None  # for the record of an exchange, if one is made
        self.sent_octets: int
        self.since: tuple[float, float]  # when its handler was called, and how long it had waited for that
        self._head_counted = 0
        self._proxy_header: ProxyHeader | None = None
        self.deadline = now + self.settings.header_timeout

    @property
    def route(self) -> str:
        """The method and the first segment of the path of the current request."""
        line = self.reader.line
        if line.derived is None:
            line.derived = f"{line.method} {line.target.partition('?')[0][1:].partition('/')[0]}"
        return line.derived

    @property
    def first_line(self) -> str:
        """How a request begins whose head is not whole or was refused."""
        return self.reader.unread[:LONGEST_FIRST_LINE].partition(b"\r\n")[0].decode("latin-1")

    @property
    def silent_since(self) -> float:
        """The moment when an idle connection was accepted, or its last response ended; or a later one."""
        return self.deadline - (self.settings.header_timeout if self.reader.fresh else self.lane.rests_after)

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
            if self.reader.section.forwarded:
                request.headers, request.client = self.lane.hearing.hear(self, request.headers)
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
        """Send unsent output, or receive more of a body or a handshake."""
        if self.output is not None:
            return self._continue_sending(now)
        body = self.body
        if isinstance(body, Unread):
            return self._skip_body(body, now)
        if body is HANDSHAKE:
            return self._shake_hands(now)
        if isinstance(body, Greeting):
            return self._hear_greeting(body, now)
        if isinstance(body, Feed):
            return body.listen()
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
        if self.state is State.UNREAD:
            return self._linger(now)
        if isinstance(self.body, Feed):
            return self.body.expire(now)
        if self.state is State.HANDSHAKE and self.body is None:
            self.state = State.IDLE
            self.deadline = now + self.settings.header_timeout
            return Next.WAIT
        return Next.CLOSE

    def open(self, identity: Identity | None, now: float) -> Next:
        """Begin with what comes before HTTP: the PROXY protocol, the handshake of TLS, or both in this order."""
        greeter = self.lane.greeter
        if greeter is None:
            assert identity is not None
            return self.secure(identity, now)
        try:
            self.body = greeting = greeter.begin(self.remote[0], identity)
            return self._hear_greeting(greeting, now)
        except BadRequest as refusal:
            return self._refuse_greeting(identity, refusal)

    def _hear_greeting(self, greeting: Greeting, now: float) -> Next:
        try:
            header = greeting.receive(self.socket)
        except BlockingIOError:
            return Next.WAIT
        except (OSError, EOFError):
            return Next.CLOSE
        except BadRequest as refusal:
            return self._refuse_greeting(greeting.identity, refusal)
        self.body, self._proxy_header = None, header
        if header.remote is not None and header.local is not None:
            self.remote, self.local = header.remote, header.local
        if header.ssl is not None:
            self.scheme = "https"
        if greeting.identity is not None:
            return self.secure(greeting.identity, now)
        try:
            data = self.socket.recv(DECODE_AT_ONCE)  # most send the request behind it
        except BlockingIOError:
            return Next.WAIT
        except OSError:
            return Next.CLOSE
        return self.receive(data, now) if data else self.receive_end()

    def _refuse_greeting(self, identity: Identity | None, refusal: BadRequest) -> Next:
        assert self.lane.greeter is not None
        self.lane.greeter.report(self.remote[0], refusal)
        return self.refuse(refusal) if identity is None else Next.CLOSE  # who wants TLS would not understand

    @property
    def proxy_protocol(self) -> ProxyHeader | None:
        return self._proxy_header

    def secure(self, identity: Identity, now: float) -> Next:
        """Speak TLS from now on, before anything was received."""
        from ehttpd.server.tls.socket import TLSSocket  # `ssl` is dear, and seldom needed

        assert isinstance(self.socket, SocketType)
        self.socket = TLSSocket(self.socket, identity)
        self.scheme = "https"
        self.body = HANDSHAKE
        self.deadline = now + self.settings.handshake_timeout
        return self._shake_hands(now)

    def _shake_hands(self, now: float) -> Next:
        secured: TLSSocket = self.socket  # type: ignore[assignment]
        try:
            waits_for = secured.shake_hands()
        except RequestRefused as refusal:
            self.socket, self.scheme = secured.plain, "http"
            return self.refuse(refusal)
        except OSError as error:
            log.debug("The TLS handshake with %s failed: %s.", self.remote[0], error)
            return Next.CLOSE
        if secured.begun:
            self.state = State.HANDSHAKE
        if waits_for:
            return Next.SEND if waits_for == WRITE else Next.WAIT
        # Most clients send their request at once. Until then a server that stops does not take it for idle.
        self.body = None
        self.lane.handshakes += 1
        self.deadline = now + self.lane.rests_after
        data = secured.surplus()
        return self.receive(data, now) if data else Next.WAIT

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
        if isinstance(self.body, Feed):
            return self.body.rest(now)
        return self._after_response(now)

    # ... and the thread that serves it

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

    def answer(self, octets: bytes, persistent: bool, now: float) -> Next:
        """Send a whole response, and end the exchange. On the lead it is held, to leave with others (`Answers`).

        Raises ConnectionLost.
        """
        # As `_leaves_with_others` has it: to call that takes a tenth of a microsecond.
        if persistent and self in self.lane.pool.lease and not self.reader.unread:
            self.held = octets
            self.state = _IDLE
            self.deadline = now + self.lane.rests_after
            return _WAIT
        try:
            sent = self.socket.send(octets, 0 if persistent else WITH_END)
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

    @property
    def _leaves_with_others(self) -> bool:
        """Whether an answer may wait for others: on the lead, and if it is not itself waited for."""
        return self in self.lane.pool.lease and not self.reader.unread

    def send_answer(self) -> Next:
        """Send what `answer` held back, if it is not sent yet."""
        self.send_held()
        return _WAIT if self.output is None else self.finish(True, self.lane.now)

    def finish(self, persistent: bool, now: float) -> Next:
        """End an exchange whose output has all been produced. Raises ConnectionLost."""
        if self.incoming is not None:
            self.incoming.close()
            persistent = persistent and self.incoming.persists(False)
        self._persistent = persistent
        if self.held and not (persistent and self._leaves_with_others):
            self.write_held()
        if self.output is None:
            return self._after_response(now)
        self.state = State.RESPONSE
        return self.await_taking(now)

    def await_taking(self, now: float) -> Next:
        """Have the lane send what is unsent."""
        self._since, self._progress = now, 0
        self.deadline = now + self.settings.send_timeout
        return Next.SEND

    def retire(self, now: float) -> Next:
        """End what left HTTP: the client may still read what was written last."""
        return self._linger(now)

    def refuse(self, refusal: RequestRefused) -> Next:
        """Have ``refusal`` answered instead of a request."""
        self.lane.mishaps.refused(refusal)
        if self.body is not None:
            self.body.discard()
            self.body = None
        self.request, self.refused = None, self.request
        self.refusal = refusal
        self.state = State.HANDLER
        return Next.SERVE

    def close(self) -> None:
        """Close it and let go of everything."""
        if self._head_counted:
            self._count_head(0)
        if self.state is _LINGER:
            self.hang_up()  # a program which left HTTP may have left threads behind, reading
        if self.reader.section.forwarded:
            self.reader.forget()  # clients behind a proxy know their connection: another circle
        self.state = State.CLOSED
        self.request = self.refused = None  # they know their client, and a circle would wait for the garbage collector
        self.incoming = None
        if self.output is not None:
            if self.tls is not None:
                self.socket.break_off()  # type: ignore[attr-defined]  # it is a TLSSocket
            self._drop_output()
        if self.body is not None:
            self.body.discard()
            self.body = None
        self.socket.close()

    def _begin_body(self, now: float) -> Next:
        reader, in_memory = self.reader, self.settings.body_memory
        request, streams = self.request, self.lane.streams
        assert request is not None
        if streams is not None and not 0 < reader.section.body_length <= reader.pending and streams(request):
            return self._begin_incoming(request)
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
        assert isinstance(body, (BodyBuffer, SizedBody))
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
        if self.tls is not None:  # with the last octets of a body the next request may have been decrypted
            self.reader.receive(self.socket.surplus())  # type: ignore[attr-defined]  # it is a TLSSocket
        self.body = None
        self.state = State.HANDLER
        return Next.SERVE

    def _begin_incoming(self, request: Request) -> Next:
        """Have a request served that reads its body itself."""
        self.state = State.HANDLER
        self.incoming = Incoming(self, request)
        request.body = BufferedReader(self.incoming, INCOMING_AT_ONCE)
        return Next.SERVE

    def _decode_body(self, body: BodyBuffer) -> bool:
        """Take what the reader has of a body; tell whether that was the end of it."""
        while data := self.reader.next_data():
            body.write(data)
        return data is not None

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
            if self.incoming is not None:
                return self._leave_unread(now)
            self.state = State.IDLE
            if self.reader.pending:
                return self.receive(b"", now)
            self.deadline = now + self.lane.rests_after
            return Next.WAIT
        if self.refusal is None and not self.reader.pending and not self.reader.in_body and not self._more_arrived():
            return Next.CLOSE
        return self._linger(now)

    def _leave_unread(self, now: float) -> Next:
        """Throw away what its handler has left of a body, as it comes: the next request is behind it."""
        self.incoming = None
        self.body = Unread()
        self.state = State.UNREAD
        self.deadline = now + self.settings.linger_timeout
        return Next.WAIT

    def _skip_body(self, body: Unread, now: float) -> Next:
        try:
            octets = self.socket.recv(INCOMING_AT_ONCE)
            ended = bool(octets) and body.skip(self.reader, octets)
        except BlockingIOError:
            return Next.WAIT
        except OSError:
            return Next.CLOSE
        except RequestRefused:
            return self._linger(now)
        if not octets:
            return Next.CLOSE
        if not ended:
            return Next.WAIT
        self.body = None
        return self._after_response(now)

    def _more_arrived(self) -> bool:
        """Tell whether there is something to read: closing before it is read would reset the connection."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def _linger(self, now: float) -> Next:
        self.refusal = self.body = self.incoming = None
        self.state = State.LINGER
        self._linger_left = MOST_LINGERING
        self.deadline = now + self.settings.linger_timeout
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return Next.CLOSE
        return Next.WAIT
