"""Each example, started with ``python -m ehttpd`` where nothing is installed, and asked."""

from __future__ import annotations

import hashlib
import json
import runpy
import select
import socket
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest
import websockets.sync.client

import ehttpd.native
from ehttpd.testing import TestServer, faults
from tests.running import EHTTPD_NOT_INSTALLED, PATIENCE, ROOT, running

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


# With what is installed: Flask, for one.
EHTTPD = (sys.executable, "-m", "ehttpd", "--bind", "fd:{fd}")


@contextmanager
def example(
    name: str, command: Sequence[str] = EHTTPD_NOT_INSTALLED, environment: Mapping[str, str] | None = None
) -> Iterator[HTTPConnection]:
    with running(*command, f"examples/{name}", environment=environment) as (host, port):
        connection = HTTPConnection(host, port, timeout=PATIENCE)
        try:
            yield connection
        finally:
            connection.close()


def ask(
    connection: HTTPConnection,
    method: str,
    target: str,
    body: bytes | None = None,
    fields: Mapping[str, str] | None = None,
) -> tuple[HTTPResponse, bytes]:
    connection.request(method, target, body, fields or {})
    response = connection.getresponse()
    return response, response.read()


def test_hello_answers_twice_on_one_connection() -> None:
    with example("hello.py") as connection:
        for _ in range(2):
            response, body = ask(connection, "GET", "/")
            assert (response.status, body) == (200, b"Hello, world!\n")
            assert response.getheader("Content-Type") == "text/plain; charset=utf-8"
            assert connection.sock is not None  # http.client lets go of a connection that will not persist.


def test_hello_close_says_that_it_closes_and_does() -> None:
    with example("hello_close.py") as connection:
        connection.connect()
        client = connection.sock
        client.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b"".join(iter(lambda: client.recv(65536), b""))
    head, _, body = received.partition(b"\r\n\r\n")
    assert b"\r\nconnection: close" in head.lower()
    assert body == b"Hello, world!\n"


def test_teapot_has_only_teapots() -> None:
    with example("teapot.py") as connection:
        response, body = ask(connection, "GET", "/coffee?milk=yes")
    assert (response.status, response.reason) == (418, "I'm a teapot")
    assert body == b"There are only teapots in /coffee?milk=yes\n"


def test_streaming_sends_its_first_piece_before_the_last_is_made() -> None:
    with example("streaming.py") as connection:
        connection.request("GET", "/")
        response = connection.getresponse()
        assert response.getheader("Transfer-Encoding") == "chunked"
        assert response.read1() == b"5\n"
        assert response.read() == b"4\n3\n2\n1\nlift-off\n"


@pytest.mark.parametrize("size", [0, 1, 3_000_000])
def test_upload_answers_size_and_digest(size: int) -> None:
    sent = bytes(index % 251 for index in range(size))
    with example("upload.py") as connection:
        response, body = ask(connection, "PUT", "/", sent)
    assert response.status == 201
    assert body.decode() == f"{size} bytes, sha256 {hashlib.sha256(sent).hexdigest()}\n"


def test_upload_tells_who_asks_otherwise_what_to_send() -> None:
    with example("upload.py") as connection:
        response, _ = ask(connection, "GET", "/")
    assert (response.status, response.getheader("Allow")) == (405, "POST, PUT")


def test_raw_lines_answers_in_capitals_until_bye() -> None:
    with (
        running(*EHTTPD_NOT_INSTALLED, "examples/raw_lines.py") as address,
        socket.create_connection(address, timeout=PATIENCE) as client,
        client.makefile("rwb", buffering=0) as file,
    ):
        for line in (b"hello\n", b"bye\n"):
            file.write(line)
            assert file.readline() == line.upper()
        assert file.readline() == b""


def test_lines_come_back_in_capitals_once_http_was_left() -> None:
    asked = b"GET /echo HTTP/1.1\r\nHost: a\r\nUpgrade: line/1\r\nConnection: upgrade\r\n\r\nhello\n"
    with example("lines.py") as connection:
        assert ask(connection, "GET", "/echo")[0].getheader("Upgrade") == "line/1"
        address = (connection.host, connection.port)
        with socket.create_connection(address, timeout=PATIENCE) as client, client.makefile("rwb", buffering=0) as file:
            file.write(asked)
            while file.readline() != b"\r\n":
                pass
            assert file.readline() == b"HELLO\n"
            file.write(b"again\n")
            assert file.readline() == b"AGAIN\n"


def test_items_are_written_read_listed_and_removed() -> None:
    with example("items.py") as connection:
        assert ask(connection, "PUT", "/items/tea", b'{"price": 3}')[0].status == 201
        assert ask(connection, "PUT", "/items/tea", b'{"price": 4}')[0].status == 200
        assert ask(connection, "GET", "/items/tea")[1] == b'{"price": 4}'
        assert ask(connection, "GET", "/items")[1] == b'["tea"]'
        assert ask(connection, "DELETE", "/items/tea")[0].status == 204
        response, body = ask(connection, "GET", "/items/tea")
        assert (response.status, response.getheader("Content-Type")) == (404, "application/problem+json")
        assert b"There is no such item." in body
        assert ask(connection, "PUT", "/items/tea", b"{")[0].status == 400
        assert ask(connection, "PUT", "/items/tea", b'"' + b"x" * 70_000 + b'"')[0].status == 413
        response, _ = ask(connection, "POST", "/items/tea")
        assert (response.status, response.getheader("Allow")) == (405, "DELETE, GET, HEAD, OPTIONS, PUT")


