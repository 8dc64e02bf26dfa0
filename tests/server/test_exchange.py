"""One exchange: what a handler returns or raises, and what the client then gets."""

from __future__ import annotations

import array
import functools
import io
import itertools
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ehttpd.messages import Handler, Request, Response, streaming
from ehttpd.server.connection import Connection
from ehttpd.toolkit.errors import HTTPError
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, Peer, Reply, come_true, hello

RESET = struct.pack("ii", 1, 0)
Body = Any


def answering(body: Body, status: int = 200, **headers: str) -> Callable[[Request], Response]:
    """Return a handler whose response has just this body."""

    def handler(request: Request) -> Response:
        response = Response(b"", status, {name.replace("_", "-"): value for name, value in headers.items()})
        response.body = body() if callable(body) else body
        return response

    return handler


class Pieces:
    """A body that counts how often it is closed."""

    def __init__(self, *pieces: object) -> None:
        self._pieces = iter(pieces)
        self.closed = 0
        self.last_close = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = next(self._pieces)
        if isinstance(piece, BaseException):
            raise piece
        return piece  # type: ignore[return-value]

    def close(self) -> None:
        self.closed += 1
        self.last_close.set()


# Bodies


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"hello", {"content-length": "5"}),
        (b"", {"content-length": "0"}),
        (bytearray(b"hello"), {"content-length": "5"}),
        (memoryview(b"hello"), {"content-length": "5"}),
        (b"x" * 1_000_000, {"content-length": "1000000"}),
        ([b"hel", b"", b"lo"], {"transfer-encoding": "chunked"}),
        ((b"hello",), {"transfer-encoding": "chunked"}),
        ([], {"content-length": "0"}),
        (lambda: iter([b"hel", b"lo"]), {"transfer-encoding": "chunked"}),
        (lambda: io.BytesIO(b"hello"), {"transfer-encoding": "chunked"}),
        ([memoryview(b"hel"), bytearray(b"lo")], {"transfer-encoding": "chunked"}),
    ],
)
def test_a_body_of_any_kind_arrives_whole(live_server: LiveServers, body: Body, fields: dict[str, str]) -> None:
    peer = live_server(answering(body)).connect()
    value = body() if callable(body) else body
    expected = value if isinstance(value, bytes | bytearray | memoryview) else b"".join(map(bytes, value))
    for _ in range(2):
        reply = peer.ask()
        assert reply.body == expected
        assert reply.fields.items() >= fields.items()
        assert reply.whole


@pytest.mark.parametrize("length", [None, "14"])
def test_a_piece_is_counted_in_octets_whatever_its_items_are(live_server: LiveServers, length: str | None) -> None:
    numbers: Any = memoryview(array.array("I", [1, 2, 3]))
    fields = {} if length is None else {"Content-Length": length}
    peer = live_server(lambda request: Response.stream([b">", numbers, b"<"], 200, fields)).connect()
    for _ in range(2):
        assert peer.ask().body == b">" + bytes(numbers) + b"<"


def test_pieces_reach_the_client_as_they_are_produced(live_server: LiveServers, gate: Gate) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"first"
        gate.wait()
        yield b"second"

    peer = live_server(answering(pieces)).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    while peer.line():
        pass
    assert peer.read(10) == b"5\r\nfirst\r\n"
    gate.open()
    assert peer.read(16) == b"6\r\nsecond\r\n0\r\n\r\n"


