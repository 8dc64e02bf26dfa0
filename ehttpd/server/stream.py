"""A response whose body is produced piece by piece: what leaves when, and whether it keeps what its head promised.

Runs on the thread that serves the connection. Knows framing (RFC 9112 §6), not where the pieces come from.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11.encoding import encode_chunk, encode_last_chunk
from ehttpd.http11.framing import Framing
from ehttpd.http11.writer import Head
from ehttpd.server.connection import Connection
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal

# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_NONE, _LENGTH, _CHUNKED = Framing.NONE, Framing.LENGTH, Framing.CHUNKED


class BodyStream:
    """Sends a body piece by piece: the head with the first data, then each piece as the framing wants it."""

    left_http: Literal[False] = False  # see `Tunnel`
    __slots__ = (
        "_connection",
        "framing",
        "make_head",
        "missing",
        "persistent",
        "promised",
        "sent",
        "started",
        "surplus",
    )

    def __init__(self, connection: Connection, make_head: Callable[[int | None], Head]) -> None:
        self._connection = connection
        self.make_head = make_head  # called once
        self.framing: Framing | None = None  # until the head is made
        self.promised = 0  # by Content-Length
        self.missing = 0  # of what was promised
        self.surplus = 0  # beyond what was promised, and not sent
        self.sent = 0  # octets of the body
        self.persistent = False
        self.started = False  # something was sent

    @property
    def full(self) -> bool:
        """Whether nothing more of the body can be sent."""
        return self.surplus > 0 or self.framing is _NONE

    def write(self, data: bytes) -> None:
        """Send data. Raises HandlerError if it is not bytes, ConnectionLost if the client is gone."""
        if type(data) is not bytes:
            if not isinstance(data, (bytes, bytearray, memoryview)):
                raise HandlerError(f"A piece of a body must be bytes. Found {type(data).__name__}.")
            data = bytes(data)  # the items of a memoryview need not be octets, and framing counts those
        if not data:
            return
        begun = self._begin() if self.framing is None else b""
        if self.framing is _CHUNKED:
            self.sent += len(data)
            self._send(begun + encode_chunk(data))
        elif self.framing is _LENGTH:
            self._send_some(begun, data)
        elif self.framing is _NONE:
            self._send(begun)
        else:
            self.sent += len(data)
            self._send(begun + data)

    def _begin(self, length: int | None = None) -> bytes:
        begun, self.framing, self.promised, self.persistent = self.make_head(length)
        self.missing = self.promised
        return begun

    def _send_some(self, begun: bytes, data: bytes) -> None:
        """Send what is missing of the promised length."""
        count = len(data)
        if count > self.missing:
            self.surplus += count - self.missing
            data, count = data[: self.missing], self.missing
        self.missing -= count
        self.sent += count
        if begun or count:
            self._send(begun + data)

    def _send(self, octets: bytes) -> None:
        self.started = True
        self._connection.write_soon(octets)

    def end(self, trailers: Collection[FieldLine]) -> bool:
        """Send what ends the body; tell whether the connection may persist."""
        # RFC 9110 §8.6: what has ended before its head is sent has a known length.
        last = self._begin(None if trailers else 0) if self.framing is None else b""
        if self.framing is _CHUNKED:
            last += encode_last_chunk(trailers)
        self.started = True
        if last:
            self._connection.write_soon(last)
        return self.persistent
