#!/usr/bin/env python3
"""How long servers for tests take to start and to stop: ours, and those that others embed in tests.

    python benchmarks/testing.py [--rounds N]

In one process, with nothing else to do: start, one request, a rest of 20 ms, stop. The servers take turns; medians. A
peer that is not installed is left out.
"""

# mypy: disable-error-code="import-not-found, import-untyped"

from __future__ import annotations

import argparse
import logging
import socket
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

REST = 0.02  # Seconds: a server that polls is in its wait when it is told to stop.


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello"]


class Running(NamedTuple):
    """A server that runs."""

    port: int
    stop: Callable[[], object]


def ehttpd_test_server() -> Running:
    from ehttpd.testing import TestServer

    server = TestServer(application).start()
    return Running(server.port, server.stop)


def ehttpd_mock_server() -> Running:
    from ehttpd.testing import MockServer

    server = MockServer(strict=False).start()
    server.on("/").reply(text="hello")
    return Running(server.port, server.stop)


def pytest_httpserver() -> Running:
    from pytest_httpserver import HTTPServer

    server = HTTPServer()
    server.expect_request("/").respond_with_data("hello")
    server.start()
    return Running(server.port, server.stop)


def pytest_localserver() -> Running:
    from pytest_localserver.http import WSGIServer

    server = WSGIServer(application=application)
    server.start()
    return Running(server.server_address[1], server.stop)


def werkzeug() -> Running:
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, application, threaded=True)
    return in_thread(server, server.server_port)


def wsgiref() -> Running:
    from wsgiref.simple_server import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log_message(self, *arguments: Any) -> None: ...

    server = make_server("127.0.0.1", 0, application, handler_class=Quiet)
    return in_thread(server, server.server_port)


def in_thread(server: Any, port: int) -> Running:
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()

    def stop() -> None:
        server.shutdown()
        thread.join()
        server.server_close()

    return Running(port, stop)


def django() -> Running:
    from django.conf import settings

    if not settings.configured:
        settings.configure(ALLOWED_HOSTS=["*"], DATABASES={}, ROOT_URLCONF=__name__)
    from django.test.testcases import LiveServerThread

    class Ours(LiveServerThread):  # type: ignore[misc]
        def _create_server(self, connections_override: Any = None) -> Any:
            server = super()._create_server(connections_override)
            server.set_app = lambda handler: type(server).set_app(server, application)
            return server

    thread = Ours("127.0.0.1", lambda handler: handler)
    thread.daemon = True
    thread.start()
    thread.is_ready.wait()
    if thread.error:
        raise thread.error
    return Running(thread.port, thread.terminate)


SERVERS: dict[str, Callable[[], Running]] = {
    "ehttpd `TestServer`": ehttpd_test_server,
    "ehttpd `MockServer`": ehttpd_mock_server,
    "pytest-httpserver": pytest_httpserver,
    "pytest-localserver": pytest_localserver,
    "werkzeug `make_server`": werkzeug,
    "wsgiref `make_server`": wsgiref,
    "Django `LiveServerThread`": django,
}


def ask(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), 10) as connected:
        connected.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        received = b""
        while data := connected.recv(65536):
            received += data
    assert b"hello" in received, received


def measure(start: Callable[[], Running]) -> tuple[float, float, float]:
    """Return the milliseconds to start, to the end of the first answer after that, and to stop."""
    began = time.perf_counter()
    server = start()
    started = time.perf_counter()
    ask(server.port)
    answered = time.perf_counter()
    time.sleep(REST)
    told = time.perf_counter()
    server.stop()
    return 1000 * (started - began), 1000 * (answered - started), 1000 * (time.perf_counter() - told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    rounds = parser.parse_args().rounds
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    measured: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SERVERS}
    for turn in range(rounds + 1):
        for name, start in SERVERS.items():
            try:
                durations = measure(start)
            except ImportError:
                continue
            if turn:  # the first imports
                measured[name].append(durations)
    print("| | start | first answer | stop |")
    print("| --- | --: | --: | --: |")
    for name, results in measured.items():
        if results:
            print(
                f"| {name} | "
                + " | ".join(f"{statistics.median(each):.1f}" for each in zip(*results, strict=True))
                + " |"
            )


if __name__ == "__main__":
    main()
