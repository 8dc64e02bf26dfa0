"""One client: its socket, its reader, its state, its deadline, and the output it has not taken yet.

The owner's only: the lane's while the connection rests, one thread's while it is served. A method never acts for the
owner; it returns what the connection needs next.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from io import BufferedReader
from socket import SocketType

from ehttpd.errors import (
    BadRequest,
    ConnectionLost,
    HandlerError,
    RequestRefused,
    RequestTimeout,
)
from ehttpd.fields import FieldLine
from ehttpd.http11.limits import Limits
from ehttpd.http11.reader import RequestReader
from ehttpd.http11.state import State
from ehttpd.http11.writer import CONTINUE
from ehttpd.messages import Request, Response
from ehttpd.messages.targets import path_of
from ehttpd.server.arrival import Arrival
from ehttpd.server.feed import Feed
from ehttpd.server.incoming import RECEIVE_AT_ONCE as INCOMING_AT_ONCE
from ehttpd.server.incoming import Incoming, Unread
from ehttpd.server.needs import Next as Next
from ehttpd.server.needs import Underway
from ehttpd.server.served import Served
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.messages.proxied import ProxyHeader
    from ehttpd.server.exchange import HTTPService
    from ehttpd.server.lane import Lane
    from ehttpd.server.stream import BodyStream
    from ehttpd.server.tls.socket import Identity
    from ehttpd.server.tunnel import Tunnel

# How much is thrown away of what a refused client still sends, before it is cut off.
MOST_LINGERING = 1 << 20
# To send what the end of the connection follows at once: both in one packet.
WITH_END: int = getattr(socket, "MSG_MORE", 0)
# How much of a head that is refused may end in a log.
LONGEST_FIRST_LINE = 200


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
        "_since",
        "answered",
        "began",
        "deadline",
        "descriptor",
        "incoming",
        "interest",
        "queued",
        "reader",
        "refusal",
        "refused",
        "sent_octets",
        "state",
        "stream",
        "underway",
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
        self.underway: Underway | None = None
        self.incoming: Incoming | None = None  # a body that its handler reads while it arrives, until it has ended
        self.refusal: RequestRefused | None = None
        self.refused: Request | None = None  # as far as its head was understood
        self.whole_at = 0.0  # when the request that waits for a thread was whole; 0: with what the lane received last
        # The response's, while it is produced piece by piece; or what the connection has become that left HTTP.
        self.stream: BodyStream | Tunnel | None = None
        self.answered: Response | None  # for the record of an exchange, if one is made
        self.sent_octets: int
        self.began: float  # when its handler was called ...
        self.queued: float  # ... and how long it had waited for that
        self._head_counted = 0
        self._proxy_header: ProxyHeader | None = None
        self.deadline = now + self.settings.header_timeout

    @property
    def route(self) -> str:
        """The method and the first segment of the path of the current request."""
        line = self.reader.line
        if line.derived is None:
            line.derived = f"{line.method} {path_of(line.target)[1:].partition('/')[0]}"
        return line.derived

    @property
    def first_line(self) -> str:
        """How a request begins whose head is not whole or was refused."""
        return self.reader.unread[:LONGEST_FIRST_LINE].partition(b"\r\n")[0].decode("latin-1")

    @property
    def refused_method(self) -> str:
        """The method of the request that is refused, as far as anybody can tell."""
        return self.refused.method if self.refused is not None else self.first_line.partition(" ")[0]

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
        """Send unsent output, or go on with what is under way."""
        if self.output is not None:
            return self._continue_sending(now)
        assert self.underway is not None
        return self.underway.move(self, now)

    def receive_end(self) -> Next:
        """Take it that the client will send no more (RFC 9112 §8)."""
        if self.state is State.BODY:
            return self.refuse(BadRequest("The body ended before its length."))
        if self.state is State.HEAD:
            return self.refuse(BadRequest("The request ended in the middle of its head."))
        return Next.CLOSE

    def expire(self, now: float) -> Next:
        """Take it that the deadline has passed."""
        if self.underway is not None:
            return self.underway.expire(self, now)
        if self.state is State.IDLE:
            return self._rest(now)
        if self.state is State.HEAD:
            return self.refuse(RequestTimeout("The head of the request took too long."))
        if self.state is State.HANDSHAKE:
            self.state = State.IDLE
            # So long it has been silent already.
            self.deadline = now + max(0.0, self.settings.header_timeout - self.lane.rests_after)
            return Next.WAIT
        return Next.CLOSE

    def open(self, identity: Identity | None, now: float) -> Next:
        """Begin with what comes before HTTP: the PROXY protocol, the handshake of TLS, or both in this order."""
        if self.lane.greeter is not None:
            return self.lane.greeter.begin(self, identity, now)
        assert identity is not None
        return self.secure(identity, now)

    def take_proxy_header(self, header: ProxyHeader) -> None:
        """Believe what a proxy says of the connection."""
        self._proxy_header = header
        if header.remote is not None and header.local is not None:
            self.remote, self.local = header.remote, header.local
        if header.ssl is not None:
            self.scheme = "https"

    @property
    def secured(self) -> bool:
        return self.scheme == "https" or self.lane.hearing.trusts(self)

    @property
    def proxy_protocol(self) -> ProxyHeader | None:
        return self._proxy_header

    def secure(self, identity: Identity, now: float) -> Next:
        """Speak TLS from now on, before anything was received."""
        from ehttpd.server.opening import Handshake

        assert isinstance(self.socket, SocketType)
        self.underway = handshake = Handshake(self.socket, identity)
        self.socket = handshake.secured
        self.scheme = "https"
        self.deadline = now + self.settings.handshake_timeout
        return handshake.move(self, now)

    def _continue_sending(self, now: float) -> Next:
        assert self.output is not None
        try:
            sent = self.output.send(self.socket)
        except (OSError, EOFError):
            return Next.CLOSE
        if self.output:
            if sent:
                self._progress += sent
                self.deadline = self.paced(now, self._since, self.settings.send_timeout, self._progress)
            return Next.SEND
        self._drop_output()
        if type(self.underway) is Feed:
            return self.underway.rest(now)
        if type(self.underway) is Arrival:
            return self.underway.read(self, now)
        return self.after_response(now)

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
        stream = self.stream
        if stream is not None and stream.left_http:
            return stream
        if stream is not None:
            raise HandlerError("A response has begun, so the connection cannot leave HTTP.")
        if self.incoming is not None:
            self.incoming.skip()  # RFC 9110 §7.8: the other protocol begins behind the request
        self.claim_answer()
        self.stream = tunnel = self.lane.tunnels.open(self)
        self.state = State.TUNNEL
        return tunnel

    def come_back(self, tunnel: Tunnel) -> None:
        """End what left HTTP, so that a thread of the pool may close the connection."""
        self.stream = None
        self.lane.tunnels.close(tunnel)

    def answer(self, octets: bytes, persistent: bool, now: float) -> Next:
        """Send a whole response, and end the exchange. On the lead it is held, to leave with others (`Answers`).

        Raises ConnectionLost.
        """
        if self.when_left is not None:
            self.when_left = None  # from now on the client may take the request for answered
        if self.output is not None:  # an interim response which the client has not taken yet
            self.push(octets)
            return self.finish(persistent, now)
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
            self.incoming.close()  # which may be its end
        if self.incoming is not None:
            persistent = persistent and self.incoming.persists(False)
        self._persistent = persistent
        if self.held and not (persistent and self._leaves_with_others):
            self.write_held()
        if self.output is None:
            return self.after_response(now)
        self.state = State.RESPONSE
        return self.await_taking(now)

    def await_taking(self, now: float) -> Next:
        """Have the lane send what is unsent."""
        self._since, self._progress = now, 0
        self.deadline = now + self.settings.send_timeout
        return Next.SEND

    def retire(self, now: float) -> Next:
        """End what left HTTP: the client may still read what was written last."""
        return self.linger(now)

    def refuse(self, refusal: RequestRefused) -> Next:
        """Have ``refusal`` answered instead of a request."""
        self.lane.mishaps.refused(refusal)
        if self.underway is not None:
            self.underway.discard()
            self.underway = None
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
        if self.underway is not None:
            self.underway.discard()
            self.underway = None
        self.socket.close()

    def _begin_body(self, now: float) -> Next:
        reader = self.reader
        request, streams = self.request, self.lane.streams
        assert request is not None
        if streams is not None and not 0 < reader.section.body_length <= reader.pending and streams(request):
            return self._begin_incoming(request)
        self.state = State.BODY
        waits = reader.section.expects_continue and not reader.pending
        self.underway = arrival = Arrival(self, request, now)
        if waits:
            try:
                self.push(CONTINUE)
            except ConnectionLost:
                return Next.CLOSE
            if self.output is not None:  # the client has not taken the last response yet
                return self.await_taking(now)
        return arrival.read(self, now)

    def _begin_incoming(self, request: Request) -> Next:
        """Have a request served that reads its body itself."""
        self.state = State.HANDLER
        self.incoming = Incoming(self, request)
        request.body = BufferedReader(self.incoming, INCOMING_AT_ONCE)
        return Next.SERVE

    def _rest(self, now: float) -> Next:
        """Let go of what is kept for the next request; the second time, close."""
        kept = self.settings.keep_alive_timeout - self.lane.rests_after
        if self.reader.fresh or kept <= 0:
            return Next.CLOSE
        self.reader.forget()
        self.deadline = now + kept
        return Next.WAIT

    def after_response(self, now: float) -> Next:
        """Go on once a response has been sent whole."""
        if self._persistent and self.refusal is None:
            if self.incoming is not None:
                return self._leave_unread(now)
            self.state = State.IDLE
            self.deadline = now + self.lane.rests_after
            return self.receive(b"", now) if self.reader.pending else Next.WAIT
        if self.refusal is None and not self.reader.pending and not self.reader.in_body and not self._more_arrived():
            return Next.CLOSE
        return self.linger(now)

    def _leave_unread(self, now: float) -> Next:
        """Throw away what its handler has left of a body, as it comes: the next request is behind it."""
        self.incoming = None
        self.underway = unread = Unread()
        self.state = State.UNREAD
        self.deadline = now + self.settings.linger_timeout
        return unread.skip(self, now)

    def _more_arrived(self) -> bool:
        """Tell whether there is something to read: closing before it is read would reset the connection."""
        try:
            return bool(self.socket.recv(1, socket.MSG_PEEK))
        except OSError:
            return False

    def linger(self, now: float) -> Next:
        """Send nothing more, and take what the client still sends, for a while (RFC 9112 §9.6)."""
        self.refusal = self.underway = self.incoming = None
        self.state = State.LINGER
        self._linger_left = MOST_LINGERING
        self.deadline = now + self.settings.linger_timeout
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError:
            return Next.CLOSE
        return Next.WAIT
