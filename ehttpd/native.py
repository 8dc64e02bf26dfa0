"""Handlers written for ehttpd: requests in, responses out, with no framework between.

The author of a handler's side: the one module to import from.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ehttpd.fields import Fields, Headers
from ehttpd.messages import Client, FileBody, Handler, Request, Response, Status
from ehttpd.server.raw import ConnectionHandler, Sink
from ehttpd.server.server import Server
from ehttpd.server.signals import run

__all__ = [
    "Client",
    "ConnectionHandler",
    "Fields",
    "FileBody",
    "Handler",
    "Headers",
    "Request",
    "Response",
    "Server",
    "Sink",
    "Status",
    "connection_handler",
    "serve",
]

F = TypeVar("F", bound=Callable[..., object])


def serve(
    handler: Handler | None = None,
    bind: str | tuple[str, ...] | list[str] = "127.0.0.1:8000",
    *,
    connection: ConnectionHandler | None = None,
    **settings: Any,
) -> None:
    """Serve a handler until SIGINT or SIGTERM; then drain, for ``graceful_timeout`` seconds. Main thread only.

    ``connection`` and ``settings`` are those of `Server`.

    Raises:
        SettingsError, ListenError: see `Server`.
    """
    run(Server(handler, connection=connection, bind=bind, **settings))


def connection_handler(function: F) -> F:
    """Mark a function that takes ``(source, sink)`` of a connection, so that the command line serves it as one."""
    function.handles_connections = True  # type: ignore[attr-defined]
    return function
