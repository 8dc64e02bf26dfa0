"""A small client that keeps its connection and trusts the server's certificate.

For asking one server of a test. `http.client` does the work.
"""

from __future__ import annotations

import http.client
import json as json_module
import socket
import ssl
from collections.abc import Mapping
from types import TracebackType
from urllib.parse import quote

from ehttpd.fields import Fields
from ehttpd.testing.wire import PATIENCE, Address, connect
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, Self


ASCII = bytes(range(128))


class Answer:
    """A response: ``status``, ``reason``, ``headers``, ``body``."""

    def __init__(self, response: http.client.HTTPResponse) -> None:
        __tracebackhide__ = True
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


class Connection(http.client.HTTPConnection):
    """To whatever place a server has, with TLS if there is a context."""

    def __init__(self, address: Address, context: ssl.SSLContext | None, timeout: float) -> None:
        host, port = ("localhost", None) if isinstance(address, str) else address
        super().__init__(host, port, timeout=timeout)
        self.default_port = http.client.HTTP_PORT if context is None else http.client.HTTPS_PORT
        self._address = address
        self._context = context
        self._patience = timeout

    def connect(self) -> None:
        self.sock: socket.socket = connect(self._address, self._patience, self._context)


class Client:
    """Asks one server, on one persistent connection. One thread at a time; close it, or use it as a context manager.

    Raises what `http.client` and `socket` raise: every fault of the server arrives here as it is.
    """

    def __init__(self, address: Address, context: ssl.SSLContext | None = None, timeout: float = PATIENCE) -> None:
        self._connection = Connection(address, context, timeout)

    def request(
        self,
        method: str,
        target: str,
        *,
        body: bytes | str | None = None,
        json: object = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return the whole response. Letters beyond ASCII in the target are percent-encoded."""
        __tracebackhide__ = True  # pytest: a failure is shown where the test asks
        fields = dict(headers or {})
        if json is not None:
            body = json_module.dumps(json)
            fields.setdefault("Content-Type", "application/json")
        try:
            target = quote(target, safe=ASCII)
            self._connection.request(method, target, body.encode() if isinstance(body, str) else body, fields)
            return Answer(self._connection.getresponse())
        except BaseException:
            self._connection.close()  # what is left of the exchange is of no use to the next
            raise

    def get(self, target: str, **options: Any) -> Answer:
        """Send a GET request; see `request`."""
        __tracebackhide__ = True
        return self.request("GET", target, **options)

    def head(self, target: str, **options: Any) -> Answer:
        """Send a HEAD request; see `request`."""
        __tracebackhide__ = True
        return self.request("HEAD", target, **options)

    def post(self, target: str, **options: Any) -> Answer:
        """Send a POST request; see `request`."""
        __tracebackhide__ = True
        return self.request("POST", target, **options)

    def put(self, target: str, **options: Any) -> Answer:
        """Send a PUT request; see `request`."""
        __tracebackhide__ = True
        return self.request("PUT", target, **options)

    def patch(self, target: str, **options: Any) -> Answer:
        """Send a PATCH request; see `request`."""
        __tracebackhide__ = True
        return self.request("PATCH", target, **options)

    def delete(self, target: str, **options: Any) -> Answer:
        """Send a DELETE request; see `request`."""
        __tracebackhide__ = True
        return self.request("DELETE", target, **options)

    def options(self, target: str, **options: Any) -> Answer:
        """Send an OPTIONS request; see `request`."""
        __tracebackhide__ = True
        return self.request("OPTIONS", target, **options)

    def close(self) -> None:
        """Close the connection. The next request opens another."""
        self._connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        self.close()
