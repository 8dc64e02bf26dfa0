"""Server-sent events: how they are written, the heartbeat, and what becomes of a client that leaves."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from ehttpd.errors import HandlerError
from ehttpd.messages import Request, Response
from ehttpd.toolkit.access_log import access_log
from ehttpd.toolkit.events import EventBody, encode_event, event_stream
from ehttpd.toolkit.publisher import Publisher
from tests.server.live import PATIENCE, Peer, come_true, serving

QUICK = 0.01  # Seconds; a heartbeat that a test need not wait for.


@pytest.mark.parametrize(
    ("event", "octets"),
    [
        ("hello", "data: hello\n\n"),
        ("", "data: \n\n"),
        ("a\nb\r\nc\rd", "data: a\ndata: b\ndata: c\ndata: d\n\n"),
        ({"event": "tick", "data": "é", "id": 7, "retry": 1000}, "event: tick\ndata: é\nid: 7\nretry: 1000\n\n"),
        ({"data": {"a": [1, "é"]}}, 'data: {"a": [1, "é"]}\n\n'),
        ({"data": None}, "data: null\n\n"),
        (None, ":\n\n"),
    ],
)
def test_an_event_is_written(event: Any, octets: str) -> None:
    assert encode_event(event) == octets.encode()


@pytest.mark.parametrize(
    "event",
    [
        {"id": "a\nb"}, {"event": "a\r"}, {"id": "a\0"}, {"name": "x"}, {"data\n": "x"}, 5, b"x", {"retry": "soon"},
        {"retry": -1}, {"retry": 1.5}, {"data": float("nan")}, {"data": object()}, "\ud800", {"id": "\ud800"},
    ],
)  # fmt: skip
def test_an_event_that_would_be_read_as_another_is_an_error(event: Any) -> None:
    with pytest.raises(HandlerError):
        encode_event(event)


@pytest.mark.parametrize("heartbeat", [None, 15.0])
def test_events_arrive_in_order_and_the_response_ends_with_them(heartbeat: float | None) -> None:
    with serving(lambda request: event_stream(["a", "b"], heartbeat, {"X-A": "b", "Cache-Control": "x"})) as server:
        reply = server.connect().ask()
    assert reply.body == b":\n\ndata: a\n\ndata: b\n\n"
    assert reply.fields["content-type"] == "text/event-stream"
    assert (reply.fields["cache-control"], reply.fields["x-a"]) == ("x", "b")


def begin(peer: Peer) -> None:
    """Ask for events, and read the head and the comment that comes with it."""
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    while peer.line():
        pass
    assert (peer.line(), peer.read(5)) == ("3", b":\n\n\r\n")


def test_an_event_leaves_when_it_is_made() -> None:
    inbox: queue.Queue[str | None] = queue.Queue()
    with serving(lambda request: event_stream(iter(inbox.get, None))) as server:
        peer = server.connect()
        begin(peer)
        for text in ("one", "two"):
            inbox.put(text)
            assert (peer.line(), peer.read(13)) == ("b", f"data: {text}\n\n\r\n".encode())
        inbox.put(None)
        assert peer.read(5) == b"0\r\n\r\n"


def test_silence_is_filled_with_comments() -> None:
    inbox: queue.Queue[str | None] = queue.Queue()
    with serving(lambda request: event_stream(iter(inbox.get, None), QUICK)) as server:
        peer = server.connect()
        begin(peer)
        for _ in range(3):
            assert (peer.line(), peer.read(5)) == ("3", b":\n\n\r\n")
        inbox.put(None)


class Inbox:
    """An iterator that waits until it is closed."""

    def __init__(self) -> None:
        self.closed = threading.Event()

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        assert self.closed.wait(PATIENCE)
        raise StopIteration

    def close(self) -> None:
        self.closed.set()


def test_an_iterator_is_closed_when_its_client_leaves() -> None:
    inbox = Inbox()
    with serving(lambda request: event_stream(inbox, QUICK)) as server:
        peer = server.connect()
        begin(peer)
        peer.close()
        assert inbox.closed.wait(PATIENCE)


def test_a_generator_is_closed_with_the_next_event_after_its_client_left() -> None:
    inbox: queue.Queue[str] = queue.Queue()
    ended = threading.Event()

    def events() -> Iterator[str]:
        try:
            while True:
                yield inbox.get()
        finally:
            ended.set()

    body = event_stream(events(), QUICK).body
    pieces = iter(body)
    assert next(pieces) == next(pieces) == b":\n\n"
    body.close()  # type: ignore[union-attr]
    assert not ended.is_set()
    inbox.put("late")
    assert ended.wait(PATIENCE)


def test_a_generator_that_is_ahead_of_its_client_is_closed_at_once() -> None:
    ahead, ended = threading.Event(), threading.Event()

    def events() -> Iterator[str]:
        try:
            yield "one"
            ahead.set()
            yield "two"
        finally:
            ended.set()

    body = event_stream(events()).body
    pieces = iter(body)
    next(pieces)
    assert next(pieces) == b"data: one\n\n"
    assert ahead.wait(PATIENCE)
    body.close()  # type: ignore[union-attr]
    assert ended.wait(PATIENCE)


def test_events_that_nobody_asks_for_are_closed_and_no_thread_is_started() -> None:
    inbox = Inbox()
    with serving(lambda request: event_stream(inbox)) as server:
        assert server.connect().ask(method="HEAD").status == 200
        assert inbox.closed.wait(PATIENCE)


def test_a_failure_of_the_events_breaks_the_response_off(caplog: pytest.LogCaptureFixture) -> None:
    def events() -> Iterator[str]:
        yield "one"
        raise LookupError("no more")

    with serving(lambda request: event_stream(events())) as server:
        reply = server.connect().ask()
    assert reply.body.startswith(b":\n\ndata: one\n\n")
    assert not reply.whole
    assert "LookupError: no more" in caplog.text


def test_a_source_is_at_most_two_events_ahead() -> None:
    made: list[int] = []

    def events() -> Iterator[str]:
        for number in range(100):
            made.append(number)
            yield str(number)

    body = event_stream(events()).body
    pieces = iter(body)
    for _ in range(3):  # a comment and two events
        next(pieces)
    assert len(made) <= 4
    body.close()  # type: ignore[union-attr]


def test_a_response_has_the_short_form() -> None:
    with serving(lambda request: Response.sse(["a"], heartbeat=None)) as server:
        assert server.connect().ask().body == b":\n\ndata: a\n\n"


def test_a_handler_may_use_its_request_until_the_end() -> None:
    def handler(request: Request) -> Response:
        return event_stream(f"{request.path} {number}" for number in range(2))

    with serving(handler) as server:
        assert server.connect().ask("/x").body == b":\n\ndata: /x 0\n\ndata: /x 1\n\n"


@pytest.mark.parametrize("events", ["one", b"one", {"data": "one"}])
def test_one_event_is_not_taken_for_several(events: Any) -> None:
    with pytest.raises(HandlerError, match="Events come from a source or an iterable of them"):
        Response.sse(events)


def test_the_fields_of_an_event_stream_are_all_sent_and_may_be_others() -> None:
    cookies = [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")]
    response = Response.sse(["a"], headers=[*cookies, ("Cache-Control", "no-cache")])
    assert response.headers.all("set-cookie") == ["a=1", "b=2"]
    assert (response.headers["Cache-Control"], response.headers["Content-Type"]) == ("no-cache", "text/event-stream")


def test_whoever_iterates_over_events_is_told_when_another_thread_closes_them() -> None:
    body = event_stream(Publisher(), None).body
    pieces: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()

    def iterate() -> None:
        for piece in body:
            pieces.put(piece)  # type: ignore[arg-type]  # of an iterable of octets
        pieces.put(None)

    thread = threading.Thread(target=iterate)
    thread.start()
    assert pieces.get(timeout=PATIENCE) == b":\n\n"
    assert isinstance(body, EventBody)
    come_true(lambda: body._outlet is not None)
    body.close()
    assert pieces.get(timeout=PATIENCE) is None
    thread.join(PATIENCE)


def test_a_log_of_requests_does_not_make_events_need_a_thread(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "ehttpd.access")
    publisher = Publisher()
    with serving(access_log("%(s)s %(B)s")(lambda request: Response.sse(publisher, None)), threads=1) as server:
        peers = [server.connect() for _ in range(3)]
        for peer in peers:
            begin(peer)
        come_true(lambda: len(publisher) == len(peers))
        assert server.lane.pool.busy == 0
        assert publisher.publish("x") == len(peers)
        for peer in peers:
            assert (peer.line(), peer.read(11)) == ("9", b"data: x\n\n\r\n")
            peer.close()
        come_true(lambda: not len(publisher))
        come_true(lambda: caplog.messages == ["200 12"] * len(peers))
