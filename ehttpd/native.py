"""Handlers written for ehttpd: requests in, responses out, with no framework between.

The author of a handler's side: the one module to import from. What lives in toolkit/ is imported when it is first asked
for, so that a program pays for what it uses.
"""

from __future__ import annotations

from importlib import import_module

from ehttpd.fields import Fields, Headers
from ehttpd.messages import Client, FileBody, Handler, Outlet, Request, Response, Status, streaming
from ehttpd.server.server import Server
from ehttpd.server.signals import run
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, TypeVar

    from ehttpd.server.raw import ConnectionHandler, Sink
    from ehttpd.server.tunnel import Tunnel
    from ehttpd.toolkit.access_log import access_log
    from ehttpd.toolkit.answers import Answer, View, answer_of
    from ehttpd.toolkit.basic_auth import basic_auth
    from ehttpd.toolkit.bridges import from_wsgi, to_wsgi
    from ehttpd.toolkit.compress import compress
    from ehttpd.toolkit.conditional import conditional
    from ehttpd.toolkit.cookies import Cookies
    from ehttpd.toolkit.cors import cors
    from ehttpd.toolkit.errors import HTTPError
    from ehttpd.toolkit.events import Event, EventSource, encode_event
    from ehttpd.toolkit.forms import Form, MultipartForm, Upload
    from ehttpd.toolkit.limit_body import limit_body
    from ehttpd.toolkit.mounting import MountedRequest
    from ehttpd.toolkit.patterns import PatternError
    from ehttpd.toolkit.pipeline import Middleware, pipeline
    from ehttpd.toolkit.publisher import EventQueue, Publisher
    from ehttpd.toolkit.query import Query, percent_decode
    from ehttpd.toolkit.ranges import ByteRange, RangeSet
    from ehttpd.toolkit.refusals import NotFound, UnsupportedMediaType
    from ehttpd.toolkit.request_id import request_id
    from ehttpd.toolkit.router import Router
    from ehttpd.toolkit.static import StaticFiles, safe_join
    from ehttpd.toolkit.timeout import timeout
    from ehttpd.toolkit.trust_proxy import trust_proxy
    from ehttpd.toolkit.websocket import WebSocket, WebSocketClosed

    F = TypeVar("F", bound=Callable[..., object])

__all__ = [
    "Answer",
    "ByteRange",
    "Client",
    "ConnectionHandler",
    "Cookies",
    "Event",
    "EventQueue",
    "EventSource",
    "Fields",
    "FileBody",
    "Form",
    "HTTPError",
    "Handler",
    "Headers",
    "Middleware",
    "MountedRequest",
    "MultipartForm",
    "NotFound",
    "Outlet",
    "PatternError",
    "Publisher",
    "Query",
    "RangeSet",
    "Request",
    "Response",
    "Router",
    "Server",
    "Sink",
    "StaticFiles",
    "Status",
    "Tunnel",
    "UnsupportedMediaType",
    "Upload",
    "View",
    "WebSocket",
    "WebSocketClosed",
    "access_log",
    "answer_of",
    "basic_auth",
    "compress",
    "conditional",
    "connection_handler",
    "cors",
    "encode_event",
    "from_wsgi",
    "limit_body",
    "percent_decode",
    "pipeline",
    "request_id",
    "safe_join",
    "serve",
    "streaming",
    "timeout",
    "to_wsgi",
    "trust_proxy",
]

# Name -> the module that has it, imported when it is asked for.
LATER = {
    "Answer": "toolkit.answers",
    "ByteRange": "toolkit.ranges",
    "ConnectionHandler": "server.raw",
    "Cookies": "toolkit.cookies",
    "Event": "toolkit.events",
    "EventQueue": "toolkit.publisher",
    "EventSource": "toolkit.events",
    "Form": "toolkit.forms",
    "HTTPError": "toolkit.errors",
    "Middleware": "toolkit.pipeline",
    "MountedRequest": "toolkit.mounting",
    "MultipartForm": "toolkit.forms",
    "NotFound": "toolkit.refusals",
    "PatternError": "toolkit.patterns",
    "Publisher": "toolkit.publisher",
    "Query": "toolkit.query",
    "RangeSet": "toolkit.ranges",
    "Router": "toolkit.router",
    "Sink": "server.raw",
    "StaticFiles": "toolkit.static",
    "Tunnel": "server.tunnel",
    "UnsupportedMediaType": "toolkit.refusals",
    "Upload": "toolkit.forms",
    "View": "toolkit.answers",
    "WebSocket": "toolkit.websocket",
    "WebSocketClosed": "toolkit.websocket",
    "access_log": "toolkit.access_log",
    "answer_of": "toolkit.answers",
    "basic_auth": "toolkit.basic_auth",
    "compress": "toolkit.compress",
    "conditional": "toolkit.conditional",
    "cors": "toolkit.cors",
    "encode_event": "toolkit.events",
    "from_wsgi": "toolkit.bridges",
    "limit_body": "toolkit.limit_body",
    "percent_decode": "toolkit.query",
    "pipeline": "toolkit.pipeline",
    "request_id": "toolkit.request_id",
    "safe_join": "toolkit.static",
    "timeout": "toolkit.timeout",
    "to_wsgi": "toolkit.bridges",
    "trust_proxy": "toolkit.trust_proxy",
}

if not TYPE_CHECKING:  # or every name would seem to be here

    def __getattr__(name: str) -> Any:
        if name not in LATER:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        value = getattr(import_module(f"ehttpd.{LATER[name]}"), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return sorted({*globals(), *LATER})


def serve(
    handler: View | None = None,
    bind: str | tuple[str, ...] | list[str] = "127.0.0.1:8000",
    *,
    connection: ConnectionHandler | None = None,
    **settings: Any,
) -> None:
    """Serve a handler until SIGINT or SIGTERM; then drain, for ``graceful_timeout`` seconds. Main thread only.

    The handler takes a `Request` and returns a `Response`, str, bytes, a mapping or a list (JSON), or None (204).
    ``connection`` and ``settings`` are those of `Server`.

    Raises:
        SettingsError, ListenError: see `Server`.
    """
    served: Any = handler  # the server makes responses of what it returns
    run(Server(served, connection=connection, bind=bind, **settings))


def connection_handler(function: F) -> F:
    """Mark a function that takes ``(source, sink)`` of a connection, so that the command line serves it as one."""
    function.handles_connections = True  # type: ignore[attr-defined]
    return function
