"""One record per exchange: what is known of it when its response has been produced.

Knows no format, and nothing of those who listen. Who needs less takes notes instead: see note.py.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from time import time

from ehttpd.fields import combined
from ehttpd.messages import NO_FIELDS, Client, Request, Response
from ehttpd.messages.naming import new_name
from ehttpd.records.note import Besides, KeptLine, Noted
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# The status of an exchange whose client left before there was an answer. nginx has made the number known.
CLIENT_LEFT = 499


class _ThisThread(threading.local):
    """The name of the thread that asks, without two calls each time."""

    def __init__(self) -> None:
        self.name = threading.current_thread().name


this_thread = _ThisThread()


class Record:
    """What is known of an exchange. Made, and handed to each recorder, on the thread that served it.

    ``request`` is None if its head was refused; ``first_line`` is then how it began, whatever that was.
    ``response`` is None if its client left before there was one; ``status`` is 499 then. ``refusal`` is the name of
    the error by which the server refused the request without calling a handler (``"BadRequest"``,
    ``"QueueFull"``), nothing otherwise. ``remote`` is an address without a port. ``body_octets`` are those
    of the response's body. ``queue_seconds`` went by between the arrival of the whole request and the call of the
    handler, ``seconds`` from there until the response had been produced; not all of it may have been sent.
    ``ended`` is the time since the epoch. ``thread`` is the name of the thread.
    """

    __slots__ = (
        "_name", "body_octets", "client", "ended", "first_line", "queue_seconds", "refusal", "request", "response",
        "seconds", "thread",
    )  # fmt: skip
    _name: str

    def __init__(
        self,
        client: Client,
        request: Request | None,
        response: Response | None,
        body_octets: int,
        seconds: float,
        queue_seconds: float = 0.0,
        refusal: str = "",
        first_line: str = "",
    ) -> None:
        self.client = client
        self.request = request
        self.response = response
        self.body_octets = body_octets
        self.seconds = seconds
        self.queue_seconds = queue_seconds
        self.refusal = refusal
        self.first_line = first_line
        self.thread = this_thread.name
        self.ended = time()

    @property
    def status(self) -> int:
        return int(self.response.status) if self.response is not None else CLIENT_LEFT

    @property
    def remote(self) -> str:
        return self.client.remote[0]

    @property
    def started(self) -> float:
        """When the whole request had arrived, since the epoch."""
        return self.ended - self.seconds - self.queue_seconds

    @property
    def request_line(self) -> str:
        """The first line of the request (RFC 9112 §3); `first_line`, or ``"-"``, if its head was refused."""
        request = self.request
        return f"{request.method} {request.target} {request.version}" if request is not None else self.first_line or "-"

    @property
    def method(self) -> str:
        return self.request.method if self.request is not None else ""

    @property
    def path(self) -> str:
        """The path as it was sent, percent-encoded."""
        return self.request.raw_path if self.request is not None else ""

    @property
    def query(self) -> str:
        """What follows the first ``?`` of the target, as it was sent."""
        return self.request.raw_query if self.request is not None else ""

    @property
    def protocol(self) -> str:
        """``"HTTP/1.1"`` or ``"HTTP/1.0"``."""
        return self.request.version if self.request is not None else ""

    def field(self, name: str) -> str:
        """Return the combined value of a field of the request by its lower-case name; nothing if there is none."""
        return self.request.headers.values.get(name, "") if self.request is not None else ""

    def response_field(self, name: str) -> str:
        """Return the combined value of a field that the application has set, by its lower-case name."""
        return combined(self.response.headers).get(name, "") if self.response is not None else ""

    @property
    def environ(self) -> Mapping[str, Any]:
        """The WSGI environ as the application left it, if it was kept; see `ehttpd.wsgi.adapt`."""
        environ: Mapping[str, Any] = self.request.state.get("environ", {}) if self.request is not None else {}
        return environ

    @property
    def request_id(self) -> str:
        """The name of the request: its `Request.id`; one made for the record if its head was refused."""
        if self.request is not None:
            return self.request.id
        try:
            return self._name
        except AttributeError:
            self._name = new_name()
            return self._name

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        return self.client.scheme

    @property
    def received_octets(self) -> int | None:
        """How many octets the body of the request has, None if they came in chunks."""
        request = self.request
        if request is None or not request.has_body:
            return 0
        return request.content_length

    @property
    def note(self) -> Noted:
        """The same as a note, with all that is known."""
        request = self.request
        besides = Besides.of(request, self.response, self.refusal, self.first_line)
        line, fields = (KeptLine(request), request.headers) if request is not None else (None, NO_FIELDS)
        return (
            line, fields, self.client, self.request_id, self.status, self.body_octets, self.seconds, self.queue_seconds,
            self.ended, self.thread, besides,
        )  # fmt: skip
