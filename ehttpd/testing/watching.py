"""What an application returned for a body, watched while it is produced or fed.

The test author's. What a body raises is noted with what else the server logs as the application's; see service.py.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

from ehttpd.messages import FedBody, FileBody, FileParts, Outlet, PassedOn, Response, close_body
from ehttpd.server.switch import Switch
from ehttpd.testing.journal import Exchange, Journal, ReceivedRequest
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

OCTETS = (bytes, bytearray, memoryview)
# Bodies that are not produced piece by piece by the application.
WHOLE = (*OCTETS, str, FileBody, FileParts)


def watch(response: Response, exchange: Exchange, journal: Journal) -> None:
    """Have what becomes of a response's body noted."""
    body: Any = response.body
    if isinstance(body, bytes):
        exchange.octets = len(body)
    if isinstance(body, Switch):
        exchange.answered(101)
        journal.end(exchange)  # of HTTP: who talks may do so for long
    elif isinstance(body, FedBody):
        response.body = WatchedFeed(body, exchange, journal)
    elif isinstance(body, WHOLE) or hasattr(body, "read"):
        pass
    elif hasattr(body, "__iter__") or hasattr(body, "__getitem__"):
        response.body = Watched(body, exchange)


class Watched:
    """A body that is an iterable: its octets are counted."""

    def __init__(self, body: Any, exchange: Exchange) -> None:
        self._body = body
        self._exchange = exchange

    def __iter__(self) -> Iterator[bytes]:
        self._exchange.octets = 0
        for piece in self._body:
            if isinstance(piece, OCTETS):  # else the server says what is wrong with it
                self._exchange.octets += len(piece)
            yield piece

    def close(self) -> None:
        close_body(self._body)


class WatchedFeed(PassedOn):
    """A body that others feed."""

    def __init__(self, body: FedBody, exchange: Exchange, journal: Journal) -> None:
        super().__init__(body)
        self._exchange = exchange
        self._journal = journal

    def begin(self, outlet: Outlet) -> None:
        super().begin(WatchedOutlet(outlet, self._exchange))

    def close(self) -> None:
        try:
            super().close()
        except Exception as error:
            self._exchange.failed(error)
            raise
        finally:
            self._journal.end(self._exchange)


class WatchedOutlet:
    """Where the pieces of such a body go."""

    def __init__(self, outlet: Outlet, exchange: Exchange) -> None:
        self.write = outlet.write
        self.wait_for_room = outlet.wait_for_room
        self._outlet = outlet
        self._exchange = exchange

    def end(self, failure: BaseException | None = None) -> None:
        if failure is not None:
            self._exchange.failed(failure)
        self._outlet.end(failure)


class NotedBody(io.RawIOBase):
    """The body of a request that the handler reads while it arrives: what it has read is noted."""

    def __init__(self, body: Any, received: ReceivedRequest) -> None:
        self._body = body
        self._received = received

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data: bytes = self._body.read1(len(view))
        view[: len(data)] = data
        self._received.body += data
        return len(data)

    def close(self) -> None:
        """Close the body as well."""
        if not self.closed:
            super().close()
            self._body.close()
