"""Each example, started with ``python -m ehttpd`` where nothing is installed, and asked."""

from __future__ import annotations

import hashlib
import runpy
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

import ehttpd.native
from tests.running import EHTTPD_NOT_INSTALLED, PATIENCE, ROOT, running

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))


@contextmanager
def example(name: str) -> Iterator[HTTPConnection]:
    with running(*EHTTPD_NOT_INSTALLED, f"examples/{name}") as (host, port):
        connection = HTTPConnection(host, port, timeout=PATIENCE)
        try:
            yield connection
        finally:
            connection.close()


def ask(connection: HTTPConnection, method: str, target: str, body: bytes | None = None) -> tuple[HTTPResponse, bytes]:
    connection.request(method, target, body)
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
    assert len(file.read_text().splitlines()) <= 30
