"""WebSockets: messages both ways, over a connection that left HTTP.

RFC 6455: the opening handshake (§4.2), messages, pings and the closing handshake (§7). How frames are written is
wsproto's, which the extra ``ehttpd[ws]`` installs.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import io
import math
import threading
import time
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from ehttpd.errors import ConnectionLost, HandlerError
from ehttpd.fields import FieldLine, FieldLines
from ehttpd.messages import Request, Response
from ehttpd.server.switch import Switch
from ehttpd.server.tunnel import Tunnel
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.upgrade import switched

if TYPE_CHECKING:
    from wsproto.events import CloseConnection, Event

Message: TypeAlias = str | bytes
Talk: TypeAlias = Callable[["WebSocket"], object]

VERSION = "13"
# RFC 6455 §1.3: what shows that the server speaks WebSocket, and does not just repeat what it is sent.
ACCEPTANCE = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
# RFC 6455 §7.4.1
NORMAL, GOING_AWAY, NO_CODE, ABNORMAL, TOO_BIG, INTERNAL_ERROR = 1000, 1001, 1005, 1006, 1009, 1011
# RFC 6455 §7.4: what a close frame may say. 1004 to 1006 and 1015 are reserved, what is below 1000 is never used.
CODES = frozenset((*range(1000, 1004), *range(1007, 1015), *range(3000, 5000)))
# For how long a peer may take to answer that the connection closes.
CLOSING = 5.0
LONGEST_REASON = 123  # octets: a control frame has 125, and two are the code


class WebSocketClosed(ConnectionLost):
    """The WebSocket has closed: ``code`` and ``reason`` are the client's, or ours if we closed it first."""

    def __init__(self, code: int, reason: str = "", whose: object = None) -> None:
        super().__init__(f"the WebSocket was closed with {code}{f': {reason}' if reason else ''}", whose)
        self.code = code
        self.reason = reason

    def __reduce__(self) -> tuple[type[WebSocketClosed], tuple[int, str]]:
        return type(self), (self.code, self.reason)


class Limits(NamedTuple):
    """What a client may do. Octets and seconds."""

    message: int
    ping_interval: float
    ping_timeout: float