def test_trailers_come_after_the_last_piece(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        return Response.stream([b"x"], trailers=lambda: [("Digest", "d")])

    peer = live_server(handler).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert peer.rest().endswith(b"\r\n\r\n1\r\nx\r\n0\r\nDigest: d\r\n\r\n")


def test_http_1_0_gets_a_stream_that_ends_with_the_connection(live_server: LiveServers) -> None:
    peer = live_server(answering([b"a", b"b"])).connect()
    peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    reply = peer.reply()
    assert reply.body == b"ab"
    assert reply.fields["connection"] == "close"


@pytest.mark.parametrize("body", [None, 5, object(), "text", [1], ["text"], [b"", "text"]])
def test_what_is_no_body_is_the_applications_mistake(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, body: Body
) -> None:
    peer = live_server(answering(body)).connect()
    assert peer.ask().status == 500
    assert "bytes" in caplog.text
    assert peer.ask().status == 500, "the connection persists"


# Files


def file_of(tmp_path: Path, size: int = 1000) -> Path:
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    return path


@pytest.mark.parametrize("size", [0, 1000, 3_000_000])
def test_a_file_is_sent_whole_and_closed(live_server: LiveServers, tmp_path: Path, size: int) -> None:
    path = file_of(tmp_path, size)
    opened: list[io.BufferedReader] = []

    def handler(request: Request) -> Response:
        opened.append(path.open("rb"))
        return Response(opened[-1])

    peer = live_server(handler).connect()
    for _ in range(2):
        reply = peer.ask()
        assert reply.body == path.read_bytes()
        assert reply.fields["content-length"] == str(size)
    peer.ask()
    assert [file.closed for file in opened[:2]] == [True] * 2


def test_the_length_of_a_file_is_told_without_sending_it(live_server: LiveServers, tmp_path: Path) -> None:
    path = file_of(tmp_path)
    peer = live_server(lambda request: Response(path.open("rb"))).connect()
    assert [peer.ask(method="HEAD").fields["content-length"] for _ in range(2)] == ["1000"] * 2


def test_a_file_is_sent_from_where_it_stands(live_server: LiveServers, tmp_path: Path) -> None:
    path = file_of(tmp_path)

    def handler(request: Request) -> Response:
        file = path.open("rb")
        file.seek(900)
        return Response(file)

    assert live_server(handler).connect().ask().body == path.read_bytes()[900:]


def test_a_file_that_stands_behind_its_end_is_empty(live_server: LiveServers, tmp_path: Path) -> None:
    path = file_of(tmp_path)

    def handler(request: Request) -> Response:
        file = path.open("rb")
        file.seek(2000)
        return Response(file)

    assert live_server(handler).connect().ask().body == b""


def test_a_pipe_is_streamed(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        reading, writing = os.pipe()
        with os.fdopen(writing, "wb") as end:
            end.write(b"through a pipe")
        return Response(os.fdopen(reading, "rb"))

    assert live_server(handler).connect().ask().body == b"through a pipe"


def test_a_file_that_becomes_shorter_ends_the_connection(live_server: LiveServers, tmp_path: Path) -> None:
    path = file_of(tmp_path, 3_000_000)
    peer = live_server(lambda request: Response(path.open("rb"))).connect(receive_buffer=4096)
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert peer.line() == "HTTP/1.1 200 OK"
    os.truncate(path, 10)
    assert len(peer.rest()) < 3_000_000


# Responses without a body


@pytest.mark.parametrize("body", [b"hello", [b"hel", b"lo"], lambda: io.BytesIO(b"hello")])
@pytest.mark.parametrize(("method", "status"), [("HEAD", 200), ("GET", 204), ("GET", 304), ("GET", 205)])
def test_what_must_not_have_a_body_is_sent_without(
    live_server: LiveServers, body: Body, method: str, status: int
) -> None:
    peer = live_server(answering(body, status)).connect()
    for _ in range(2):  # the second shows that nothing of a body came after the first
        reply = peer.ask(method=method)
        assert (reply.status, reply.body) == (status, b"")


@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/1.0"])
@pytest.mark.parametrize("body", [list, lambda: iter([b"", b""]), lambda: io.BytesIO(b"")])
def test_a_body_that_turns_out_to_be_empty_has_a_known_length(
    live_server: LiveServers, body: Body, version: str
) -> None:
    peer = live_server(answering(body)).connect()
    for _ in range(2):
        peer.send(f"GET / {version}\r\nHost: here\r\nConnection: keep-alive\r\n\r\n".encode())
        reply = peer.reply()
        assert (reply.fields["content-length"], "transfer-encoding" in reply.fields) == ("0", False)
    assert "content-length" not in peer.ask(method="HEAD").fields


def test_trailers_are_announced_by_those_who_know_them(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        return Response.stream([b"x"], headers={"Trailer": "Digest"}, trailers=lambda: [("Digest", "d")])

    assert live_server(handler).connect().ask().fields["trailer"] == "Digest"


@pytest.mark.parametrize(("method", "status"), [("GET", 200), ("HEAD", 200), ("GET", 304), ("GET", 204)])
def test_a_body_is_closed_once_whether_it_is_sent_or_not(live_server: LiveServers, method: str, status: int) -> None:
    body = Pieces(b"a", b"b")
    live_server(answering(body, status)).connect().ask(method=method)
    assert body.last_close.wait(PATIENCE)
    assert body.closed == 1


# Lengths that are not kept


@pytest.mark.parametrize("body", [b"12345", [b"123", b"45"], [b"12345"]])
def test_a_body_longer_than_promised_is_cut_and_logged(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, body: Body
) -> None:
    peer = live_server(answering(body, Content_Length="4")).connect()
    for _ in range(2):
        assert peer.ask().body == b"1234"
    assert "Content-Length says 4" in caplog.text


@pytest.mark.parametrize("body", [b"123", [b"1", b"23"]])
def test_a_body_shorter_than_promised_ends_the_connection(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, body: Body
) -> None:
    peer = live_server(answering(body, Content_Length="4")).connect()
    reply = peer.ask()
    assert (reply.body, reply.whole) == (b"123", False)
    assert "Content-Length says 4 octets, but the body has 3" in caplog.text


def test_a_file_is_cut_to_what_was_promised(live_server: LiveServers, tmp_path: Path) -> None:
    path = file_of(tmp_path)
    peer = live_server(answering(lambda: path.open("rb"), Content_Length="10")).connect()
    assert [peer.ask().body for _ in range(2)] == [path.read_bytes()[:10]] * 2


def test_a_file_shorter_than_promised_ends_the_connection(live_server: LiveServers, tmp_path: Path) -> None:
    path = file_of(tmp_path)
    reply = live_server(answering(lambda: path.open("rb"), Content_Length="1001")).connect().ask()
    assert (len(reply.body), reply.whole) == (1000, False)


@pytest.mark.parametrize("taken", [True, False])
def test_an_application_that_takes_long_to_close_a_file_keeps_nobody_waiting(
    live_server: LiveServers, gate: Gate, tmp_path: Path, taken: bool
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 25)
    closed = threading.Event()

    def handler(request: Request) -> Response:
        if request.target == "/other":
            return hello(request)
        file: Any = path.open("rb")

        def close(close: Callable[[], None] = file.close) -> None:
            gate.wait()
            close()
            closed.set()

        file.close = close  # as Django does it
        return Response(file)

    server = live_server(handler)
    peer = server.connect(receive_buffer=1 << 12)
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    if taken:
        assert len(peer.reply().body) == 1 << 25
    else:
        assert peer.line() == "HTTP/1.1 200 OK"
        peer.close()
    gate.await_arrivals()
    assert server.connect().ask("/other").body == b"hello"
    gate.open()
    assert closed.wait(PATIENCE)


def test_a_file_that_others_close_while_it_is_sent_ends_its_connection_only(
    live_server: LiveServers, tmp_path: Path
) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(1 << 27)
    opened: list[Any] = []

    def handler(request: Request) -> Response:
        if request.target == "/other":
            return hello(request)
        opened.append(path.open("rb"))
        return Response.file(opened[0])

    server = live_server(handler)
    peer = server.connect(receive_buffer=1 << 12)
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert peer.line() == "HTTP/1.1 200 OK"
    opened[0].close()
    assert len(peer.rest()) < 1 << 27
    assert server.connect().ask("/other").body == b"hello"
    come_true(lambda: server.lane.open_connections == 1)


# Failures


def asks_in_vain(peer: Peer) -> Reply:
    reply = peer.ask()
    assert reply.status == 500
    assert reply.body == b"Internal Server Error\n"
    return reply


@pytest.mark.parametrize("error", [LookupError, SystemExit, KeyboardInterrupt, MemoryError, GeneratorExit])
def test_a_handler_that_raises_is_answered_for_with_500_and_a_log(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def handler(request: Request) -> Response:
        raise error("on purpose")

    peer = live_server(handler).connect()
    for _ in range(2):
        assert "on purpose" not in asks_in_vain(peer).body.decode()
    assert len(caplog.records) == 2
    assert "on purpose" in caplog.text
    assert "GET '/'" in caplog.text


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("leave", [lambda request: request.body.detach(), lambda request: setattr(request, "body", 1)])
@pytest.mark.parametrize("body", [b"fine", [b"fi", b"ne"], LookupError("on purpose")])
def test_a_body_of_a_request_that_cannot_be_closed_costs_nobody_else_an_answer(
    live_server: LiveServers, streamed: bool, leave: Callable[[Request], object], body: Body
) -> None:
    def handler(request: Request) -> Response:
        if request.method == "POST":
            leave(request)
            if isinstance(body, Exception):
                raise body
        return answering(body)(request) if request.method == "POST" else hello(request)

    peer = live_server(streaming(handler) if streamed else handler).connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n")
    assert peer.reply().status in (200, 500)
    assert peer.ask().body == b"hello"


def test_a_handler_that_returns_no_response_is_answered_for_with_500(live_server: LiveServers) -> None:
    asks_in_vain(live_server(lambda request: 7).connect())  # type: ignore[arg-type,return-value]


@pytest.mark.parametrize("pieces", [[LookupError("x")], [b"", LookupError("x")], ["text"]])
def test_a_body_that_fails_before_its_first_data_is_answered_for_with_500(
    live_server: LiveServers, pieces: list[object]
) -> None:
    body = Pieces(*pieces)
    peer = live_server(answering(body)).connect()
    asks_in_vain(peer)
    assert body.closed == 1


@pytest.mark.parametrize("answer", [answering, functools.partial(answering, Content_Length="10")])
@pytest.mark.parametrize("error", [LookupError("on purpose"), SystemExit("on purpose")])
def test_a_body_that_fails_in_the_middle_is_never_ended_as_if_complete(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, answer: Callable[[Body], Handler], error: BaseException
) -> None:
    body = Pieces(b"begin", error)
    peer = live_server(answer(body)).connect()
    reply = peer.ask()
    assert (reply.status, reply.body, reply.whole) == (200, b"begin", False)
    assert peer.ended()
    assert body.closed == 1
    assert "on purpose" in caplog.text


def test_a_body_that_fails_in_the_middle_resets_a_connection_that_would_end_it(live_server: LiveServers) -> None:
    peer = live_server(answering(lambda: Pieces(b"begin", LookupError("on purpose")))).connect()
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    with pytest.raises(ConnectionResetError):
        peer.rest()


class Unwilling(Pieces):
    """A body that cannot be closed."""

    def close(self) -> None:
        super().close()
        raise LookupError("in close")


@pytest.mark.parametrize("pieces", [(b"x", b"yz"), (b"xyz",), (b"xyz", b"too much"), ()])
@pytest.mark.parametrize("answer", [answering, functools.partial(answering, Content_Length="3")])
def test_a_close_that_fails_after_a_whole_body_is_logged_and_breaks_nothing(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, answer: Callable[[Body], Handler],
    pieces: tuple[bytes, ...],
) -> None:  # fmt: skip
    bodies: list[Unwilling] = []

    def body() -> Unwilling:
        bodies.append(Unwilling(*pieces))
        return bodies[-1]

    whole = answer is answering or bool(pieces)
    peer = live_server(answer(body)).connect()
    for _ in range(2 if whole else 1):
        reply = peer.ask()
        assert (reply.status, reply.whole) == (200, whole)
    come_true(lambda: caplog.text.count("LookupError: in close") == len(bodies))
    assert [each.closed for each in bodies] == [1] * len(bodies)


@pytest.mark.parametrize(("before", "status"), [((), 500), ((b"begin",), 200)])
def test_a_close_that_fails_after_a_failure_hides_nothing(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, before: tuple[bytes, ...], status: int
) -> None:
    body = Unwilling(*before, ValueError("in the middle"))
    peer = live_server(answering(body)).connect()
    reply = peer.ask()
    assert (reply.status, reply.whole, body.closed) == (status, not before, 1)
    come_true(lambda: "ValueError: in the middle" in caplog.text and "LookupError: in close" in caplog.text)


@pytest.mark.parametrize(
    ("answer", "end"),
    [(answering, b"1\r\nx\r\n0\r\n\r\n"), (functools.partial(answering, Content_Length="1"), b"\r\n\r\nx")],
)
def test_the_end_of_a_body_does_not_wait_for_its_close(
    live_server: LiveServers, gate: Gate, answer: Callable[[Body], Handler], end: bytes
) -> None:
    class Slow(Pieces):
        def close(self) -> None:
            gate.wait()

    peer = live_server(answer(Slow(b"x"))).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    received = b""
    while not received.endswith(end):
        received += peer.read(1)
    gate.open()


@pytest.mark.parametrize(
    "headers",
    [{"X": "a\r\nSet-Cookie: b"}, {"X": "a\nb"}, {"X": "a\0b"}, {"X": "a\rb"}, {"X y": "z"}, {"": "x"}, {"X:": "y"},
     {"X": "€"}, {"Content-Length": "-1"}, {"Content-Length": "1, 1"}],
)  # fmt: skip
@pytest.mark.parametrize("body", [b"x", [b"x"]])
def test_fields_that_cannot_be_sent_never_reach_the_wire(
    live_server: LiveServers, headers: dict[str, str], body: Iterable[bytes]
) -> None:
    def handler(request: Request) -> Response:
        response = Response(b"", headers=headers)
        response.body = body
        return response

    peer = live_server(handler).connect()
    asks_in_vain(peer)
    asks_in_vain(peer)


@pytest.mark.parametrize("status", [0, 99, 100, 101, 199, 600, 1000, -1])
def test_a_status_that_no_response_has_is_the_applications_mistake(live_server: LiveServers, status: int) -> None:
    asks_in_vain(live_server(answering(b"x", status)).connect())


# Clients that vanish


def test_a_body_is_closed_once_when_the_client_has_gone(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    gone = Gate()

    class Endless(Pieces):
        def __next__(self) -> bytes:
            if not self.closed:
                gone.wait()
            return b"x" * 100_000

    body = Endless()
    server = live_server(answering(body))
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gone.await_arrivals()
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    gone.open()
    assert body.last_close.wait(PATIENCE)
    assert server.stop()
    assert body.closed == 1
    assert not caplog.records


@pytest.mark.parametrize("answer", [b"x", [b"x"]])
def test_an_uploaded_file_is_closed_when_the_client_has_gone(
    live_server: LiveServers, gate: Gate, answer: Body
) -> None:
    bodies: list[Any] = []

    def handler(request: Request) -> Response:
        bodies.append(request.body)
        gate.wait()
        return answering(answer)(request)

    server = live_server(handler, body_memory=10)
    peer = server.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 100\r\n\r\n" + b"x" * 100)
    gate.await_arrivals()
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    gate.open()
    assert server.stop()
    assert bodies[0].closed


# Interim responses, and those begun early


def test_an_interim_response_comes_before_the_final_one(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        request.client.send_interim(request, 103, [("Link", "</style.css>; rel=preload")])
        return hello(request)

    peer = live_server(handler).connect()
    for _ in range(2):
        early = peer.ask()
        assert (early.status, early.fields["link"]) == (103, "</style.css>; rel=preload")
        assert peer.reply().body == b"hello"
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    assert peer.reply().status == 200


def test_a_response_may_begin_before_the_handler_returns(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        write = request.client.start_response(request, 201, [("X", "y")])
        write(b"early ")
        return Response.stream([b"and late"])

    peer = live_server(handler).connect()
    for _ in range(2):
        reply = peer.ask()
        assert (reply.status, reply.fields["x"], reply.body) == (201, "y", b"early and late")


HINTS = ["</style.css>; rel=preload; as=style" + " " * 900]


def read_all(peer: Peer) -> tuple[int, Reply]:
    """Read interim responses, then the final one; return how many there were, and that."""
    for number in itertools.count():
        reply = peer.reply()
        if reply.status != 103:
            return number, reply
    raise AssertionError


@pytest.mark.parametrize("kind", ["text", "file", "pieces", "fed", "error"])
def test_a_response_comes_after_hints_that_its_client_has_not_taken(
    live_server: LiveServers, tmp_path: Path, kind: str
) -> None:
    (tmp_path / "file").write_bytes(b"final")
    full = threading.Event()

    def handler(request: Request) -> Response:
        if request.target == "/again":
            return hello(request)
        connection = request.client
        assert isinstance(connection, Connection)
        while connection.output is None:
            request.early_hints(HINTS)
            sent.append(1)
        full.set()
        if kind == "error":
            raise HTTPError(409, "final", {"X-Kind": "error"})
        if kind == "file":
            return Response.file(tmp_path / "file")
        if kind == "pieces":
            return Response.stream(iter([b"fi", b"nal"]))
        return Response.sse(["final"]) if kind == "fed" else Response.text("final")

    sent: list[int] = []
    server = live_server(handler, output_buffer=1 << 20)
    peer = server.connect(receive_buffer=4096)
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert full.wait(PATIENCE)
    hints, reply = read_all(peer)
    assert hints == len(sent)
    assert b"final" in reply.body
    assert reply.status == (409 if kind == "error" else 200)
    assert peer.ask("/again").body == b"hello"
    assert server.lane.budget.held == 0


def test_hints_cannot_follow_the_response_that_has_begun(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(request: Request) -> Response:
        def pieces() -> Iterator[bytes]:
            yield b"one"
            request.early_hints(HINTS)

        return Response.stream(pieces())

    peer = live_server(handler).connect()
    assert not peer.ask().whole
    assert "The response has begun" in caplog.text
