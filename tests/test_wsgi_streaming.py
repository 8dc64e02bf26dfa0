"""WSGI applications that read bodies while they arrive (``stream_bodies``), and what frameworks make of a failure."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.validate import validator

import pytest
from flask import Flask, request

from ehttpd.native import streaming
from ehttpd.wsgi import adapt
from tests.server.live import PATIENCE, Peer, serving

POST = b"POST / HTTP/1.1\r\nHost: here\r\n"
CHUNKED = POST + b"Transfer-Encoding: chunked\r\n\r\n"


def test_an_application_reads_while_the_body_arrives() -> None:
    read: list[bytes] = []
    arrived = threading.Semaphore(0)

    @validator
    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        for line in environ["wsgi.input"]:
            read.append(line)
            arrived.release()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"ok"]

    with serving(adapt(application), stream_bodies=True) as server:
        peer = server.connect()
        peer.send(POST + b"Content-Length: 7\r\nExpect: 100-continue\r\n\r\n")
        assert (peer.line(), peer.line()) == ("HTTP/1.1 100 Continue", "")
        for line in (b"one\n", b"two"):
            peer.send(line)
            if line.endswith(b"\n"):
                assert arrived.acquire(timeout=PATIENCE)
                assert read == [line]
        assert peer.reply().body == b"ok"
        assert read == [b"one\n", b"two"]


@pytest.mark.parametrize("prefix", [None, "/shop"])
def test_an_adapted_application_that_is_to_stream_does_so_below_a_prefix_too(prefix: str | None) -> None:
    begun = threading.Event()

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        begun.set()
        start_response("200 OK", [])
        return [environ["wsgi.input"].read()]

    with serving(streaming(adapt(application)), url_prefix=prefix) as server:
        peer = server.connect()
        peer.send(POST + b"Content-Length: 3\r\n\r\n")
        assert begun.wait(PATIENCE), "before there is a body"
        peer.send(b"tea")
        assert peer.reply().body == b"tea"


def flask() -> Flask:
    app = Flask(__name__)

    @app.post("/")
    def echo() -> bytes:
        if request.mimetype == "multipart/form-data":
            return b"".join(upload.read() for upload in request.files.values())
        return request.get_data()

    return app


def ask_in_pieces(peer: Peer, content: bytes, kind: bytes) -> bytes:
    peer.send(POST + b"Content-Type: %s\r\nContent-Length: %d\r\n\r\n" % (kind, len(content)))
    for place in range(0, len(content), 7):
        peer.send(content[place : place + 7])
    return peer.reply().body


def test_flask_reads_forms_and_octets() -> None:
    with serving(adapt(flask()), stream_bodies=True) as server:
        peer = server.connect()
        multipart = b'--x\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\noctets\r\n--x--\r\n'
        assert ask_in_pieces(peer, multipart, b"multipart/form-data; boundary=x") == b"octets"
        assert ask_in_pieces(peer, b"some octets", b"text/plain") == b"some octets"
        peer.send(CHUNKED)
        peer.send(b"3\r\nabc\r\n0\r\n\r\n")
        assert peer.reply().body == b"abc"


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (CHUNKED + b"broken\r\n", 400),
        (CHUNKED + b"ff\r\n", 413),
        (CHUNKED + b"5\r\nhalf", 408),
        (POST + b"Content-Length: 5\r\n\r\nhalf", 408),
    ],
)
def test_what_flask_answers_with_500_is_the_clients_mistake_all_the_same(sent: bytes, status: int) -> None:
    with serving(adapt(flask()), stream_bodies=True, limit_request_body=100, body_timeout=0.05) as server:
        peer = server.connect()
        peer.send(sent)
        reply = peer.reply()
        assert (reply.status, reply.fields["connection"]) == (status, "close")
