"""Handlers that exceed their deadline: the client gets 504 at once, whatever the thread does.

A thread that runs cannot be stopped from outside. So the lane answers in its place, and the pool replaces it. Who
answers first, the thread or the lane, is decided by one atomic step: the connection's `claim`.
"""

from __future__ import annotations

import time

from ehttpd.cancellation import Deadline
from ehttpd.errors import ConnectionLost
from ehttpd.http11.serialize import serialize
from ehttpd.http11.writer import Standing
from ehttpd.logs import log
from ehttpd.messages import Handler, Request, Response, View, close_body
from ehttpd.server.connection import Connection
from ehttpd.server.mishaps import REQUEST_TIMEOUT
from ehttpd.server.stacks import stack_of, written
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from traceback import StackSummary  # dear to import, and seldom needed

    from ehttpd.server.lane import Lane


def bounded(handler: View, seconds: float) -> Handler:
    """Return a handler whose requests have a deadline: it raises ConnectionLost where 504 was sent in its place."""

    def run(request: Request) -> Response:
        connection = request.client.connection
        assert isinstance(connection, Connection)
        request.deadline = Deadline(time.monotonic() + seconds)
        connection.claim = [request]
        response = handler(request)
        if not isinstance(response, Response):
            response = Response.of(response)
        if type(response.body) is bytes or connection.given_up:  # else it is claimed when the head is made
            try:
                connection.claim_answer()
            except ConnectionLost:
                close_body(response.body)
                raise
        return response

    return run


def answer_all_overdue(lane: Lane, now: float) -> None:
    """Answer in the place of all threads of a lane whose handlers have exceeded their deadline, and say where they are.
    The leader's.
    """
    seconds, reports = lane.settings.request_timeout, []
    with lane.lock:
        for thread, connection, request in lane.pool.overdue(now):
            lane.entrance.leave()  # it is closed for everybody but that thread
            lane.mishaps.timed_out(REQUEST_TIMEOUT)
            response = answer_overdue(connection, request, seconds, lane.standing.now)
            reports.append((thread, connection, request, response, stack_of(thread)))
    for thread, connection, request, response, stack in reports:
        lane.service.record_overdue(connection, request, response, thread)
        report_overdue(request, seconds, stack)
        if not lane.pool.serving.healthy:
            log.critical("%d threads are stuck in handlers, and no more will be replaced.", lane.pool.serving.stuck)


def answer_overdue(connection: Connection, request: Request, seconds: float, standing: Standing) -> Response:
    """Send 504, and return it. The leader's, which has won the claim; with the lane's lock held, for which the loser
    waits.
    """
    response = Response.text(f"The application did not answer within {seconds:g} seconds.\n", 504)
    connection.cut_off(serialize(response, request, persistent=False, standing=standing))
    return response


def report_overdue(request: Request, seconds: float, stack: StackSummary) -> None:
    """Say where the thread was. Takes long: source files are read."""
    log.error(
        "%s: no response within %g s, so 504 was sent. The thread is written off; it is at:\n%s",
        request, seconds, written(stack),
    )  # fmt: skip
