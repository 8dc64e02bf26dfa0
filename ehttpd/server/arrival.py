"""A body while the lane receives it, before its request is served.

The lane's. Knows deadlines and what is wrong with a body that does not arrive; where its octets are kept is body.py's.
"""

from __future__ import annotations

from ehttpd.errors import InsufficientStorage, RequestRefused, RequestTimeout, ServiceUnavailable
from ehttpd.http11.state import State
from ehttpd.server.body import BLOCK_FROM, DECODE_AT_ONCE, BodyBlock, BodyBuffer
from ehttpd.server.needs import Next
from ehttpd.server.poller import WRITE
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.http11.reader import RequestReader
    from ehttpd.messages import Request
    from ehttpd.server.connection import Connection


class Arrival:
    """The body of ``request``, as far as it has arrived."""

    __slots__ = ("_body", "_request", "_since", "received")

    def __init__(self, connection: Connection, request: Request, now: float) -> None:
        reader, in_memory = connection.reader, connection.settings.body_memory
        self._request = request
        self._since = now
        self.received = reader.pending  # octets, with those of the framing
        self._body: BodyBuffer | BodyBlock
        length = reader.section.body_length
        if max(reader.pending, BLOCK_FROM) < length <= in_memory:
            self._body = BodyBlock(length, reader.release_body(), connection.lane.blocks, length)
        else:
            self._body = BodyBuffer(in_memory, connection.lane.budget, connection.lane.blocks)

    def move(self, connection: Connection, now: float) -> Next:
        body = self._body
        if connection.interest == WRITE:  # for its next turn
            return self.read(connection, now)
        try:
            if isinstance(body, BodyBlock):
                count = body.receive(connection.socket)
            else:
                data = connection.socket.recv(DECODE_AT_ONCE)
                count = len(data)
                connection.reader.receive(data)
        except BlockingIOError:
            return Next.WAIT
        except OSError:
            return Next.CLOSE
        except ServiceUnavailable as refusal:
            return connection.refuse(refusal)
        if not count:
            return connection.receive_end()
        self.received += count
        return self.read(connection, now)

    def read(self, connection: Connection, now: float) -> Next:
        """Take what has been received, as much as for one turn; have the request served if that was all."""
        body, request = self._body, self._request
        try:
            if isinstance(body, BodyBlock):
                step = Next.SERVE if body.complete else Next.WAIT
            else:
                step = self._decode(connection.reader, body)
            if step is not Next.SERVE:
                timeout = connection.settings.body_timeout
                connection.deadline = connection.paced(now, self._since, timeout, self.received)
                return step
            request.body = body.finish()  # type: ignore[assignment]
        except RequestRefused as refusal:
            return connection.refuse(refusal)
        except OSError:
            return connection.refuse(InsufficientStorage("There is no room for the body."))
        request.trailers = connection.reader.trailers
        if connection.tls is not None:  # with the last octets of a body the next request may have been decrypted
            connection.reader.receive(connection.socket.surplus())  # type: ignore[attr-defined]  # it is a TLSSocket
        connection.underway = None
        connection.state = State.HANDLER
        return Next.SERVE

    def expire(self, connection: Connection, now: float) -> Next:
        return connection.refuse(RequestTimeout("The body of the request took too long."))

    def discard(self) -> None:
        self._body.discard()

    def _decode(self, reader: RequestReader, body: BodyBuffer) -> Next:
        """Take what the reader has of a body; return SERVE if that was the end of it, WAIT for more. With a head more
        may come than is decoded at once: SEND, since its turn comes again as soon as there is room to write.
        """
        for_later = reader.pending - DECODE_AT_ONCE
        while data := reader.next_data():
            body.write(data)
            if 0 < reader.pending < for_later:
                return Next.SEND
        return Next.WAIT if data is None else Next.SERVE
