"""What a test server has received and answered, for the test to look at.

The test author's. Written by the threads that serve, read by the test's; nothing here knows sockets.
"""

from __future__ import annotations

import json
import threading
import time
from urllib.parse import parse_qs

from ehttpd.fields import Fields
from ehttpd.messages import Request
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Origin:
    """Where a request came from: the ``index`` of its connection and of its ``exchange`` there, both counted from 0."""

    __slots__ = ("exchange", "index", "remote")

    def __init__(self, index: int, exchange: int, remote: tuple[str, int]) -> None:
        self.index = index
        self.exchange = exchange
        self.remote = remote


class ReceivedRequest:
    """A request as it was received, its body included. It never changes, and outlives its exchange."""

    def __init__(self, request: Request, body: bytes, connection: Origin) -> None:
        self.method = request.method
        self.target = request.target
        self.version = request.version
        self.path = request.path
        self.query = request.raw_query
        self.headers: Fields = request.headers
        self.trailers: Fields = request.trailers
        self.body = body
        self.connection = connection

    @property
    def parameters(self) -> dict[str, list[str]]:
        """The parameters of the query, each with all its values."""
        return parse_qs(self.query, keep_blank_values=True)

    @property
    def text(self) -> str:
        """The body as text in UTF-8. Raises UnicodeDecodeError."""
        return self.body.decode()

    def json(self) -> Any:
        """Return what the body says in JSON. Raises ValueError if it is none."""
        return json.loads(self.body)

    def __repr__(self) -> str:
        return f"<ReceivedRequest {self.method} {self.target!r}, {len(self.body)} octets>"


class Exchange:
    """One request and what became of it. ``request`` is None if it was refused before it was one."""

    def __init__(self, request: ReceivedRequest | None, request_line: str) -> None:
        self.request = request
        self.request_line = request_line
        self.status: int | None = None  # of the response, before any fault
        self.octets: int | None = None  # of its body, as far as they were produced
        self.fault = ""
        self.failures: list[BaseException] = []  # what the application did wrong
        self._began = time.monotonic()
        self.seconds: float | None = None
        self.running = False  # its handler, or the body that it returned

    @property
    def failure(self) -> BaseException | None:
        """The first thing that the application did wrong."""
        return self.failures[0] if self.failures else None

    def failed(self, error: BaseException) -> None:
        """Note what the application did wrong, once."""
        if error not in self.failures:
            self.failures.append(error)

    def answered(self, status: int) -> None:
        """Note the status of the response, which is on its way."""
        self.status = status
        self.seconds = time.monotonic() - self._began

    def __str__(self) -> str:
        octets = f", {self.octets} octets" if self.octets else ""
        duration = "" if self.seconds is None else f", {self.seconds * 1000:.1f} ms"
        body = f", body {self.request.body[:200]!r}" if self.request is not None and self.request.body else ""
        fault = f", {self.fault}" if self.fault else ""
        failure = "".join(f", failed with {each!r}" for each in self.failures)
        return f"{self.request_line} -> {self.status or 'nothing'}{octets}{duration}{body}{fault}{failure}"

    def __repr__(self) -> str:
        return f"<Exchange {self}>"


class Journal:
    """Every exchange, in order of arrival. Any thread."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._exchanges: list[Exchange] = []
        self._taken = 0

    def add(self, exchange: Exchange) -> None:
        with self._changed:
            self._exchanges.append(exchange)
            self._changed.notify_all()

    def end(self, exchange: Exchange) -> None:
        """Take it that the handler of an exchange has produced everything."""
        with self._changed:
            exchange.running = False
            self._changed.notify_all()

    def settle(self, seconds: float) -> bool:
        """Wait until no handler runs; tell whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: not any(each.running for each in self._exchanges), seconds)

    @property
    def exchanges(self) -> list[Exchange]:
        with self._changed:
            return list(self._exchanges)

    @property
    def requests(self) -> list[ReceivedRequest]:
        return [exchange.request for exchange in self.exchanges if exchange.request is not None]

    def take(self, seconds: float) -> ReceivedRequest | None:
        """Return the first request that has not been taken yet; wait for one, None if none comes in time."""
        with self._changed:
            self._changed.wait_for(lambda: len(self.requests) > self._taken, seconds)
            received = self.requests
            if len(received) <= self._taken:
                return None
            self._taken += 1
            return received[self._taken - 1]

    def __str__(self) -> str:
        return "\n".join(str(exchange) for exchange in self.exchanges)
