"""Handlers that exceed their deadline: the client gets 504 at once, whatever the thread does.

A thread that runs cannot be stopped from outside. So the lane answers in its place, and the pool replaces it. Who
answers first, the thread or the lane, is decided by one atomic step: the connection's `claim`.
"""

from __future__ import annotations

import time

from ehttpd.cancellation import Deadline
from ehttpd.http11.serialize import serialize
from ehttpd.http11.writer import Standing
from ehttpd.logs import log
from ehttpd.messages import Handler, Request, Response
from ehttpd.server.connection import Connection
from ehttpd.server.stacks import stack_of


def bounded(handler: Handler, seconds: float) -> Handler:
    """Return a handler whose requests have a deadline. Raises ConnectionLost where 504 was sent in its place."""

    def run(request: Request) -> Response:
        connection = request.client
        assert isinstance(connection, Connection)
        request.deadline = Deadline(time.monotonic() + seconds)
        connection.claim = [request]
        try:
            return handler(request)
        finally:
            connection.claim_answer()

    return run


def answer_overdue(connection: Connection, request: Request, thread: int, seconds: float, standing: Standing) -> None:
    """Send 504 in the place of ``thread``, and say where that is. The leader's, which has won the claim."""
    log.error(
        "%s: no response within %g s, so 504 was sent. The thread is written off; it is at:\n%s",
        request, seconds, stack_of(thread),
    )  # fmt: skip
    response = Response.text(f"The application did not answer within {seconds:g} seconds.\n", 504)
    connection.answered = response
    connection.cut_off(serialize(response, request, persistent=False, standing=standing))