class WebSocket:
    """Messages from and to a client: text as str, anything else as bytes. Iterating gives them until it closes.

    One thread receives; any thread may send and close. While `receive` waits, the client is pinged now and then, and
    given up when it does not answer.
    """

    def __init__(self, tunnel: Tunnel, request: Request, subprotocol: str | None, limits: Limits) -> None:
        from wsproto.connection import Connection, ConnectionType

        self.request = request
        """The request that opened it."""
        self.subprotocol = subprotocol
        """What was agreed upon, None if nothing was."""
        self._tunnel = tunnel
        self._limits = limits
        self._protocol = Connection(ConnectionType.SERVER)
        self._sending = threading.RLock()
        self._messages: deque[Message] = deque()
        self._gathered: io.StringIO | io.BytesIO | None = None  # of a message that is not whole
        self._size = 0  # of that, in octets
        self._closed: WebSocketClosed | None = None
        self._failed = False  # what the client sends makes no sense any more
        self._pinged: float | None = None  # since when an answer is due
        self._heard = time.monotonic()

    @property
    def closed(self) -> bool:
        """Whether it is closing or closed: nothing can be sent any more."""
        return self._closed is not None

    def receive(self, timeout: float | None = None) -> Message:
        """Return the next message; wait for it, for at most ``timeout`` seconds.

        Raises:
            TimeoutError: there was none in time.
            WebSocketClosed: the client, another thread or a rule that the client broke has closed it, or the connection
                broke.
        """
        expires = math.inf if timeout is None else time.monotonic() + timeout
        while not self._messages:
            if self._closed is not None:
                raise self._closed.with_traceback(None)  # or each time would leave its own there
            self._wait(expires)
        return self._messages.popleft()

    def send(self, message: Message) -> None:
        """Send a message. Any thread; waits while the client takes nothing.

        Raises:
            WebSocketClosed: it has been closed, the connection broke, or the client took nothing for too long.
        """
        from wsproto.events import BytesMessage, TextMessage

        if isinstance(message, str):
            self._send(TextMessage(message))
        elif isinstance(message, (bytes, bytearray, memoryview)):
            self._send(BytesMessage(bytes(message)))
        else:
            raise HandlerError(f"A message is text or bytes. Found {type(message).__name__}.")

    def ping(self, data: bytes = b"") -> None:
        """Ask the client for a sign of life, which `receive` waits for. Any thread. Raises as `send`."""
        from wsproto.events import Ping

        with self._sending:
            self._send(Ping(data))
            self._pinged = self._pinged or time.monotonic()

    def close(self, code: int = NORMAL, reason: str = "") -> None:
        """Close it: say why, and have nothing more received. Does nothing if it is closed. Any thread.

        ``code`` is one that RFC 6455 §7.4 lets an endpoint send, ``reason`` has at most 123 octets as UTF-8. The
        client's answer is waited for once the talk has returned. Another thread that waits in `receive` is told with
        that answer, or after ``ping_interval`` seconds of silence, five without it.

        Raises:
            HandlerError: there is no such code, or the reason is too long.
        """
        from wsproto.events import CloseConnection

        if code not in CODES:
            raise HandlerError(f"A close code is 1000 to 1003, 1007 to 1014 or 3000 to 4999. Found {code!r}.")
        if len(reason.encode()) > LONGEST_REASON:
            raise HandlerError(f"A reason has at most {LONGEST_REASON} octets. Found {reason!r}.")
        with self._sending:
            if self._closed is not None:
                return
            try:
                self._send(CloseConnection(code, reason))
            except ConnectionLost:
                pass  # then that is closed
            self._closed = self._end(code, reason)

    def finish(self) -> None:
        """Wait until the client has answered that the connection closes (RFC 6455 §7.1.1). The receiving thread's."""
        from wsproto.connection import ConnectionState
        from wsproto.events import CloseConnection

        self._tunnel.heeds_stop = False
        expires = time.monotonic() + CLOSING
        try:
            # Asked each time: of a client that sends and sends, no `recv` ever finds that its time is over.
            while not self._failed and (left := expires - time.monotonic()) > 0:
                # Its answer, or what makes no sense: wsproto would keep all that follows.
                if any(isinstance(event, CloseConnection) for event in self._protocol.events()):
                    return
                if self._protocol.state is not ConnectionState.LOCAL_CLOSING:
                    return
                self._tunnel.timeout = left
                data = self._tunnel.recv()
                if not data:
                    return
                self._protocol.receive_data(data)
        except (ConnectionLost, TimeoutError):
            pass

    def __iter__(self) -> Iterator[Message]:
        try:
            while True:
                yield self.receive()
        except WebSocketClosed as closed:
            if closed.code not in (NORMAL, GOING_AWAY, NO_CODE):
                raise

    def _end(self, code: int, reason: str = "") -> WebSocketClosed:
        return WebSocketClosed(code, reason, self.request.client.connection)

    def _send(self, event: Event) -> None:
        with self._sending:
            if self._closed is not None:
                raise self._closed.with_traceback(None)  # or each time would leave its own there
            try:
                self._tunnel.write(self._protocol.send(event))
            except ConnectionLost as lost:  # maybe in the middle of a frame: nothing can follow
                self._closed = self._end(ABNORMAL)
                raise self._closed from lost

    def _wait(self, expires: float) -> None:
        """Take what arrives before ``expires``; ping a client that is silent, and give up one that stays so."""
        sign_due = self._sign_due()
        # Where nobody is pinged, look now and then whether another thread has closed it.
        wakes = sign_due if sign_due < math.inf else time.monotonic() + CLOSING
        self._tunnel.timeout = max(0.0, min(expires, wakes) - time.monotonic())
        try:
            data = self._tunnel.recv()
        except TimeoutError:
            now = time.monotonic()
            if now >= sign_due:
                self._miss_a_sign()
            elif now >= expires:
                raise TimeoutError("No message arrived in time.") from None
        except ConnectionLost:
            self._closed = self._closed or self._end(ABNORMAL)
        else:
            self._take(data)

    def _sign_due(self) -> float:
        """Return when the client has to be pinged, or given up."""
        if self._pinged is not None:
            return self._pinged + (self._limits.ping_timeout or math.inf)
        return self._heard + (self._limits.ping_interval or math.inf)

    def _miss_a_sign(self) -> None:
        if self._pinged is None:
            self.ping()
        else:
            self.close(INTERNAL_ERROR, "no answer to a ping")
            self._tunnel.close()

    def _take(self, data: bytes) -> None:
        if data:
            self._heard, self._pinged = time.monotonic(), None
            with self._sending:
                self._protocol.receive_data(data)
                for event in self._protocol.events():
                    if self._closed is None:
                        self._heed(event)
        elif self._tunnel.stopping:
            self.close(GOING_AWAY, "the server stops")
        else:
            self._closed = self._closed or self._end(ABNORMAL)

    def _heed(self, event: Event) -> None:
        from wsproto.events import CloseConnection, Ping, Pong
        from wsproto.events import Message as Piece

        if isinstance(event, Piece):
            self._gather(event.data, event.message_finished)
        elif isinstance(event, Ping):
            self._send(event.response())
        elif isinstance(event, CloseConnection):
            self._answer_close(event)
        else:
            assert isinstance(event, Pong)

    def _gather(self, piece: Message, last: bool) -> None:
        """Take a piece of a message."""
        self._size += len(piece.encode() if isinstance(piece, str) else piece)
        if 0 < self._limits.message < self._size:
            self.close(TOO_BIG, f"a message may have {self._limits.message} octets")
            return
        # Not a list of pieces: each has thirty times what a client that sends many short ones puts into it.
        gathered: Any = self._gathered
        if gathered is None:
            gathered = self._gathered = io.StringIO() if isinstance(piece, str) else io.BytesIO()
        gathered.write(piece)
        if last:
            self._messages.append(gathered.getvalue())
            self._gathered, self._size = None, 0

    def _answer_close(self, event: CloseConnection) -> None:
        """Close what the client closes, or what wsproto does because the client broke a rule (RFC 6455 §7.1.7)."""
        from wsproto.connection import ConnectionState

        self._failed = self._protocol.state is ConnectionState.OPEN
        try:
            self._send(event.response())
        finally:
            self._closed = self._end(int(event.code), event.reason or "")


