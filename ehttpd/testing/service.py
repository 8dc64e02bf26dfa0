"""The service of production, noted: what is sent of each response, and what the application did wrong.

The test author's. Every failure that the log calls the application's passes here, and every head that is sent.
"""

from __future__ import annotations

from ehttpd.http11.writer import Head
from ehttpd.messages import Request, Response
from ehttpd.server.connection import Connection, Next
from ehttpd.server.feed import Feed
from ehttpd.server.recorded import RecordedService
from ehttpd.server.tunnel import Tunnel
from ehttpd.testing.connection import ObservedConnection


class ObservedService(RecordedService):
    """Serves, and notes in the exchange of an `ObservedConnection`."""

    def exchange(self, connection: Connection) -> Next:
        assert isinstance(connection, ObservedConnection)
        connection.noted = None
        step = super().exchange(connection)
        if connection.noted is not None and type(connection.underway) is not Feed:
            connection.observer.served(connection.noted)
        return step

    def _log_failure(self, request: Request, error: BaseException) -> None:
        connection = request.client.connection
        assert isinstance(connection, ObservedConnection)
        if connection.noted is not None:
            connection.noted.failed(error)
        super()._log_failure(request, error)

    def _head(self, connection: Connection, request: Request, response: Response, body_length: int | None) -> Head:
        head = super()._head(connection, request, response, body_length)
        note_head(connection, head)
        return head

    def _send_bytes(self, connection: Connection, request: Request, head: Head, body: bytes) -> Next:
        note_head(connection, head)
        return super()._send_bytes(connection, request, head, body)

    def _leave(self, connection: Connection, request: Request, tunnel: Tunnel) -> Next:
        assert isinstance(connection, ObservedConnection)
        if connection.noted is not None:
            connection.noted.answered(101)
        return super()._leave(connection, request, tunnel)

    def _answer_error(
        self, connection: Connection, request: Request | None, response: Response, method: str = "GET"
    ) -> Next:  # fmt: skip
        assert isinstance(connection, ObservedConnection)
        exchange = connection.noted
        if exchange is not None and not connection.given_up:
            exchange.octets = None  # nothing of what the application produced is sent
            exchange.answered(int(response.status))
        return super()._answer_error(connection, request, response, method)


def note_head(connection: Connection, head: Head) -> None:
    assert isinstance(connection, ObservedConnection)
    connection.note_head(head[0])
