"""Django's live server on ours: drained before the database of a test is flushed.

Django's. A request that outlives its test meets neither an emptied database nor the next test's.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.apps import apps
from django.contrib.staticfiles.handlers import StaticFilesHandler
from django.core.handlers.wsgi import WSGIHandler
from django.db import connections
from django.test import LiveServerTestCase as DjangosLiveServerTestCase
from django.test.testcases import _MediaFilesHandler
from django.test.utils import modify_settings

from ehttpd.messages import close_body
from ehttpd.testing.server import TestServer

# Seconds that requests may take once their test is over.
DRAIN = 10.0
Connections = dict[str, Any]


class Site:
    """A WSGI application, and the connections to databases in memory that its threads share with the test's."""

    def __init__(self, application: Any, shared: Connections) -> None:
        self._application = application
        self._shared = shared

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        for alias, connection in self._shared.items():
            connections[alias] = connection
        return Body(self._application(environ, start_response), self._close)

    def _close(self) -> None:
        """Close the connections of this thread, which lives on; else the database could not be destroyed."""
        for connection in connections.all(initialized_only=True):
            if connection.alias not in self._shared:
                connection.close()


class Body:
    """What the application returned, with something to do when it has been sent."""

    def __init__(self, body: Any, at_end: Any) -> None:
        self._body = body
        self._at_end = at_end

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        try:
            close_body(self._body)
        finally:
            self._at_end()


def site(shared: Connections) -> Site:
    """Return the Django project as an application, with its media and, by their finders, its static files."""
    project = _MediaFilesHandler(WSGIHandler())
    return Site(StaticFilesHandler(project) if apps.is_installed("django.contrib.staticfiles") else project, shared)


@contextmanager
def shared_connections() -> Iterator[Connections]:
    """Let other threads use this thread's connections to databases in memory while the block runs."""
    shared = {
        connection.alias: connection
        for connection in connections.all()
        if connection.vendor == "sqlite" and connection.is_in_memory_db()
    }
    for connection in shared.values():
        connection.inc_thread_sharing()
    try:
        yield shared
    finally:
        for connection in shared.values():
            connection.dec_thread_sharing()


def allowed_host(host: str) -> AbstractContextManager[None]:
    """Let requests for a host in while the block runs, as Django's live server does."""
    allowed: AbstractContextManager[None] = modify_settings(ALLOWED_HOSTS={"append": host})
    return allowed


class ServerThread:
    """What Django's test cases take for the thread of a live server. It is no thread: the server has its own."""

    daemon = True

    def __init__(self, host: str, static_handler: Any, connections_override: Connections, port: int = 0) -> None:
        self.host = host
        self.connections_override = connections_override
        self.is_ready = threading.Event()
        self.error: BaseException | None = None
        self.server = TestServer(
            Site(static_handler(_MediaFilesHandler(WSGIHandler())), connections_override), bind=f"{host}:{port}"
        )

    @property
    def port(self) -> int:
        return self.server.port

    def start(self) -> None:
        try:
            self.server.start()
        except Exception as error:  # raised by the test case
            self.error = error
        self.is_ready.set()

    def terminate(self) -> None:
        self.server.stop()


class LiveServerTestCase(DjangosLiveServerTestCase):  # type: ignore[misc]
    """Django's, on our server. ``self.server_thread.server`` is the `TestServer`."""

    server_thread_class = ServerThread

    def _fixture_teardown(self) -> None:
        """Wait for requests that still run before Django flushes the database."""
        self.server_thread.server.settle(DRAIN)
        super()._fixture_teardown()


EhttpdLiveServerTestCase = LiveServerTestCase  # beside Django's, in one file


class StaticLiveServerTestCase(LiveServerTestCase):
    """The same, with static files found where the applications have them, not where they are collected."""

    static_handler = StaticFilesHandler