def test_vault_keeps_what_it_is_sent_and_nothing_outside(tmp_path: Path) -> None:
    sent = bytes(index % 251 for index in range(300_000))
    with example("vault.py", environment={"VAULT": str(tmp_path)}) as connection:
        response, body = ask(connection, "PUT", "/files/a.bin", sent)
        assert (response.status, json.loads(body)["sha256"]) == (201, hashlib.sha256(sent).hexdigest())
        assert ask(connection, "PUT", "/files/a.bin", b"other")[0].status == 409
        response, body = ask(connection, "GET", "/files/a.bin")
        assert (body, response.getheader("Content-Disposition")) == (sent, 'attachment; filename="a.bin"')
        assert ask(connection, "GET", "/files/a.bin", fields={"Range": "bytes=-5"})[1] == sent[-5:]
        for target in ("/files/..%2Fb", "/files/%2e%2e", "/files/none"):
            assert ask(connection, "PUT" if "%2" in target else "GET", target, b"x")[0].status == 404
    assert [file.name for file in tmp_path.iterdir()] == ["a.bin"]
    assert not (tmp_path.parent / "b").exists()


def test_events_are_sent_to_everybody_who_listens() -> None:
    with example("events.py") as listener:
        listener.request("GET", "/events")
        events = listener.getresponse()
        assert events.getheader("Content-Type") == "text/event-stream"
        assert events.readline() == b":\n"
        speaker = HTTPConnection(listener.host, listener.port, timeout=PATIENCE)
        try:
            deadline = time.monotonic() + PATIENCE
            while not select.select([events.fp], [], [], 0.05)[0]:  # it listens a moment after it is told so
                assert ask(speaker, "POST", "/publish", "é\n".encode())[0].status == 204
                assert time.monotonic() < deadline
        finally:
            speaker.close()
        events.readline()
        lines = [events.readline() for _ in range(3)]
    assert lines == [b"event: message\n", "data: é\n".encode(), b"data: \n"]


def test_website_is_files_a_json_page_and_a_flask_application() -> None:
    page = (ROOT / "examples" / "public" / "index.html").read_bytes()
    with example("website.py", EHTTPD) as connection:
        response, body = ask(connection, "GET", "/")
        assert (response.getheader("Content-Type"), body) == ("text/html; charset=utf-8", page)
        assert ask(connection, "GET", "/style.css")[0].getheader("X-Request-ID")
        assert ask(connection, "GET", "/api/health")[1] == b'{"ok": true}'
        assert ask(connection, "GET", "/office/desk")[1] == b"This page is /office/desk\n"
        assert ask(connection, "GET", "/../website.py")[0].status in (400, 404)


def test_proxy_hands_on_what_another_server_answers() -> None:
    with (
        running(*EHTTPD_NOT_INSTALLED, "examples/upload.py") as (host, port),
        example("proxy.py", environment={"UPSTREAM": f"{host}:{port}"}) as connection,
    ):
        response, body = ask(connection, "PUT", "/", b"sent")
        assert (response.status, body[:7]) == (201, b"4 bytes")
        assert ask(connection, "GET", "/")[0].getheader("Allow") == "POST, PUT"


def test_proxy_hands_on_each_field_but_those_of_the_connection() -> None:
    with (
        TestServer(lambda request: "heard") as upstream,
        example("proxy.py", environment={"UPSTREAM": f"127.0.0.1:{upstream.port}"}) as connection,
    ):
        connection.putrequest("GET", "/")
        for name, value in [("X-A", "1"), ("X-A", "2"), ("Connection", "close, X-Hop"), ("X-Hop", "here")]:
            connection.putheader(name, value)
        connection.endheaders()
        assert connection.getresponse().read() == b"heard"
    received = upstream.requests[0].headers
    assert (received["x-a"], received.get("x-hop")) == ("1, 2", None)


def test_proxy_says_when_what_is_behind_it_makes_no_sense() -> None:
    with (
        TestServer(lambda request: "heard") as upstream,
        example("proxy.py", environment={"UPSTREAM": f"127.0.0.1:{upstream.port}"}) as connection,
    ):
        upstream.fail(faults.garbage(seed=1))
        assert ask(connection, "GET", "/")[0].status == 502


def test_proxy_says_when_nobody_is_behind_it() -> None:
    with example("proxy.py", environment={"UPSTREAM": "127.0.0.1:1"}) as connection:
        response, body = ask(connection, "GET", "/")
    assert response.status == 502
    assert b"does not answer" in body


def test_chat_says_to_everybody_what_one_says() -> None:
    with example("chat.py", EHTTPD) as connection:
        response, body = ask(connection, "GET", "/")
        assert (response.status, b"new WebSocket" in body) == (200, True)
        assert ask(connection, "GET", "/talk")[0].status == 426
        url = f"ws://{connection.host}:{connection.port}/talk"
        with (
            websockets.sync.client.connect(url, open_timeout=PATIENCE, proxy=None) as one,
            websockets.sync.client.connect(url, open_timeout=PATIENCE, proxy=None) as other,
        ):
            one.send("first")
            assert one.recv(timeout=PATIENCE) == "first"  # so one is there, and hears
            other.send("é")
            assert one.recv(timeout=PATIENCE) == "é"


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_example_run_as_a_program_serves_its_own_app(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    served: list[object] = []

    def serve(handler: object = None, bind: str = "", connection: object = None) -> None:
        served.extend([handler or connection, bind])

    monkeypatch.setattr(ehttpd.native, "serve", serve)
    names = runpy.run_path(str(file), run_name="__main__")
    assert served == [names["app"], "127.0.0.1:8000"]


@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: file.name)
def test_example_fits_on_a_page(file: Path) -> None:
    assert len(file.read_text().splitlines()) <= 50
