"""A small client that keeps its connections and trusts the server's certificate.

For asking one server of a test. `http.client` does the work.
"""

from __future__ import annotations

import http.client
import json as json_module
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

from ehttpd.fields import Fields
from ehttpd.testing.wire import connect

PATIENCE = 10.0  # Seconds.


class Answer:
    """A response: ``status``, ``reason``, ``headers``, ``body``."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.reason = response.reason
        self.headers = Fields(response.getheaders())
        self.body = response.read()

    @property
    def text(self) -> str:
        """The body as text in UTF-8. Raises UnicodeDecodeError."""
        return self.body.decode()

    def json(self) -> Any:
        """Return what the body says in JSON. Raises ValueError if it is none."""
        return json_module.loads(self.body)

    def __repr__(self) -> str:
        return f"<Answer {self.status} {self.reason}, {len(self.body)} octets>"


class UnixConnection(http.client.HTTPConnection):
    """To the path of a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path
        self._patience = timeout

    def connect(self) -> None:
        self.sock: socket.socket = connect(self._path, self._patience)


class Client:
    """Asks one server, on one persistent connection. One thread at a time; close it, or use it as a context manager.

    Raises what `http.client` and `socket` raise: every fault of the server arrives here as it is.
    """

    def __init__(
        self, address: tuple[str, int] | str, context: ssl.SSLContext | None = None, timeout: float = PATIENCE
    ) -> None:  # fmt: skip
        if isinstance(address, str):
            self._connection: http.client.HTTPConnection = UnixConnection(address, timeout)
        elif context is not None:
            self._connection = http.client.HTTPSConnection(*address, timeout=timeout, context=context)
        else:
            self._connection = http.client.HTTPConnection(*address, timeout=timeout)

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | str | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the whole response."""
        fields = dict(headers or {})
        if json is not None:
            body = json_module.dumps(json)
            fields.setdefault("Content-Type", "application/json")
        try:
            self._connection.request(method, target, body.encode() if isinstance(body, str) else body, fields)
            return Answer(self._connection.getresponse())
        except BaseException:
            self._connection.close()  # what is left of the exchange is of no use to the next
            raise

    def get(self, target: str, **options: Any) -> Answer:
        """Send a GET request; see `request`."""
        return self.request("GET", target, **options)

    def post(self, target: str, **options: Any) -> Answer:
        """Send a POST request; see `request`."""
        return self.request("POST", target, **options)

    def close(self) -> None:
        """Close the connection. The next request opens another."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        self.close()
