"""Errors that a handler raises: what the client gets of them."""

from __future__ import annotations

import copy
import json
import pickle

import pytest

from ehttpd.errors import HandlerError
from ehttpd.messages import Request
from ehttpd.toolkit.errors import HTTPError
from tests.server.live import serving
from tests.toolkit.asking import asked

BROWSER = "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"


@pytest.mark.parametrize(
    "accept", ["Accept: */*", "Accept: application/json", "Accept: application/*, text/plain;q=0.5"]
)
def test_a_program_gets_problem_details(accept: str) -> None:
    response = HTTPError(404, 'no "item" é').response(asked("/", accept))
    assert (response.status, response.headers["content-type"]) == (404, "application/problem+json")
    assert isinstance(response.body, bytes)
    assert json.loads(response.body) == {"title": "Not Found", "status": 404, "detail": 'no "item" é'}


@pytest.mark.parametrize("accept", [BROWSER, "Accept: text/plain", "Accept: image/png"])
def test_a_person_gets_text(accept: str) -> None:
    response = HTTPError(404, "no such item").response(asked("/", accept))
    assert (response.body, response.headers["content-type"]) == (b"no such item\n", "text/plain; charset=utf-8")


@pytest.mark.parametrize("accept", [BROWSER, "Accept: application/json"])
def test_a_cache_is_told_that_it_depends_on_who_asks(accept: str) -> None:
    response = HTTPError(404, headers={"Vary": "Cookie"}).response(asked("/", accept))
    assert response.headers["vary"] == "Accept, Cookie"


def test_without_a_detail_the_reason_phrase_is_all() -> None:
    assert HTTPError(418).response(asked("/", "Accept: text/plain")).body == b"I'm a teapot\n"
    body = HTTPError(418).response(asked()).body
    assert isinstance(body, bytes)
    assert json.loads(body) == {"title": "I'm a teapot", "status": 418}


def test_its_fields_are_added() -> None:
    error = HTTPError(429, headers=[("Retry-After", "7"), ("Link", "<a>"), ("Link", "<b>")])
    response = error.response(asked())
    assert response.headers["retry-after"] == "7"
    assert response.headers.all("link") == ["<a>", "<b>"]


@pytest.mark.parametrize("status", [200, 304, 399, 600])
def test_a_status_that_is_no_error_is_the_handlers_mistake(status: int) -> None:
    with pytest.raises(HandlerError, match=str(status)):
        HTTPError(status)


def test_an_answer_that_is_raised_too_late_breaks_the_response_off(caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> None:
        write = request.client.start_response(request, 200, [("Content-Type", "a/b")])
        write(b"begun")
        raise HTTPError(409, "Somebody was faster.")

    with serving(handler) as server:
        reply = server.connect().ask()
    assert (reply.status, reply.body, reply.whole) == (200, b"begun", False)
    assert "Somebody was faster." in caplog.text


def test_a_server_answers_what_a_handler_raises_without_a_router() -> None:
    def handler(request: Request) -> None:
        raise HTTPError(409, "Somebody was faster.", {"X-Winner": "b"})

    with serving(handler) as server:
        peer = server.connect()
        for _ in range(2):
            reply = peer.ask("/", "Accept: text/plain")
            assert (reply.status, reply.body) == (409, b"Somebody was faster.\n")
            assert reply.fields["x-winner"] == "b"


def test_an_error_can_be_copied_and_sent_to_another_process() -> None:
    error = HTTPError(404, "no such item", {"X-A": "b"})
    for other in (copy.copy(error), pickle.loads(pickle.dumps(error))):
        assert (other.status, other.detail, list(other.headers)) == (404, "no such item", [("X-A", "b")])
        assert str(other) == "no such item"
