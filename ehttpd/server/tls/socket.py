"""A connected socket whose octets are encrypted, with what a connection calls of a plain one.

OpenSSL's, RFC 8446. OpenSSL never sees the socket itself: what arrives is put before it, and what it makes is sent from
here. So a request takes two system calls and not three, a farewell is told from a connection that was cut, nothing is
hidden where the poller cannot see it, and who speaks no TLS at all can be told so.

The owner's, but for what the lane and others may do to a connection that is served; so each call holds a lock. None
waits for the client.
"""

from __future__ import annotations

import socket
import ssl
import threading
from socket import SocketType

from ehttpd.errors import BadRequest
from ehttpd.messages.tls import TLS
from ehttpd.server.poller import READ, WRITE, has_ended
from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

# RFC 8446 §5.1: what a record holds at most.
RECORD = 1 << 14
RECEIVE_AT_ONCE = 1 << 16
# Encrypted before it is known whether the client takes it, and kept if it does not.
ENCRYPT_AT_ONCE = 1 << 15
# More than that can only be alerts: a client that asks for renegotiation again and again has one for each time.
MOST_UNSENT = 2 * ENCRYPT_AT_ONCE
HANDSHAKE = 0x16  # RFC 8446 §5.1: how the first record begins


class Identity(Protocol):
    """Who the server is, to those who ask: certificates and keys."""

    def engine(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
        """Return OpenSSL's side of a new connection. The leader's."""

    def reload(self) -> None:
        """Read again what has changed. Any thread. Raises CertificateError."""


class TLSSocket:
    """Speaks TLS over ``connected``, which does not block."""

    __slots__ = (
        "_ahead",
        "_cut",
        "_ended",
        "_engine",
        "_identity",
        "_incoming",
        "_lock",
        "_marked",
        "_outgoing",
        "_owed",
        "_says_farewell",
        "_unsent",
        "fileno",
        "getsockopt",
        "plain",
        "plain_octets",
        "tls",
    )  # fmt: skip

    def __init__(self, connected: SocketType, identity: Identity) -> None:
        self.plain = connected
        self.fileno = connected.fileno
        self.getsockopt = connected.getsockopt
        self.tls: TLS | None = None  # what is known once the handshake is done
        self._identity = identity
        self._lock = threading.Lock()
        self._engine: ssl.SSLObject | None = None  # from the first octet on: who is silent takes no memory
        self._incoming: ssl.MemoryBIO
        self._outgoing: ssl.MemoryBIO
        self._ahead = b""  # decrypted, and not asked for yet
        self._marked = False  # an octet of what that was made of is still in the socket
        self._ended = False  # the client has said farewell
        self._unsent = b""  # encrypted, and not taken yet
        self._owed = 0  # how many octets of `send` that is, beyond those it has returned
        self.plain_octets = b""  # what a client has sent that speaks plain HTTP
        self._says_farewell = False  # to be said before the connection is closed
        self._cut = False  # in both directions, by us

    # The handshake

    @property
    def begun(self) -> bool:
        """Whether the client has said anything."""
        return self._engine is not None

    def shake_hands(self) -> int:
        """Go on with the handshake; return what it waits for, READ or WRITE, and 0 once it is done. The leader's.

        Raises:
            BadRequest: the client speaks plain HTTP. So does ``plain``, and it has to be told there.
            OSError: the handshake failed, or the client has gone.
        """
        if self._unsent:
            return self._waits_for()
        try:
            octets = self.plain.recv(RECORD)
        except BlockingIOError:
            return READ
        if not octets:
            raise ConnectionAbortedError("the client has left in the middle of the handshake")
        engine = self._engine or self._begin(octets)
        self._incoming.write(octets)
        try:
            engine.do_handshake()
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLError:
            self._flush()  # the alert that says why
            raise
        else:
            try:
                self.tls = TLS.of(engine)
            except ValueError as error:  # Python's, which takes all text for UTF-8
                raise ConnectionAbortedError(f"the certificate of the client cannot be read: {error}") from None
            self._says_farewell = True
        # The ticket that follows with TLS 1.3 leaves at once. Kept until the first response it would save a call, but a
        # client that has no TCP_NODELAY would wait 40 ms for our acknowledgement before it sends its request.
        return self._waits_for()

    def _begin(self, octets: bytes) -> ssl.SSLObject:
        if octets[0] != HANDSHAKE and octets[:1].isalpha():
            self.plain_octets = octets
            raise BadRequest("This port speaks TLS, and the request came without: ask with https://.")
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._engine = self._identity.engine(self._incoming, self._outgoing)
        return self._engine

    def _waits_for(self) -> int:
        if not self._flush():
            return WRITE
        return READ if self.tls is None else 0

    # What a connection calls

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has arrived; with it all that is decrypted by then, which may be a record more than ``size``.

        With ``flags`` it is looked at, no more than that.

        Raises:
            BlockingIOError: nothing is there.
            OSError: the connection broke, or was closed without a farewell (RFC 8446 §6.1): who can cut it must not be
            able to make an end of it.
        """
        with self._lock:
            return self._look() if flags else self._receive(size)

    def recv_most(self, size: int) -> bytes:
        """As `recv`, but return no more than ``size`` octets. The descriptor tells of what is decrypted beyond that: an
        octet stays in the socket until all is taken.
        """
        with self._lock:
            if self._marked and len(self._ahead) > size:
                data = self._ahead
            else:
                data = self._receive(max(size, RECORD), size)
            self._ahead = data[size:]
            return data[:size]

    def recv_into(self, view: WriteableBuffer, /) -> int:
        """As `recv`. What is decrypted beyond the end of ``view`` is `surplus`."""
        target = memoryview(view).cast("B")
        with self._lock:
            data = self._receive(len(target))
            count = min(len(data), len(target))
            self._ahead = data[count:]
        target[:count] = data[:count]
        return count

    def surplus(self) -> bytes:
        """Return what was decrypted, and nobody has asked for."""
        with self._lock:
            data, self._ahead = self._ahead, b""
            return data + self._decrypted() if self._incoming.pending else data

    def send(self, data: ReadableBuffer, flags: int = 0, /) -> int:
        """Send what the client takes; return how much of ``data`` has left for certain.

        Of what has not left, something may be encrypted already: it has to be the first of the next call.

        Raises BlockingIOError if nothing has left, OSError if the connection broke.
        """
        with self._lock:
            count = self._settled() if self._owed else 0
            view = memoryview(data)[count : count + ENCRYPT_AT_ONCE]
            if view and not self._owed:
                self._encrypt(view)
                self._owed = len(view)
                count += self._settled()
        if not count and len(view):
            raise BlockingIOError
        return count

    def shutdown(self, how: int) -> None:
        """End the connection: in one direction with a farewell, which makes what was sent complete; without one in
        both, and then nothing more is received. What still arrives is not decrypted any more.
        """
        with self._lock:
            if how == socket.SHUT_WR:
                self._farewell()
            else:
                self._cut = True
            self._says_farewell = False
            self._engine = None
        self.plain.shutdown(how)

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """Set an option of the socket. Who asks for a reset takes leave without a farewell."""
        if option == socket.SO_LINGER:
            self._says_farewell = False
        self.plain.setsockopt(level, option, value)

    def break_off(self) -> None:
        """Have `close` say no farewell: something was left out."""
        self._says_farewell = False

    def close(self) -> None:
        """Close it, with a farewell if all that was to be sent has left."""
        with self._lock:
            self._farewell()
        self.plain.close()

    # With the lock held

    def _receive(self, size: int, most: int | None = None) -> bytes:
        """Return what is decrypted of what has arrived, of which the last octet stays if it is more than ``most``.

        Raises as `recv` does.
        """
        if self._ahead:
            data, self._ahead = self._ahead, b""
            if self._marked:
                self._marked = False
                self.plain.recv(1)
            return data
        if self._ended:
            return b""
        octets = self.plain.recv(min(size, RECEIVE_AT_ONCE), 0 if most is None else socket.MSG_PEEK)
        if self._engine is None:
            if self._cut:
                raise ConnectionAbortedError("the connection was cut here")
            return octets  # thrown away, until the client has read the last response
        if not octets:
            raise ConnectionResetError("the client has cut the connection, without close_notify")
        if len(octets) <= RECORD:
            self._incoming.write(octets)
            data = self._decrypted()
        else:  # piece by piece: what OpenSSL copies them to keeps its size
            pieces = []
            for begin in range(0, len(octets), RECORD):
                self._incoming.write(octets[begin : begin + RECORD])
                pieces.append(self._decrypted())
            data = b"".join(pieces)
        if most is not None:
            self._marked = len(data) > most
            self.plain.recv(len(octets) - self._marked)
        if not data and not self._ended:
            raise BlockingIOError
        return data

    def _decrypted(self) -> bytes:
        """Return what is decrypted of what lies before OpenSSL. Raises OSError if it is not what the client meant."""
        assert self._engine is not None
        pieces = []
        try:
            while True:
                data = self._engine.read(RECORD)
                if not data:
                    raise ssl.SSLZeroReturnError
                pieces.append(data)
                if not self._incoming.pending:
                    break
        except ssl.SSLWantReadError:
            pass
        except ssl.SSLZeroReturnError:
            self._end()
        finally:
            if self._outgoing.pending:  # a new key, or an alert
                self._flush()
        if len(self._unsent) > MOST_UNSENT:
            raise ConnectionAbortedError("the client asks for alerts, and takes none")
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _end(self) -> None:
        """Take it that the client has said farewell; have the poller tell of it again and again, as of any end."""
        self._ended = True
        try:
            self.plain.shutdown(socket.SHUT_RD)
        except OSError:  # it is no more
            pass

    def _look(self) -> bytes:
        """Return an octet of what is there, ``b""`` at the end."""
        if self._ahead or self._ended:
            return self._ahead[:1]
        octet = self.plain.recv(1, socket.MSG_PEEK)
        # Decrypted now, it would be hidden from the poller, unless the end is behind it: that is told for ever.
        if octet and self._engine is not None and self.tls is not None and has_ended(self.plain):
            self._ahead = self._receive(RECEIVE_AT_ONCE)
            return self._ahead[:1]
        return octet

    def _encrypt(self, view: memoryview) -> None:
        """Have OpenSSL encrypt. All that was encrypted before for `send` has left."""
        if self._engine is None or self.tls is None:
            raise BrokenPipeError("the connection has ended, or not begun")
        records = []
        for begin in range(0, len(view), RECORD):
            self._engine.write(view[begin : begin + RECORD])
            records.append(self._outgoing.read())
        self._unsent = b"".join((self._unsent, *records))

    def _settled(self) -> int:
        """Send what is encrypted, and return how many octets of what was to be sent that has been, as far as we can
        tell; all but one while a part of it is left.
        """
        before = len(self._unsent)
        if self._flush():
            count = self._owed
        else:
            count = max(0, min(self._owed - 1, self._owed * (before - len(self._unsent)) // before))
        self._owed -= count
        return count

    def _flush(self) -> bool:
        """Send what is encrypted; tell whether all of it has left."""
        if self._outgoing.pending:
            self._unsent += self._outgoing.read()
        if self._unsent:
            try:
                sent = self.plain.send(self._unsent)
            except BlockingIOError:
                return False
            self._unsent = self._unsent[sent:]
        return not self._unsent

    def _farewell(self) -> None:
        """Say that nothing more will be sent, and that all was (RFC 8446 §6.1)."""
        if not self._says_farewell or self._owed or self._engine is None:
            return
        self._says_farewell = False
        try:
            self._engine.unwrap()
        except ssl.SSLError:  # the client has not said farewell yet
            pass
        try:
            self._flush()
        except OSError:  # it has gone
            pass
