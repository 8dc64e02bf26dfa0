"""Serves requests as exchange.py does, and tells of every exchange: whoever counts, and whoever writes logs.

On the thread that serves; what is told together is told by whoever leads. Imported where somebody wants to know.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from ehttpd.logs import log
from ehttpd.messages import NO_BODY, Request, Response, View
from ehttpd.records import Ledger, Record
from ehttpd.records.note import USUAL, Besides
from ehttpd.records.record import CLIENT_LEFT, this_thread
from ehttpd.server.connection import Connection, Next
from ehttpd.server.exchange import HTTPService
from ehttpd.server.feed import Feed
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.records.note import Line, Noted
    from ehttpd.server.clock import StandingFields
    from ehttpd.server.figures import Requests

# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_SERVE, _WAIT = Next.SERVE, Next.WAIT
# So does looking up an attribute of a class.
_exchange = HTTPService.exchange


class RecordedService(HTTPService):
    """Serves HTTP requests with a handler, and tells of every exchange: in a record at once, and in notes when there is
    time. Who leads has it between two turns; everybody else tells at once of what it has served.

    ``named``: requests may come with names.
    """

    def __init__(
        self,
        handler: View,
        standing: StandingFields,
        *recorders: Callable[[Record], object],
        count: Requests | None = None,
        named: bool = False,
    ) -> None:
        super().__init__(handler, standing)
        self._tells = True
        self._count = count
        self._named = named
        self._ledgers = [each for each in recorders if isinstance(each, Ledger)]
        self._recorders = [each for each in recorders if not isinstance(each, Ledger)]
        self._besides = named or any(each.whole for each in self._ledgers)  # there always is more to say
        self._brief = not (self._besides or self._recorders)  # of most exchanges a note is all that is wanted
        self._notes: list[Noted] = []  # emptied, and never replaced: any thread may append
        self._taking = threading.Lock()

    def exchange(self, connection: Connection) -> Next:
        request, line, lane = connection.request, connection.reader.line, connection.lane
        began, leader = monotonic(), lane.driver
        connection.began, connection.queued = began, began - (connection.whole_at or lane.now)
        connection.whole_at = 0.0
        connection.answered, connection.sent_octets = None, -1
        if request is None:
            return self._exchange_refusal(connection, began)
        step = _exchange(self, connection)
        ended = monotonic()
        response = connection.answered
        # An answer that leaves with others is a whole one, and made by the leader. The tuple is that of `_noted`, made
        # here because a call takes a tenth of a microsecond.
        if (
            step is _WAIT
            and connection.held
            and response is not None
            and request.body is NO_BODY
            and request._state is None
            and self._brief
        ):
            connection.answered, octets = None, connection.sent_octets
            if octets < 0:
                octets = len(response.body)
            self._notes.append(
                (
                    line, request.headers, request.client, request._name, response.status, octets, ended - began,
                    connection.queued, ended + lane.since_epoch, leader, USUAL,
                )
            )  # fmt: skip
            return step
        self._tell_of(connection, line, request, step, began, ended)
        return step

    def _tell_of(
        self, connection: Connection, line: Line, request: Request, step: Next, began: float, ended: float
    ) -> None:  # fmt: skip
        """Tell of an exchange, or note it if that is all that is to be done now."""
        if step is _SERVE:
            connection.whole_at = ended  # a request that was pipelined behind this one has waited since now
        if connection.claim is not None and connection.given_up:
            return  # the lane has answered, and has told of that
        response, octets, connection.answered = connection.answered, connection.sent_octets, None
        if octets < 0:
            octets = len(response.body) if response is not None and type(response.body) is bytes else 0
        if type(connection.underway) is Feed:
            self._tell_at_end(connection.underway, connection, line, request, response)
            return
        self._notes.append(self._noted(connection, line, request, response, octets, began, ended))
        # Who has lost the lead tells at once: whoever has it may rest already.
        if not connection.held and connection not in connection.lane.pool.lease:
            self.catch_up()
        if self._recorders:
            self._record(Record(request.client, request, response, octets, ended - began, connection.queued))

    def _noted(
        self, connection: Connection, line: Line, request: Request, response: Response | None, octets: int,
        began: float, ended: float,
    ) -> Noted:  # fmt: skip
        lane = connection.lane
        leader = lane.driver  # read before the lease: while that has the connection, the lead is ours
        return (
            line,
            request.headers,
            request.client,
            request._name if request._state is None and not self._named else request.named(),
            response.status if response is not None else CLIENT_LEFT,
            octets,
            ended - began,
            connection.queued,
            ended + lane.since_epoch,
            leader if connection in lane.pool.lease else this_thread.name,
            Besides.of(request, response)
            if request.body is not NO_BODY or request._state is not None or response is None or self._besides
            else USUAL,
        )  # fmt: skip

    def _tell_at_end(
        self, feed: Feed, connection: Connection, line: Line, request: Request, response: Response | None
    ) -> None:  # fmt: skip
        """Count a response that has only begun, and tell of it when it has ended."""
        began, queued = connection.began, connection.queued
        if self._count is not None:
            self._count.enter([self._noted(connection, line, request, response, 0, began, monotonic())])

        def ended(octets: int) -> None:
            now = monotonic()
            self._enter([self._noted(connection, line, request, response, octets, began, now)])
            self._record(Record(request.client, request, response, octets, now - began, queued))

        feed.when_ended = ended

    def _exchange_refusal(self, connection: Connection, began: float) -> Next:
        request, refusal = connection.refused, type(connection.refusal).__name__
        client = connection if request is None else request.client  # as a proxy tells it, if it is trusted
        first_line, queued = connection.first_line, connection.queued
        step = HTTPService.exchange(self, connection)
        octets = max(0, connection.sent_octets)
        self._tell(
            Record(client, request, connection.answered, octets, monotonic() - began, queued, refusal, first_line)
        )
        return step

    def record_overdue(self, connection: Connection, request: Request, response: Response, thread: int) -> None:
        assert isinstance(response.body, bytes)
        seconds = monotonic() - connection.began
        record = Record(request.client, request, response, len(response.body), seconds, connection.queued)
        record.thread = next((each.name for each in threading.enumerate() if each.ident == thread), "")
        self._tell(record)

    def catch_up(self) -> None:
        """Tell of what was noted. Any thread."""
        notes = self._notes
        if notes:
            with self._taking:
                taken = notes[:]
                del notes[: len(taken)]
            if self._count is not None:
                self._count.enter(taken)
            self._enter(taken)

    def _tell(self, record: Record) -> None:
        note = record.note
        if self._count is not None:
            self._count.enter([note])
        self._enter([note])
        self._record(record)

    def _enter(self, notes: list[Noted]) -> None:
        for ledger in self._ledgers:
            try:
                ledger.enter(notes)
            except Exception:
                log.error("What is written of requests failed.", exc_info=True)

    def _record(self, record: Record) -> None:
        for recorder in self._recorders:
            try:
                recorder(record)
            except Exception:
                log.error("%s: a recorder failed", record.request, exc_info=True)
