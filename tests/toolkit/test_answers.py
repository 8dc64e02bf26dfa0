"""What a handler may return."""

from __future__ import annotations

from typing import Any

import pytest

from ehttpd.errors import BadRequest, HandlerError, ServiceUnavailable
from ehttpd.messages import Request, Response
from ehttpd.toolkit.answers import answer_of, response_of
from ehttpd.toolkit.errors import HTTPError
from tests.server.live import PATIENCE, Gate, serving
from tests.toolkit.asking import asked

ANSWERS: list[tuple[Any, int, bytes, str | None]] = [
    ("text é", 200, "text é".encode(), "text/plain; charset=utf-8"),
    (b"octets", 200, b"octets", None),
    ({"é": [1, None]}, 200, '{"é": [1, null]}'.encode(), "application/json"),
    ([], 200, b"[]", "application/json"),
    (None, 204, b"", None),
]


@pytest.mark.parametrize(("answer", "status", "body", "kind"), ANSWERS)
def test_an_answer_becomes_a_response(answer: Any, status: int, body: bytes, kind: str | None) -> None:
    response = response_of(answer)
    assert (response.status, response.body, response.headers.get("content-type")) == (status, body, kind)


@pytest.mark.parametrize(("answer", "status", "body", "kind"), ANSWERS)
def test_a_server_takes_an_answer_without_a_router(answer: Any, status: int, body: bytes, kind: str | None) -> None:
    with serving(lambda request: answer) as server:
        peer = server.connect()
        for _ in range(2):
            reply = peer.ask()
            assert (reply.status, reply.body, reply.fields.get("content-type")) == (status, body, kind)


def test_a_response_stays_what_it_is() -> None:
    response = Response(b"")
    assert response_of(response) is response


@pytest.mark.parametrize("answer", [7, 1.5, True, (), {1}, object()])
def test_nothing_else_is_guessed(answer: Any) -> None:
    with pytest.raises(HandlerError, match=type(answer).__name__):
        response_of(answer)


@pytest.mark.parametrize("raised", [HTTPError(400, "Not so."), BadRequest("Not so.")])
def test_what_is_raised_as_an_answer_is_one(raised: Exception) -> None:
    def handler(request: Request) -> Response:
        raise raised

    response = answer_of(handler, asked("/", "Accept: text/plain"))
    assert (response.status, response.body) == (400, b"Not so.\n")


def test_who_is_refused_for_now_learns_when_to_come_back() -> None:
    """As without a router: see `Client.take_over`."""

    def handler(request: Request) -> Response:
        raise ServiceUnavailable("The server is busy.")

    assert answer_of(handler, asked()).headers["retry-after"] == "1"


def test_any_other_exception_is_the_servers_to_answer() -> None:
    with pytest.raises(ZeroDivisionError):
        answer_of(lambda request: str(1 // 0), asked())


@pytest.mark.parametrize(("answer", "status", "body", "kind"), ANSWERS)
def test_a_server_with_a_time_limit_takes_an_answer_too(
    answer: Any, status: int, body: bytes, kind: str | None
) -> None:
    with serving(lambda request: answer, request_timeout=PATIENCE) as server:
        peer = server.connect()
        for _ in range(2):
            reply = peer.ask()
            assert (reply.status, reply.body, reply.fields.get("content-type")) == (status, body, kind)


def test_a_server_with_a_time_limit_takes_what_is_raised_as_an_answer() -> None:
    def handler(request: Request) -> Response:
        raise HTTPError(409, "Somebody was faster.")

    with serving(handler, request_timeout=PATIENCE) as server:
        peer = server.connect()
        for _ in range(2):
            assert peer.ask().status == 409


def test_what_is_raised_as_an_answer_after_the_time_limit_is_not_sent() -> None:
    gate = Gate()

    def handler(request: Request) -> Response:
        gate.wait()
        raise HTTPError(409, "Somebody was faster.")

    with serving(handler, request_timeout=0.01) as server:
        peer = server.connect()
        assert peer.ask().status == 504
        gate.open()
        assert peer.ended()
