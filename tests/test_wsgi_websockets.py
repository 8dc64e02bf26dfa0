"""WSGI applications that leave HTTP, as under werkzeug and gunicorn: simple-websocket and Flask-Sock, unchanged."""

from __future__ import annotations

import os
import queue
import socket
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from wsgiref.types import StartResponse

import pytest
from flask import Flask
from flask_sock import Sock
from simple_websocket import Server as SimpleWebSocket
from websockets.exceptions import ConnectionClosed, ConnectionClosedOK
from websockets.sync.client import ClientConnection, connect

from ehttpd.native import Router, from_wsgi
from ehttpd.records import Record
from ehttpd.wsgi import adapt
from tests.server.live import PATIENCE, Gate, LiveServer, serving

Environ = dict[str, Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
ASKED = ("Upgrade: lines", "Connection: Upgrade")


def flask_app(talk: Callable[[SimpleWebSocket], object], **options: Any) -> Application:
    app = Flask(__name__)
    app.config["SOCK_SERVER_OPTIONS"] = options
    Sock(app).route("/talk")(talk)
    app.add_url_rule("/", "hello", lambda: "hello")
    return app


def echo(websocket: SimpleWebSocket) -> None:
    while True:
        websocket.send(websocket.receive())


@contextmanager
def connected(server: LiveServer, path: str = "/talk") -> Iterator[ClientConnection]:
    place = f"ws://127.0.0.1:{server.port}{path}"
    with connect(place, open_timeout=PATIENCE, proxy=None, ping_interval=None) as client:
        yield client


def test_flask_sock_talks(caplog: pytest.LogCaptureFixture) -> None:
    with serving(adapt(flask_app(echo))) as server:
        with connected(server) as client:
            for message in ("hello", b"octets", "x" * 100_000):
                client.send(message)
                assert client.recv(timeout=PATIENCE) == message
        assert server.connect().ask().body == b"hello"
        reply = server.connect().ask("/", "Upgrade: h2c", "Connection: Upgrade")
        assert (reply.status, reply.body) == (200, b"hello")  # who is offered an upgrade need not take it
    assert caplog.text == ""


def test_flask_sock_closes(caplog: pytest.LogCaptureFixture) -> None:
    with serving(adapt(flask_app(lambda websocket: websocket.send("bye")))) as server, connected(server) as client:
        assert client.recv(timeout=PATIENCE) == "bye"
        with pytest.raises(ConnectionClosedOK):
            client.recv(timeout=PATIENCE)
    assert caplog.text == ""


def test_flask_sock_pings() -> None:
    with serving(adapt(flask_app(echo, ping_interval=0.5))) as server:
        peer = server.connect()
        key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
        fields = ("Upgrade: websocket", "Connection: Upgrade", "Sec-WebSocket-Version: 13", key)
        assert peer.ask("/talk", *fields).status == 101
        assert peer.read(2) == b"\x89\0"
        peer.send(b"\x8a\x80\0\0\0\0", b"\x81\x82\0\0\0\0hi")  # the pong, and a message
        assert peer.read(4) == b"\x81\x02hi"


def test_flask_sock_finds_the_rest_of_a_long_message_between_its_pings() -> None:
    message = os.urandom(100_000)  # it waits for the descriptor, and receives 4096 octets at once
    with serving(adapt(flask_app(echo, ping_interval=10 * PATIENCE))) as server, connected(server) as client:
        client.send(message)
        assert client.recv(timeout=PATIENCE) == message


def test_flask_sock_may_be_mounted() -> None:
    router = Router()
    router.mount("/app", from_wsgi(flask_app(echo)))
    with serving(router) as server, connected(server, "/app/talk") as client:
        client.send("hello")
        assert client.recv(timeout=PATIENCE) == "hello"


def test_those_who_talk_take_no_place_of_handlers() -> None:
    with serving(adapt(flask_app(echo)), threads=1) as server, connected(server) as one, connected(server) as other:
        assert server.connect().ask().body == b"hello"
        for client in (one, other):
            client.send("hello")
            assert client.recv(timeout=PATIENCE) == "hello"


def test_a_stop_ends_the_talk() -> None:
    with serving(adapt(flask_app(echo))) as server, connected(server) as client:
        client.send("hello")
        assert client.recv(timeout=PATIENCE) == "hello"
        assert server.stop(grace=PATIENCE)
        with pytest.raises(ConnectionClosed):
            client.recv(timeout=PATIENCE)


@pytest.fixture
def taking() -> Iterator[Callable[..., LiveServer]]:
    """Serve applications that are given the socket, until the test ends."""
    servers = []

    def serve(talk: Callable[[Any], list[bytes] | None], **options: Any) -> LiveServer:
        def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
            assert environ["werkzeug.socket"] is environ["gunicorn.socket"]
            body = talk(environ["werkzeug.socket"])
            start_response("200 OK", [("Content-Length", "6")])
            return body or Closing()

        server = serving(adapt(application), **options)
        servers.append(server)
        return server.__enter__()

    Closing.closed.clear()
    yield serve
    for server in servers:
        server.__exit__(None, None, None)


class Closing:
    """What an application returns that has talked."""

    closed = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        raise AssertionError("nothing is answered")

    def close(self) -> None:
        self.closed.set()


def test_nothing_is_answered_once_the_socket_is_taken(taking: Callable[..., LiveServer]) -> None:
    records: queue.Queue[Record] = queue.Queue()

    def talk(taken: Any) -> None:
        taken.settimeout(PATIENCE)
        taken.sendall(taken.recv(3) + taken.recv(100))
        assert taken.fileno() >= 0

    server = taking(talk, record=records.put)
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nabcdef")
    assert peer.rest() == b"abcdef"
    assert Closing.closed.is_set()
    assert records.get(timeout=PATIENCE).status == 101


def test_the_socket_is_there_for_those_who_ask_only(taking: Callable[..., LiveServer]) -> None:
    assert taking(lambda taken: [b"answer"]).connect().ask().status == 500


def test_a_socket_that_is_looked_at_is_not_taken(taking: Callable[..., LiveServer]) -> None:
    peer = taking(lambda taken: [repr(taken).encode() and b"answer", b""] if taken is not None else None).connect()
    assert [peer.ask("/", *ASKED).body for _ in range(3)] == [b"answer"] * 3


@pytest.mark.parametrize(("error", "logged"), [(StopIteration, False), (ConnectionError, False), (KeyError, True)])
def test_what_is_raised_after_a_talk_is_not_answered(
    taking: Callable[..., LiveServer], error: type[Exception], logged: bool, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(taken: Any) -> None:
        taken.send(b"last words")
        raise error

    peer = taking(talk).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert peer.rest() == b"last words"
    assert bool(caplog.text) is logged


def test_a_broken_connection_is_the_error_that_a_socket_has(taking: Callable[..., LiveServer], gate: Gate) -> None:
    raised: queue.Queue[type[BaseException]] = queue.Queue()

    def talk(taken: Any) -> None:
        taken.send(b"x")
        gate.wait()
        for call in (lambda: taken.recv(1), lambda: [taken.send(bytes(1 << 20)) for _ in range(100)]):
            try:
                call()
            except OSError as error:
                raised.put(type(error))

    peer = taking(talk).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert peer.read(1) == b"x"
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    peer.close()
    gate.open()
    assert [raised.get(timeout=PATIENCE) for _ in range(2)] == [ConnectionResetError, BrokenPipeError]


def test_a_thread_that_is_left_behind_reading_comes_to_its_end(taking: Callable[..., LiveServer]) -> None:
    reads: queue.Queue[bytes] = queue.Queue()

    def talk(taken: Any) -> None:
        taken.send(b"x")
        threading.Thread(target=lambda: reads.put(taken.recv(1)), daemon=True).start()

    peer = taking(talk, linger_timeout=0.05).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
    assert peer.rest() == b"x"
    assert reads.get(timeout=PATIENCE) == b""


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()
