"""A server with its admin address, and a client that asks there."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple

import pytest

from ehttpd.admin.server import AdminServer
from ehttpd.admin.source import LocalSource
from ehttpd.logs import log
from ehttpd.messages import Handler
from ehttpd.settings import Settings
from tests.server.conftest import gate, live_server
from tests.server.live import PATIENCE, LiveServer, serving

__all__ = ["gate", "live_server"]  # fixtures


class Answer(NamedTuple):
    """What the admin address answered."""

    status: int
    fields: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        return json.loads(self.text)


class Watched(NamedTuple):
    """A server, and where it is looked at."""

    server: LiveServer
    admin: AdminServer
    address: str

    def ask(self, target: str, method: str = "GET", body: str | None = None, **fields: str) -> Answer:
        """Ask the admin address; ``fields`` are with underscores where they have hyphens."""
        client = HTTPConnection(self.address, timeout=PATIENCE)
        try:
            client.request(method, target, body, {name.replace("_", "-"): value for name, value in fields.items()})
            reply: HTTPResponse = client.getresponse()
            return Answer(
                reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read().decode()
            )
        finally:
            client.close()


Watch = Callable[..., Watched]


@pytest.fixture
def watched() -> Iterator[Watch]:
    """Start servers with an admin address each; stop them at the end, and have the logger as it was."""
    with ExitStack() as stack:
        stack.callback(log.logger().setLevel, log.logger().level)

        def start(handler: Handler, actions: dict[str, Callable[[], str]] | None = None, **options: Any) -> Watched:
            settings = {name: options.pop(name) for name in list(options) if name.startswith(("admin", "statsd"))}
            server = stack.enter_context(serving(handler, counts=True, **options))
            source = LocalSource(server, "shop:app", actions)
            admin = AdminServer(source, Settings(**{"admin": "127.0.0.1:0", **settings})).start()
            stack.callback(admin.stop)
            return Watched(server, admin, admin.addresses[0])

        yield start
