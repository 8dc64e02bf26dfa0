"""Bodies that a handler reads while they arrive: what it gets, what it is told, and what comes behind them."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ehttpd.errors import ConnectionLost, RequestRefused
from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.state import State
from ehttpd.messages import Handler, Request, Response, streaming
from ehttpd.server.incoming import MOST_UNREAD
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.limit_body import limit_body
from ehttpd.toolkit.pipeline import pipeline
from ehttpd.toolkit.request_id import request_id
from ehttpd.toolkit.router import Router
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, Peer, come_true, hello
from tests.server.test_departure import reset
from tests.server.test_pool import many_switches, watch
from tests.server.watch import Watch

__all__ = ["many_switches", "watch"]  # fixtures

CHUNKED = "Transfer-Encoding: chunked"
EXPECTS = "Expect: 100-continue"
CONTINUE = ("HTTP/1.1 100 Continue", "")
GET = b"GET /next HTTP/1.1\r\nHost: here\r\n\r\n"


def post(*fields: str, target: str = "/") -> bytes:
    """Return the head of a request with a body."""
    return "\r\n".join([f"POST {target} HTTP/1.1", "Host: here", *fields, "", ""]).encode()


def length(count: int) -> str:
    return f"Content-Length: {count}"


class Reading:
    """A handler that says what it has read, and what kept it from reading. Those for another target get no body."""

    def __init__(self, read: Callable[[Request], object]) -> None:
        self._read = read
        self._told = threading.Semaphore(0)
        self._results: list[object] = []

    @streaming
    def __call__(self, request: Request) -> Response:
        if request.method == "GET":
            return Response.text("next")
        try:
            self.tell(self._read(request))
        except Exception as error:
            self.tell(error)
            raise
        return hello(request)

    def tell(self, result: object) -> None:
        self._results.append(result)
        self._told.release()

    def told(self) -> object:
        assert self._told.acquire(timeout=PATIENCE), "nothing was read"
        return self._results.pop(0)


def test_what_has_arrived_is_read_before_the_rest_is_there(live_server: LiveServers, watch: Watch) -> None:
    def read(request: Request) -> object:
        pieces = request.pieces()
        reading.tell(next(pieces))
        return b"".join(pieces)

    reading = Reading(read)
    peer = live_server(reading).connect()
    for _ in range(2):
        peer.send(post(length(9)), b"one")
        assert reading.told() == b"one"
        peer.send(b"two", b"six")
        assert reading.told() == b"twosix"
        assert peer.reply().body == b"hello"
    assert not watch.breaches


@pytest.mark.parametrize(
    "pieces", [[b"5\r\nhello\r\n", b"1;a=b\r\n!\r\n", b"0\r\n\r\n"], [b"6\r\nhel", b"lo!\r\n0\r\n\r\n"]]
)
def test_chunks_are_read_as_they_arrive(live_server: LiveServers, pieces: list[bytes]) -> None:
    reading = Reading(lambda request: request.body.read())
    peer = live_server(reading).connect()
    peer.send(post(CHUNKED), *pieces, GET)
    assert reading.told() == b"hello!"
    assert (peer.reply().body, peer.reply().body) == (b"hello", b"next")


READINGS: list[tuple[Callable[[Request], object], object]] = [
    (lambda request: [*map(request.body.readline, (-1, 1)), request.body.read()], [b"a\n", b"b", b"\ncde"]),
    (lambda request: list(request.body), [b"a\n", b"b\n", b"cde"]),
    (lambda request: [request.read_all(), request.read_all()], [b"a\nb\ncde"] * 2),
    (lambda request: request.text(), "a\nb\ncde"),
    (lambda request: b"".join(request.pieces(7)), b"a\nb\ncde"),
    (lambda request: [request.body.read(2), request.body.read(9), request.body.read(9)], [b"a\n", b"b\ncde", b""]),
]


@pytest.mark.parametrize(("read", "result"), READINGS)
@pytest.mark.parametrize("framed", [(length(7), b"a\nb\ncde"), (CHUNKED, b"3\r\na\nb\r\n4\r\n\ncde\r\n0\r\n\r\n")])
def test_a_body_is_read_in_every_way(
    live_server: LiveServers, read: Callable[[Request], object], result: object, framed: tuple[str, bytes]
) -> None:
    reading = Reading(read)
    peer = live_server(reading).connect()
    field, octets = framed
    peer.send(post(field), *(octets[place : place + 1] for place in range(len(octets))))
    assert reading.told() == result
    assert peer.reply().body == b"hello"


def test_forms_and_json_and_files_are_read_as_they_arrive(live_server: LiveServers, tmp_path: Path) -> None:
    def read(request: Request) -> object:
        if request.target == "/save":
            return request.save(tmp_path / "saved"), (tmp_path / "saved").read_bytes()
        if request.target == "/json":
            return request.json()
        form = request.form()
        return dict(form), [upload.file.read() for upload in form.files.values()]

    reading = Reading(read)
    peer = live_server(reading).connect()
    multipart = b'--x\r\nContent-Disposition: form-data; name="f"; filename="n"\r\n\r\noctets\r\n--x--\r\n'
    for target, kind, content, result in [
        ("/save", "text/plain", b"x" * 100_000, (100_000, b"x" * 100_000)),
        ("/json", "application/json", b'{"a": 1}', {"a": 1}),
        ("/form", "application/x-www-form-urlencoded", b"a=b", ({"a": "b"}, [])),
        ("/form", "multipart/form-data; boundary=x", multipart, ({}, [b"octets"])),
    ]:
        peer.send(post(length(len(content)), f"Content-Type: {kind}", target=target))
        peer.send(content)
        assert reading.told() == result
        assert peer.reply().body == b"hello"


# 100 (Continue)


def test_100_is_sent_with_the_first_read_and_once(live_server: LiveServers, gate: Gate) -> None:
    def read(request: Request) -> object:
        gate.wait()
        return request.body.read()

    reading = Reading(read)
    peer = live_server(reading).connect()
    peer.send(post(length(2), EXPECTS))
    gate.await_arrivals()
    peer.socket.settimeout(0.05)
    with pytest.raises(TimeoutError):
        peer.socket.recv(1)
    peer.socket.settimeout(PATIENCE)
    gate.open()
    assert (peer.line(), peer.line()) == CONTINUE
    peer.send(b"o")
    peer.send(b"k")
    assert reading.told() == b"ok"
    assert peer.reply().body == b"hello"


def test_who_does_not_read_sends_no_100_and_the_connection_closes(live_server: LiveServers) -> None:
    # RFC 9110 §10.1.1: the client may send the body or not, so nobody can tell what comes next.
    reading = Reading(lambda request: None)
    peer = live_server(reading).connect()
    peer.send(post(length(2), EXPECTS))
    reply = peer.reply()
    assert (reply.status, reply.fields["connection"]) == (200, "close")
    peer.send(b"GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n")
    assert peer.ended()


def test_a_client_that_does_not_wait_for_100_gets_none(live_server: LiveServers) -> None:
    peer = live_server(Reading(lambda request: request.body.read())).connect()
    peer.send(post(length(2), EXPECTS) + b"o")
    peer.send(b"k")
    assert peer.reply().status == 200
    assert peer.ask(method="GET").body == b"next"


def test_100_is_not_sent_after_the_response_has_begun(live_server: LiveServers) -> None:
    @streaming
    def handler(request: Request) -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"begun"
            yield request.body.read()

        return Response.stream(pieces())

    peer = live_server(handler).connect()
    peer.send(post(length(2), EXPECTS))
    assert peer.line() == "HTTP/1.1 200 OK"
    peer.send(b"ok")
    peer.half_close()
    rest = peer.rest()
    assert b"Connection: close" in rest
    assert b"5\r\nbegun\r\n2\r\nok\r\n0\r\n\r\n" in rest


# What is raised


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (post(CHUNKED) + b"2\r\nokay", 400),
        (post(CHUNKED) + b"x\r\n", 400),
        (post(CHUNKED) + b"a\r\n0123456789\r\n1\r\n", 413),
        (post(length(5)) + b"half", 408),
        (post(CHUNKED) + b"5\r\nhalf", 408),
    ],
)
@pytest.mark.parametrize("routed", [False, True])
def test_what_keeps_a_body_from_arriving_is_raised_and_answered(
    live_server: LiveServers, sent: bytes, status: int, routed: bool
) -> None:
    reading = Reading(lambda request: request.body.read())
    router = Router()
    router.add("/", reading)
    peer = live_server(router if routed else reading, limit_request_body=10, body_timeout=0.05).connect()
    peer.send(sent)
    reply = peer.reply()
    assert (reply.status, reply.fields["connection"]) == (status, "close")
    error = reading.told()
    assert isinstance(error, RequestRefused)
    assert error.status == status
    peer.half_close()
    assert peer.ended()


def test_a_length_beyond_the_limit_is_refused_before_the_handler_is_called(live_server: LiveServers) -> None:
    peer = live_server(Reading(lambda request: request.body.read()), limit_request_body=10).connect()
    peer.send(post(length(11), EXPECTS))
    assert peer.reply().status == 413


def test_a_sender_below_the_minimum_rate_is_given_up(live_server: LiveServers) -> None:
    reading = Reading(lambda request: request.body.read())
    server = live_server(reading, minimum_rate=1_000_000, body_timeout=0.1)
    peer = server.connect()
    peer.send(post(length(10_000)), b"some")
    ended = threading.Event()

    def trickle() -> None:
        while not ended.wait(0.01):
            try:
                peer.send(b".")
            except OSError:
                return

    thread = threading.Thread(target=trickle)
    thread.start()
    assert peer.reply().status == 408
    ended.set()
    thread.join()


def test_a_failure_that_was_caught_is_raised_again_and_the_connection_closes(live_server: LiveServers) -> None:
    def read(request: Request) -> object:
        errors = []
        for _ in range(2):
            with pytest.raises(RequestRefused) as caught:
                request.body.read()
            errors.append(caught.value)
        return errors[0] is errors[1]

    reading = Reading(read)
    peer = live_server(reading).connect()
    peer.send(post(CHUNKED), b"broken\r\n")
    reply = peer.reply()
    assert (reply.body, reply.fields["connection"]) == (b"hello", "close")
    assert reading.told() is True
    assert peer.ended()


@pytest.mark.parametrize("leave", [Peer.close, reset])
def test_reading_raises_when_the_client_has_left(live_server: LiveServers, leave: Callable[[Peer], None]) -> None:
    reading = Reading(lambda request: request.body.read())
    server = live_server(reading)
    peer = server.connect()
    peer.send(post(length(10)), b"half")
    come_true(lambda: server.lane.pool.places.paused == 1)
    leave(peer)
    assert isinstance(reading.told(), ConnectionLost)
    come_true(lambda: server.lane.open_connections == 0)


# What comes behind


@pytest.mark.parametrize(
    "read",
    [lambda request: request.body.read(5), lambda request: request.body.read(1), lambda request: None,
     lambda request: request.body.close()],
)  # fmt: skip
@pytest.mark.parametrize("framed", [(length(5), b"hello"), (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")])
@pytest.mark.parametrize("pipelined", [True, False])
def test_the_next_request_is_read_behind_a_body_that_was_left(
    live_server: LiveServers, read: Callable[[Request], object], framed: tuple[str, bytes], pipelined: bool
) -> None:
    peer = live_server(Reading(read)).connect()
    field, octets = framed
    for _ in range(3):
        peer.send(post(field) + octets[:1])
        if pipelined:
            peer.send(octets[1:] + GET)
            assert peer.reply().body == b"hello"
        else:
            peer.send(octets[1:])
            assert peer.reply().body == b"hello"
            peer.send(GET)
        assert peer.reply().body == b"next"


def test_a_body_that_comes_after_its_answer_is_thrown_away(live_server: LiveServers) -> None:
    server = live_server(Reading(lambda request: None))
    for field, octets in ((length(5), b"hello"), (CHUNKED, b"5\r\nhello\r\n0\r\n\r\n")):
        peer = server.connect()
        peer.send(post(field))
        assert "connection" not in peer.reply().fields
        for place in range(len(octets)):
            peer.send(octets[place : place + 1])
        assert peer.ask(method="GET").body == b"next"


def test_a_body_in_whose_place_another_was_put_is_thrown_away_when_it_is_kept(live_server: LiveServers) -> None:
    def keep(request: Request) -> None:
        request.state["kept"], request.body = request.body, io.BytesIO()

    peer = live_server(Reading(keep)).connect()
    peer.send(post(CHUNKED) + b"5\r\nhello\r\n0\r\n\r\n" + GET)
    assert [peer.reply().body for _ in range(2)] == [b"hello", b"next"]


@pytest.mark.parametrize(
    ("place", "do"),
    [("append", lambda body: body.read(1)), ("take", lambda body: body.read(1)), ("take", lambda body: body.close())],
)
def test_a_body_of_which_something_was_lost_is_never_read_on_as_a_request(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch, gate: Gate, place: str, do: Callable[[Any], object]
) -> None:
    def no_memory(buffer: ReceiveBuffer, data: object) -> None:
        raise MemoryError

    @streaming
    def handler(request: Request) -> Response:
        if request.method == "POST":
            request.body.read(1)
            gate.wait()
            with monkeypatch.context() as patched, suppress(MemoryError):
                patched.setattr(ReceiveBuffer, place, no_memory)
                do(request.body)
        return hello(request)

    peer = live_server(handler).connect()
    peer.send(post(length(1 + len(GET))) + b"x")
    gate.await_arrivals()
    peer.send(GET)
    gate.open()
    reply = peer.reply()
    assert (reply.body, reply.fields["connection"]) == (b"hello", "close")
    assert peer.ended()


def test_a_long_body_that_nobody_reads_ends_the_connection_after_the_answer(live_server: LiveServers) -> None:
    peer = live_server(Reading(lambda request: None)).connect()
    peer.send(post(length(MOST_UNREAD + 1)))
    reply = peer.reply()
    assert (reply.body, reply.fields["connection"]) == (b"hello", "close")
    assert peer.ended()


@pytest.mark.parametrize("sent", [b"x\r\n", b"%x\r\n" % (MOST_UNREAD + 1) + bytes(MOST_UNREAD + 1)])
def test_chunks_that_cannot_be_thrown_away_end_the_connection_unanswered(
    live_server: LiveServers, sent: bytes
) -> None:
    peer = live_server(Reading(lambda request: None)).connect()
    peer.send(post(CHUNKED))
    assert peer.reply().body == b"hello"
    peer.send(sent)
    assert peer.ended()


def test_who_does_not_send_the_rest_is_not_waited_for(live_server: LiveServers) -> None:
    peer = live_server(Reading(lambda request: None), linger_timeout=0.05).connect()
    peer.send(post(length(5)))
    assert peer.reply().body == b"hello"
    assert peer.ended()


def test_a_server_that_stops_does_not_wait_for_what_nobody_reads(live_server: LiveServers) -> None:
    server = live_server(Reading(lambda request: None), linger_timeout=PATIENCE)
    peer = server.connect()
    peer.send(post(length(5)))
    assert peer.reply().body == b"hello"
    come_true(lambda: [each.state for each in server.lane.table.resting.values()] == [State.UNREAD])
    assert server.stop()
    assert peer.ended()


def test_a_response_answers_while_the_body_arrives(live_server: LiveServers, watch: Watch) -> None:
    @streaming
    def echo(request: Request) -> Response:
        return Response.stream(request.pieces())

    peer = live_server(echo).connect()
    peer.send(post(CHUNKED))
    for text in (b"one", b"two"):
        peer.send(b"3\r\n" + text + b"\r\n")
        while peer.line() != "3":
            pass
        assert peer.read(5) == text + b"\r\n"
    peer.send(b"0\r\n\r\n")
    assert peer.read(5) == b"0\r\n\r\n"
    assert not watch.breaches


def test_a_broken_body_breaks_off_a_response_that_has_begun(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    peer = live_server(streaming(lambda request: Response.stream(request.pieces()))).connect()
    peer.send(post(CHUNKED), b"3\r\none\r\n")
    while peer.line() != "3":
        pass
    peer.send(b"broken\r\n")
    assert peer.rest() == b"one\r\n"
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


# Threads


def test_who_waits_for_a_client_takes_nobodys_place(live_server: LiveServers, watch: Watch) -> None:
    reading = Reading(lambda request: request.body.read())
    server = live_server(reading, threads=1)
    slow = [server.connect() for _ in range(5)]
    for count, peer in enumerate(slow, 1):
        peer.send(post(length(2)), b"o")
        come_true(lambda count=count: server.lane.pool.places.paused == count)  # type: ignore[misc]
    assert server.connect().ask(method="GET").body == b"next"
    for peer in slow:
        peer.send(b"k")
        assert peer.reply().body == b"hello"
    assert not watch.breaches


def test_who_would_be_waited_for_in_the_place_of_others_is_refused(live_server: LiveServers) -> None:
    server = live_server(Reading(lambda request: request.body.read()), threads=1, max_waiting_threads=2)
    slow = [server.connect() for _ in range(2)]
    for count, peer in enumerate(slow, 1):
        peer.send(post(length(2)), b"o")
        come_true(lambda count=count: server.lane.pool.places.paused == count)  # type: ignore[misc]
    refused = server.connect()
    refused.send(post(length(2)), b"o")
    reply = refused.reply()
    assert (reply.status, reply.fields["retry-after"], reply.fields["connection"]) == (503, "1", "close")
    assert server.connect().ask(method="GET").body == b"next"
    for peer in slow:
        peer.send(b"k")
        assert peer.reply().body == b"hello"


def test_504_is_sent_to_a_client_whose_body_takes_longer_than_the_request_may(live_server: LiveServers) -> None:
    reading = Reading(lambda request: request.body.read())
    peer = live_server(reading, request_timeout=0.05).connect()
    peer.send(post(length(2)), b"o")
    assert peer.reply().status == 504
    peer.close()
    assert isinstance(reading.told(), ConnectionLost)


# Who streams


def trailer(request: Request) -> Response:
    """Tell how a body arrived, and what came behind it."""
    streamed = type(getattr(request.body, "raw", None)).__name__
    request.body.read()
    return Response.text(f"{streamed} {request.trailers.get('x-last')}")


@streaming
def streams(request: Request) -> Response:
    return trailer(request)


def around_it(view: View) -> Handler:
    """Do nothing, as a middleware that knows nothing of this."""
    return lambda request: answer_of(view, request)


def routed(view: View) -> Router:
    router = Router()
    router.add("POST /a/{name}", view)
    router.add("GET /a/{name}", hello)
    return router


def mounted(view: View) -> Router:
    router = Router()
    router.mount("/", routed(view))
    inner = Router()
    inner.add("/{name}", view)
    router.mount("/m", inner)
    return router


def fallen_back(view: View) -> Router:
    router = Router()
    router.fallback(view)
    return router


@pytest.mark.parametrize(
    ("around", "target"),
    [
        (lambda view: view, "/"),
        (routed, "/a/b"),
        (mounted, "/a/b"),
        (mounted, "/m/b"),
        (fallen_back, "/a"),
        (lambda view: request_id()(view), "/"),
        (lambda view: pipeline(routed(view), request_id(), around_it), "/a/b"),
    ],
)
@pytest.mark.parametrize(("view", "kind"), [(streams, "Incoming"), (trailer, "NoneType")])
def test_a_handler_streams_below_routers_and_middlewares(
    live_server: LiveServers, around: Callable[[Handler], Handler], target: str, view: Handler, kind: str
) -> None:
    peer = live_server(around(view)).connect()
    peer.send(post(CHUNKED, target=target))
    peer.send(b"1\r\na\r\n0\r\nX-Last: one\r\n\r\n")
    assert peer.reply().body == f"{kind} one".encode()


def test_a_body_that_has_arrived_with_its_head_is_an_ordinary_one(live_server: LiveServers) -> None:
    peer = live_server(streams).connect()
    peer.send(post(length(2)) + b"ok")
    assert peer.reply().body == b"NoneType None"


def test_a_limited_body_is_read_as_it_arrives(live_server: LiveServers) -> None:
    def read(request: Request) -> object:
        reading.tell(request.body.read1(100))  # type: ignore[attr-defined]
        return request.body.read()

    reading = Reading(read)
    peer = live_server(limit_body(5)(reading)).connect()
    peer.send(post(CHUNKED), b"3\r\none\r\n")
    assert reading.told() == b"one"
    peer.send(b"3\r\ntwo\r\n0\r\n\r\n")
    assert peer.reply().status == 413


def test_a_failure_to_tell_who_streams_is_logged(live_server: LiveServers, caplog: pytest.LogCaptureFixture) -> None:
    def handler(request: Request) -> Response:
        return Response(request.body.read())

    handler.streams = lambda request: 1 / 0  # type: ignore[attr-defined]
    assert live_server(handler).connect().ask(method="POST", body=b"x" * 100_000).body == b"x" * 100_000
    assert "ZeroDivisionError" in caplog.text
