"""What a test server sees of its connections and requests, and what it has go wrong with them.

The test author's. Everything that is seen goes into a journal; what is answered is the server's business, and how a
connection or a response breaks is connection.py's and delivery.py's.
"""

from __future__ import annotations

import io
import socket
import threading
from collections.abc import Callable, Iterable
from itertools import count

from ehttpd.errors import RaisedAnswer
from ehttpd.messages import NO_BODY, Client, Request, Response
from ehttpd.records import Record
from ehttpd.testing.connection import ObservedConnection
from ehttpd.testing.delivery import break_response, pause
from ehttpd.testing.faults import IN_A_RESPONSE, Fault
from ehttpd.testing.journal import Exchange, Journal, Origin, ReceivedRequest
from ehttpd.testing.watching import NotedBody, watch
from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import BinaryIO

    from ehttpd.testing.wire_log import WireLog
    from ehttpd.toolkit.answers import Answer


class Author(Protocol):
    """Who decides what a request is answered."""

    def _respond(self, request: Request, received: ReceivedRequest) -> tuple[Response, Fault | None]:
        """Return the response to a request, and what is to go wrong with it."""

    def _fault_within(self, request: Request) -> Fault | None:
        """Return what is to go wrong with a request whose body is not here yet."""


class Observation:
    """An `Observer` of connections, and the handler of every request. Any thread."""

    def __init__(self, author: Author) -> None:
        self._author = author
        self._indices = count()
        self.connections: dict[int, ObservedConnection] = {}
        self.journal = Journal()
        self.faults: list[Fault] = []  # that strike whatever is asked
        self.ending = threading.Event()  # pauses end
        self.wire_log: WireLog | None = None

    def clear(self) -> None:
        """Forget everything but the connections that are open."""
        self.journal = Journal()
        self.faults.clear()
        if self.wire_log is not None:
            self.wire_log.clear()

    def hang_up(self) -> None:
        """End every connection there is, whatever it is doing."""
        for connection in list(self.connections.values()):
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended meanwhile
                pass

    # What connections tell

    def opened(self, connection: ObservedConnection) -> int:
        self.connections[id(connection)] = connection
        return next(self._indices)

    def closed(self, connection: ObservedConnection) -> None:
        self.connections.pop(id(connection), None)

    def served(self, exchange: Exchange) -> None:
        self.journal.end(exchange)

    def break_at(self, stage: str, request: Request | None = None) -> Fault | None:
        fault = self._struck((stage,))
        if fault is None and request is not None:
            fault = self._author._fault_within(request)
        if fault is not None:
            exchange = Exchange(None, f"{request.method} {request.target}" if request else "no request yet")
            exchange.fault = repr(fault)
            self.journal.add(exchange)
        return fault

    def _struck(self, stages: Iterable[str]) -> Fault | None:
        """Return the first fault that strikes at one of these stages."""
        return next((fault for fault in self.faults if fault.at in stages and fault.strikes()), None)

    def note_refusal(self, record: Record) -> None:
        """Note a request that the server itself has refused; records of others are none of its business."""
        if record.refusal:
            exchange = Exchange(None, record.request_line)
            exchange.answered(record.status)
            self.journal.add(exchange)

    # The handler of every request

    def handle(self, request: Request) -> Response:
        """Answer a request as the author says; break the response if it is to be, and note that."""
        exchange, received = self._note(request)
        self._wait_for(request.client)
        response, fault = self._author._respond(request, received)
        watch(response, exchange, self.journal)
        fault = self._struck(IN_A_RESPONSE) or fault
        if fault is None:
            return response
        exchange.fault = repr(fault)
        exchange.answered(int(str(response.status)[:3]))  # as it would have been
        return break_response(request, response, fault, self.ending)

    def _wait_for(self, client: Client) -> None:
        """Wait as long as what went wrong before a request says. Raises ConnectionLost if the server stops."""
        if isinstance(client, ObservedConnection) and client.pause:
            seconds, client.pause = client.pause, 0.0
            pause(seconds, self.ending)

    def _note(self, request: Request) -> tuple[Exchange, ReceivedRequest]:
        streams = arrives(request.body)
        body = b"" if streams else request.body.read()
        if body:
            request.body.seek(0)
        connection = request.client.connection
        assert isinstance(connection, ObservedConnection)
        received = ReceivedRequest(request, body, Origin(*connection.place(), connection.remote))
        if streams:
            request.body = io.BufferedReader(NotedBody(request.body, received))
        exchange = connection.noted = Exchange(received, f"{request.method} {request.target}")
        exchange.running = True
        self.journal.add(exchange)
        return exchange, received


def arrives(body: BinaryIO) -> bool:
    """Tell whether the body of a request may still be on its way."""
    return body is not NO_BODY and not body.seekable()


def answered(handler: Callable[[Request], Answer], request: Request) -> Response:
    """Call a handler; return what it answers, returned or raised."""
    try:
        return Response.of(handler(request))
    except RaisedAnswer as raised:
        response: Response = raised.response(request)
        return response
