"""Exceptions of handlers and applications are answered with what happened."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection
from typing import Any

import pytest

from ehttpd.develop.failure import Failure, shown
from ehttpd.develop.pages import with_pages
from ehttpd.develop.tracebacks import GENERATION_PATH
from ehttpd.errors import BadRequest
from ehttpd.native import Handler, HTTPError, Request, Response, Server, streaming
from ehttpd.testing import TestServer
from ehttpd.wsgi import adapt

BROWSER = {"Accept": "text/html,*/*"}


def ask(handler: Handler, target: str = "/", headers: dict[str, str] = {}) -> tuple[int, str]:  # noqa: B006
    with Server(handler, bind="127.0.0.1:0") as server, closing(HTTPConnection("127.0.0.1", server.port)) as client:
        client.request("GET", target, headers=headers)
        answer = client.getresponse()
        return answer.status, answer.read().decode()


def failing(request: Request) -> Response:
    raise ValueError("of the handler")


def generating(environ: Any, start_response: Any) -> Iterator[bytes]:
    start_response("200 OK", [])
    if environ["PATH_INFO"] == "/bad":
        raise ValueError("of the generator")
    yield b"one "
    yield b"two"


@pytest.mark.parametrize(("handler", "whose"), [(failing, "handler"), (adapt(generating), "generator")])
def test_a_browser_gets_a_page_and_others_get_text(handler: Handler, whose: str) -> None:
    status, page = ask(with_pages(handler, 3), "/bad", BROWSER)
    assert (status, page[:15]) == (500, "<!doctype html>")
    assert f"<h1>ValueError: of the {whose}</h1>" in page
    assert f'data-path="{GENERATION_PATH}" data-generation="3"' in page
    status, text = ask(with_pages(handler, 3), "/bad")
    assert (status, text.splitlines()[-1]) == (500, f"ValueError: of the {whose}")


@pytest.mark.parametrize("error", [ValueError("no file \udcff.csv"), SystemExit("no file \\udcff.csv")])
def test_any_exception_is_shown_whatever_its_message_is(error: BaseException) -> None:
    def handler(request: Request) -> Response:
        raise error

    for headers in BROWSER, {}:
        status, said = ask(with_pages(handler, 1), headers=headers)
        assert (status, rf"{type(error).__name__}: no file \udcff.csv" in said) == (500, True)


def test_what_goes_well_is_left_as_it_is() -> None:
    assert ask(with_pages(adapt(generating), 1)) == (200, "one two")


@pytest.mark.parametrize("answer", [HTTPError(404), BadRequest("no")])
def test_answers_that_are_raised_are_answers(answer: Exception) -> None:
    def handler(request: Request) -> Response:
        raise answer

    assert ask(with_pages(handler, 1), headers=BROWSER)[0] in (400, 404)


def test_a_page_can_ask_whether_the_application_was_started_again() -> None:
    assert ask(with_pages(failing, 5), GENERATION_PATH) == (200, "5\n")
    assert ask(shown(Failure("m", "c"), 6, pages=True), GENERATION_PATH) == (200, "6\n")


def test_an_application_that_cannot_be_started_is_explained() -> None:
    failure = Failure("importing 'shop' failed:", "shop.py:1  import <nothing>")
    status, page = ask(shown(failure, 1, pages=True), headers=BROWSER)
    assert (status, "import &lt;nothing&gt;" in page) == (500, True)
    assert ask(shown(failure, 1, pages=True))[1].startswith("importing 'shop' failed:\n")


def test_without_pages_a_client_learns_nothing() -> None:
    status, said = ask(shown(Failure("secret", "secret"), 1, pages=False), headers=BROWSER)
    assert (status, "secret" in said) == (503, False)


def told_of_prefix(environ: Any, start_response: Any) -> list[bytes]:
    start_response("200 OK", [])
    return [f"{environ['SCRIPT_NAME']} + {environ['PATH_INFO']}".encode()]


def test_an_application_learns_of_the_prefix_that_it_is_below() -> None:
    with TestServer(with_pages(adapt(told_of_prefix), 1), url_prefix="/shop") as server:
        assert server.client().get("/shop/items").text == "/shop + /items"


def test_a_handler_that_reads_the_body_while_it_arrives_is_called_before_it_has() -> None:
    begun = threading.Event()

    @streaming
    def reads(request: Request) -> Response:
        begun.set()
        return Response(request.body.read())

    with TestServer(with_pages(reads, 1)) as server, socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\na")
        assert begun.wait(10)
        client.sendall(b"b")
        assert client.recv(1000).endswith(b"ab")