class WebSocketSwitch(Switch):
    """Leaves HTTP for WebSocket."""

    def __init__(
        self, talk: Talk, subprotocols: Sequence[str], origins: Collection[str] | None, limits: Limits
    ) -> None:  # fmt: skip
        super().__init__("websocket", lambda tunnel: None)
        self._talk_over = talk
        self._subprotocols = subprotocols
        self._origins = origins
        self._limits = limits

    def fields(self, request: Request) -> Iterable[FieldLine]:
        headers = request.headers
        if request.method != "GET":
            raise HTTPError(405, "A WebSocket is opened with GET.", {"Allow": "GET"})
        if headers.get("sec-websocket-version") != VERSION:
            raise HTTPError(
                426,
                f"WebSockets are spoken in version {VERSION}.",
                {"Upgrade": self.protocol, "Sec-WebSocket-Version": VERSION},
            )
        key = headers.get("sec-websocket-key") or ""
        if not is_key(key):
            raise HTTPError(400, "Sec-WebSocket-Key must be 16 octets in Base64, given once.")
        if self._origins is not None and headers.get("origin") not in self._origins:
            raise HTTPError(403, "Pages of this origin may not open the WebSocket.")
        yield "Sec-WebSocket-Accept", accept_value(key)
        subprotocol = self._subprotocol(request)
        if subprotocol is not None:
            yield "Sec-WebSocket-Protocol", subprotocol

    def talk(self, request: Request, tunnel: Tunnel) -> None:
        websocket = WebSocket(tunnel, request, self._subprotocol(request), self._limits)
        try:
            self._talk_over(websocket)
            websocket.close()
        except ConnectionLost as lost:
            if not lost.ends(request.client.connection):
                websocket.close(INTERNAL_ERROR)
                raise
        except BaseException:
            websocket.close(INTERNAL_ERROR)
            raise
        finally:
            websocket.finish()

    def _subprotocol(self, request: Request) -> str | None:
        """Return which of our subprotocols the client offers, of several the one that it wants most (§4.2.2)."""
        offered = [each.strip(" \t") for each in (request.headers.get("sec-websocket-protocol") or "").split(",")]
        return next((each for each in offered if each in self._subprotocols), None)


def websocket(
    talk: Talk, subprotocols: Sequence[str] = (), *, origins: Collection[str] | None = None,
    max_message_size: int = 1 << 20, ping_interval: float = 20.0, ping_timeout: float = 20.0,
    headers: FieldLines | None = None,
) -> Response:  # fmt: skip
    """Return a response that opens a WebSocket; see `Response.websocket`."""
    try:
        import wsproto  # noqa: F401
    except ImportError:
        raise HandlerError("WebSockets need wsproto: pip install 'ehttpd[ws]'.") from None
    # In a text, every piece of it would be found: "https://a.example" would let in "https://a".
    if isinstance(subprotocols, str):
        subprotocols = (subprotocols,)
    if isinstance(origins, str):
        origins = (origins,)
    limits = Limits(max_message_size, ping_interval, ping_timeout)
    return switched(WebSocketSwitch(talk, subprotocols, origins, limits), headers)


def is_key(value: str) -> bool:
    """Tell whether a value is a Sec-WebSocket-Key (RFC 6455 §4.2.1): 16 octets in Base64."""
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False


def accept_value(key: str) -> str:
    """Return the Sec-WebSocket-Accept for a Sec-WebSocket-Key (RFC 6455 §4.2.2)."""
    return base64.b64encode(hashlib.sha1(key.encode() + ACCEPTANCE).digest()).decode()
