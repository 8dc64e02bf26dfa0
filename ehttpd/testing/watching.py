"""What an application returned for a body, watched while it is produced, fed or talked over.

The test author's: what fails there is noted in the exchange, which ends when the body is let go.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

from ehttpd.errors import EhttpdError
from ehttpd.fields import FieldLine
from ehttpd.messages import FedBody, FileBody, FileParts, Outlet, PassedOn, Request, Response, close_body
from ehttpd.server.switch import Switch
from ehttpd.server.tunnel import Tunnel
from ehttpd.testing.journal import Exchange, Journal, ReceivedRequest
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from _typeshed import WriteableBuffer

# Bodies that are not produced piece by piece by the application.
WHOLE = (bytes, bytearray, memoryview, str, FileBody, FileParts)


def watch(response: Response, exchange: Exchange, journal: Journal) -> None:
    """Have what becomes of a response's body noted."""
    body: Any = response.body
    if isinstance(body, bytes):
        exchange.octets = len(body)
    if isinstance(body, Switch):
        response.body = WatchedSwitch(body, exchange)
        journal.end(exchange)  # of HTTP: who talks may do so for long
    elif isinstance(body, FedBody):
        response.body = WatchedFeed(body, exchange, journal)
    elif isinstance(body, WHOLE) or hasattr(body, "read"):
        journal.end(exchange)
    else:
        response.body = Watched(body, exchange, journal)


class Watched:
    """A body that is an iterable."""

    def __init__(self, body: Any, exchange: Exchange, journal: Journal) -> None:
        self._body = body
        self._exchange = exchange
        self._journal = journal

    def __iter__(self) -> Iterator[bytes]:
        self._exchange.octets = 0
        try:
            for piece in self._body:
                self._exchange.octets += len(piece)
                yield piece
        except EhttpdError:
            raise
        except Exception as error:
            self._exchange.failure = error
            raise

    def close(self) -> None:
        try:
            close_body(self._body)
        finally:
            self._journal.end(self._exchange)


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
            self._exchange.failure = failure
        self._outlet.end(failure)


class WatchedSwitch(Switch):
    """A connection that leaves HTTP."""

    def __init__(self, switch: Switch, exchange: Exchange) -> None:
        self.protocol = switch.protocol
        self._switch = switch
        self._exchange = exchange

    def is_asked_for(self, request: Request) -> bool:
        return self._switch.is_asked_for(request)

    def fields(self, request: Request) -> Iterable[FieldLine]:
        return self._switch.fields(request)

    def talk(self, request: Request, tunnel: Tunnel) -> None:
        try:
            self._switch.talk(request, tunnel)
        except EhttpdError:
            raise
        except Exception as error:
            self._exchange.failure = error
            raise


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
