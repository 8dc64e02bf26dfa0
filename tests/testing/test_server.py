"""A server for tests: where it is, what it writes down, how it ends."""

from __future__ import annotations

import gc
import os
import socket
import threading
import traceback
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest

from ehttpd.errors import ListenError
from ehttpd.messages import FedBody, FileBody, Outlet, Request, Response
from ehttpd.native import HTTPError, Tunnel, streaming
from ehttpd.testing import MockServer, NoRequest, TestServer, Unanswered
from ehttpd.testing.leaks import open_sockets
from tests.server.live import Gate, come_true, in_parallel

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"hello" + body]


def hello(request: Request) -> Response:
    return Response.text("hello")


@pytest.mark.parametrize("served", [application, hello])
def test_an_application_and_a_handler_are_served_alike(served: Any) -> None:
    with TestServer(served) as server:
        answer = server.client().get("/")
        assert (answer.status, answer.text, answer.headers["content-type"][:10]) == (200, "hello", "text/plain")
        assert server.url == f"http://127.0.0.1:{server.port}"
        assert server.url_for("/a?b") == server.url + "/a?b"


def test_a_handler_may_return_less_than_a_response() -> None:
    def listing(request: Request) -> list[str]:
        return [request.path]

    with TestServer(listing) as server:  # of which mypy thinks the same
        assert server.client().get("/a").json() == ["/a"]


def test_what_is_neither_is_refused_with_its_kind() -> None:
    async def asynchronous(scope: Any, receive: Any, send: Any) -> None: ...

    with pytest.raises(TypeError, match="ASGI"):
        TestServer(asynchronous)  # type: ignore[arg-type]


def test_every_request_is_written_down_whole() -> None:
    with TestServer(application) as server:
        client = server.client()
        client.get("/first?a=1&a=2&b=")
        client.post("/second", json={"n": 1}, headers={"X-Mark": "yes"})
        first, second = server.requests
        assert (first.method, first.path, first.query, first.body) == ("GET", "/first", "a=1&a=2&b=", b"")
        assert first.parameters == {"a": ["1", "2"], "b": [""]}
        assert (second.json(), second.text, second.headers["x-mark"]) == ({"n": 1}, '{"n": 1}', "yes")
        assert [(each.connection.index, each.connection.exchange) for each in (first, second)] == [(0, 0), (0, 1)]
        assert second.connection.remote[0] == "127.0.0.1"
        assert [exchange.status for exchange in server.exchanges] == [200, 200]


def test_the_application_reads_the_body_that_was_written_down() -> None:
    with TestServer(application) as server:
        assert server.client().post("/", body=b"!" * 300_000).body == b"hello" + b"!" * 300_000
        assert server.requests[0].body == b"!" * 300_000


def test_the_octets_of_the_wire_are_those_given_and_those_that_come_back() -> None:
    with TestServer(hello) as server:
        assert server.wire(ASK + ASK).count(b"HTTP/1.1 200 OK") == 2
        assert server.wire(b"nonsense\r\n\r\n").startswith(b"HTTP/1.1 400 Bad Request\r\n")
    assert [exchange.status for exchange in server.exchanges] == [200, 200, 400]


def test_take_waits_for_a_request_and_gives_each_once() -> None:
    with TestServer(hello) as server:
        with in_parallel(lambda: server.client().get("/late")):
            assert server.take().path == "/late"
        with pytest.raises(NoRequest, match=r"No request came to .* within 0\.01 s\. Before that: GET /late\."):
            server.take(timeout=0.01)


def test_an_exception_of_the_handler_is_raised_at_the_end_with_its_own_traceback() -> None:
    def breaks(request: Request) -> Response:
        raise KeyError("missing")

    with pytest.raises(KeyError, match="missing") as caught, TestServer(breaks) as server:
        assert server.client().get("/").status == 500
    names = [frame.name for frame in traceback.extract_tb(caught.tb)]
    assert names[-3:] == ["__exit__", "verify", "breaks"]


def test_several_exceptions_are_raised_as_a_group() -> None:
    def breaks(request: Request) -> Response:
        raise ValueError(request.path)

    with pytest.raises(ExceptionGroup) as caught, TestServer(breaks) as server:
        for path in ("/a", "/b"):
            server.client().get(path)
    assert [str(error) for error in caught.value.exceptions] == ["/a", "/b"]


@pytest.mark.parametrize("error", [SystemExit, KeyboardInterrupt])
def test_what_would_end_the_tests_is_raised_in_a_group(error: type[BaseException]) -> None:
    def leaves(request: Request) -> Response:
        raise error

    with pytest.raises(BaseExceptionGroup) as caught, TestServer(leaves) as server:
        assert server.client().get("/").status == 500
    assert [type(each) for each in caught.value.exceptions] == [error]


def test_an_exception_in_the_middle_of_a_body_is_raised_too() -> None:
    def pieces() -> Iterator[bytes]:
        yield b"begun"
        raise ValueError("broken off")

    with (
        pytest.raises(ValueError, match="broken off"),
        TestServer(lambda request: Response.stream(pieces())) as server,
    ):
        assert server.wire(ASK).endswith(b"begun\r\n")


def broken(kind: str) -> Any:
    """Return an application that breaks its contract in one way."""

    class Closing:
        def __init__(self, pieces: Iterable[bytes]) -> None:
            self._pieces = pieces

        def __iter__(self) -> Iterator[bytes]:
            return iter(self._pieces)

        def close(self) -> None:
            raise ValueError("in close")

    class Unreadable:
        def read(self, size: int) -> bytes:
            raise OSError("in read")

    def leaves() -> Iterator[bytes]:
        yield b"begun"
        raise SystemExit("left")

    # What is returned, and the arguments of start_response.
    returned: dict[str, Any] = {
        "text": "a",
        "pieces-of-text": ["a"],
        "numbers": iter([5]),
        "number": 5,
        "short": [b"a"],
        "short-pieces": iter([b"a"]),
        "long": [b"a" * 9],
        "long-pieces": iter([b"a" * 9]),
        "close": Closing([b"whole"]),
        "unreadable": FileBody(Unreadable()),
        "exit": leaves(),
    }
    status = "999 Odd" if kind == "status" else "200 OK"
    fields: Any = [("Content-Type", "text/plain")]
    if kind.startswith(("short", "long", "close")):
        fields.append(("Content-Length", "5"))
    elif kind == "field-name":
        fields.append(("X A", "b"))
    elif kind == "field-value":
        fields.append(("X-A", 5))

    def application(environ: dict[str, Any], start_response: Any) -> Any:
        if kind != "unstarted":
            start_response(status, fields)
        return returned.get(kind, iter([b"a"]))

    return application


@pytest.mark.parametrize(
    ("kind", "status", "said"),
    [
        ("unstarted", 500, "start_response"),
        ("text", 500, "Found str"),
        ("pieces-of-text", 500, "Found str"),
        ("numbers", 500, "A piece of a body must be bytes. Found int."),
        ("number", 500, "an iterable of bytes. Found int."),
        ("field-name", 500, "Found 'X A'"),
        ("field-value", 500, "Found int"),
        ("status", 500, "Found '999 Odd'"),
        ("unreadable", 500, "in read"),
        ("short", 200, "Content-Length says 5 octets, but the body has 1."),
        ("short-pieces", 200, "Content-Length says 5 octets, but the body has 1."),
        ("long", 200, "Content-Length says 5 octets, but the body has 9."),
        ("long-pieces", 200, "Content-Length says 5 octets, but the body has 9."),
        ("close", 200, "in close"),
        ("exit", 200, "left"),
    ],
)
def test_what_the_application_did_wrong_is_a_failure_and_what_was_sent_is_written_down(
    kind: str, status: int, said: str
) -> None:
    server = TestServer(broken(kind)).start()
    answer = server.wire(ASK)
    server.stop()
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    (exchange,), (failure,) = server.exchanges, server.failures()
    assert exchange.status == status
    assert said in str(failure)
    assert repr(failure) in str(exchange)


def test_the_status_of_a_late_answer_is_that_which_was_sent() -> None:
    gate = Gate()

    def waits(request: Request) -> Response:
        gate.wait()
        return Response.text("late")

    with TestServer(waits, request_timeout=0.05) as server:
        assert server.client().get("/").status == 504
        assert server.exchanges[0].status == 504
        gate.open()
    assert server.exchanges[0].status == 504


def test_an_application_that_starts_with_its_first_piece_has_a_status() -> None:
    def application(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("203 Mine", [])
        yield b"late"

    with TestServer(application) as server:
        assert server.client().get("/").text == "late"
        assert server.exchanges[0].status == 203


def test_a_fed_body_whose_close_fails_is_a_failure() -> None:
    class Fed(FedBody):
        def begin(self, outlet: Outlet) -> None:
            outlet.write(b"all")
            outlet.end()

        def close(self) -> None:
            raise ValueError("in close")

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"all"])

    server = TestServer(lambda request: Response(Fed())).start()
    answers = [server.wire(ASK), server.wire(ASK.replace(b"GET", b"HEAD"))]
    server.stop()
    assert answers[0].endswith(b"all\r\n0\r\n\r\n")
    assert [str(failure) for failure in server.failures()] == ["in close", "in close"]


def test_what_was_to_be_done_when_the_client_left_and_failed_is_a_failure() -> None:
    left = threading.Event()

    def handler(request: Request) -> Response:
        def call() -> None:
            raise ValueError("in callback")

        request.disconnected.add_callback(call)
        request.disconnected.add_callback(left.set)
        left.wait(10)
        return Response("nobody reads this")

    server = TestServer(handler).start()
    with socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(ASK)
        assert server.take().path == "/"
    assert left.wait(10)
    server.stop()
    assert [str(failure) for failure in server.failures()] == ["in callback"]


def test_what_an_event_source_or_a_talk_raises_is_raised_too() -> None:
    def events() -> Iterator[str]:
        yield "begun"
        raise ValueError("out of events")

    def talk(tunnel: Tunnel) -> None:
        tunnel.write(tunnel.readline().upper())
        raise ValueError("out of words")

    def handler(request: Request) -> Response:
        return Response.sse(events()) if request.path == "/events" else Response.upgrade("echo", talk)

    asked = b"GET /talk HTTP/1.1\r\nHost: here\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\nhello\n"
    with pytest.raises(BaseExceptionGroup) as caught, TestServer(handler) as server:
        assert server.wire(asked).endswith(b"\r\n\r\nHELLO\n")
        assert b"data: begun" in server.wire(ASK.replace(b"/", b"/events", 1), half_close=False)
    assert [str(error) for error in caught.value.exceptions] == ["out of words", "out of events"]


@pytest.mark.parametrize(("answer", "body"), [({"a": 1}, b'{"a": 1}'), ("text", b"text"), (None, b"")])
def test_a_handler_may_answer_with_less_than_a_response(answer: Any, body: bytes) -> None:
    with TestServer(lambda request: answer) as server:
        assert server.client().get("/").body == body
    with MockServer() as mock:
        mock.on("/").handle(lambda request: answer)
        assert mock.client().get("/").body == body


def test_an_answer_that_is_raised_is_no_failure() -> None:
    def handler(request: Request) -> Response:
        raise HTTPError(404, "no such thing")

    with TestServer(handler) as server:
        assert server.client().get("/").status == 404
        assert server.exchanges[0].status == 404


def test_a_handler_reads_a_body_while_it_arrives_and_it_is_written_down() -> None:
    first, told = threading.Event(), threading.Event()

    @streaming
    def handler(request: Request) -> Response:
        begun = request.body.read(3)
        first.set()
        told.wait(10)
        return Response(begun + request.body.read())

    with TestServer(handler) as server, socket.create_connection(("127.0.0.1", server.port), 10) as client:
        client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc")
        assert first.wait(10), "before it has arrived"
        client.sendall(b"def")
        told.set()
        assert client.recv(1000).endswith(b"abcdef")
        assert server.take().body == b"abcdef"


def test_a_setting_has_an_application_read_a_body_while_it_arrives() -> None:
    first = threading.Event()

    def reads(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        begun = environ["wsgi.input"].read(3)
        first.set()
        start_response("200 OK", [])
        return [begun + environ["wsgi.input"].read()]

    with (
        TestServer(reads, stream_bodies=True) as server,
        socket.create_connection(("127.0.0.1", server.port), 10) as client,
    ):
        client.sendall(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 6\r\n\r\nabc")
        assert first.wait(10), "before it has arrived"
        client.sendall(b"def")
        assert client.recv(1000).endswith(b"abcdef")
        assert server.take().body == b"abcdef"


def application_below(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [environ["SCRIPT_NAME"].encode(), b" + ", environ["PATH_INFO"].encode()]


@streaming
def handler_below(request: Request) -> Response:
    return Response(f"{request.mount} + {request.path}")


@pytest.mark.parametrize("served", [application_below, handler_below])
def test_who_is_below_a_prefix_is_told_so_as_in_production_and_what_came_is_written_down(served: Any) -> None:
    with TestServer(served, url_prefix="/shop") as server:
        assert server.client().get("/shop/items").body == b"/shop + /items"
        assert server.take().path == "/shop/items"


def test_an_exception_of_the_test_is_not_hidden_behind_the_handlers() -> None:
    def breaks(request: Request) -> Response:
        raise KeyError("missing")

    with pytest.raises(ZeroDivisionError) as caught, TestServer(breaks) as server:
        server.client().get("/")
        raise ZeroDivisionError
    assert caught.value.__notes__ == [f"{server.url} has seen: KeyError('missing')"]


def test_a_stop_that_waits_says_for_whom_and_fails(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("ehttpd.testing.slowness.SLOW_STOP", 0.01)
    monkeypatch.setattr("ehttpd.server.server.LAST_MOMENT", 0.1)
    gate = Gate()

    def waits(request: Request) -> Response:
        gate.wait()
        return Response.text("late")

    server = TestServer(waits).start()
    asking = threading.Thread(target=lambda: server.wire(b"GET /slow HTTP/1.1\r\nHost: here\r\n\r\n"))
    asking.start()
    gate.await_arrivals()
    come_true(lambda: bool(server._server.lane.pool.inside))  # a leader has to be relieved before it counts
    assert not server.stop(grace=0.1)
    asking.join()  # its connection has been closed
    gate.open()
    told = capsys.readouterr().err
    assert f"{server.url} has been stopping for" in told
    assert "connection 0 of 127.0.0.1:" in told
    assert "gate.wait()" in told
    assert [type(failure) for failure in server.failures()] == [Unanswered]


def test_a_stop_that_waits_for_a_talk_can_say_where_its_thread_is() -> None:
    gate = Gate()
    with (
        TestServer(lambda request: Response.upgrade("echo", lambda tunnel: gate.wait())) as server,
        socket.create_connection(("127.0.0.1", server.port)) as client,
    ):
        client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
        gate.await_arrivals()
        states = server.states()
        gate.open()
    assert "gate.wait()" in states


def test_a_handler_that_stops_its_own_server_is_told_why_not_and_the_server_lives_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def stops(request: Request) -> None:
        server.stop()

    with pytest.raises(RuntimeError, match="A handler cannot wait"), TestServer(stops) as server:
        assert server.wire(ASK).startswith(b"HTTP/1.1 500 ")
    assert "CRITICAL" not in caplog.text


def test_connections_are_refused_while_the_port_is_kept() -> None:
    with TestServer(hello) as server:
        kept = server.client()
        kept.get("/before")
        with server.refuse():
            with pytest.raises(ConnectionRefusedError):
                server.client().get("/")
            with socket.socket() as other, pytest.raises(OSError, match="in use"):
                other.bind(("127.0.0.1", server.port))
            assert kept.get("/meanwhile").status == 200
        assert server.client().get("/after").status == 200


def test_connecting_times_out_in_a_black_hole() -> None:
    with TestServer(hello) as server:
        with server.blackhole(), pytest.raises(TimeoutError):
            server.client(timeout=0.2).get("/")
        assert server.client().get("/").status == 200


def test_all_connections_are_closed_at_once() -> None:
    with TestServer(hello) as server:
        client = server.client()
        client.get("/")
        server.close_connections()
        with pytest.raises(ConnectionError):
            client.get("/")
        assert client.get("/").status == 200


def test_a_unix_socket_will_do(tmp_path: Path) -> None:
    with TestServer(hello, bind=f"unix:{tmp_path}/socket") as server:
        assert server.client().get("/").text == "hello"
        assert server.wire(ASK).endswith(b"hello")
        with pytest.raises(RuntimeError, match="TCP port"):
            server.refuse()


def test_a_port_of_the_tests_choice_that_is_taken_is_a_listen_error() -> None:
    with TestServer(hello) as first, pytest.raises(ListenError):
        second = TestServer(hello, bind=f"127.0.0.1:{first.port}")
        try:
            second.start()
        finally:
            second.stop()


def test_without_tls_there_is_no_certificate() -> None:
    with TestServer(hello) as server, pytest.raises(RuntimeError, match="tls=True"):
        _ = server.ca_pem


@pytest.mark.parametrize("bind", ["127.0.0.1:0", "0.0.0.0:0", "[::1]:0", ":0", "localhost:0", "unix:{}/socket"])
@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
def test_every_address_can_be_asked(bind: str, tls: bool, tmp_path: Path) -> None:
    with TestServer(hello, tls=tls, bind=bind.format(tmp_path)) as server:
        assert server.client().get("/").text == "hello"
        assert server.wire(ASK).endswith(b"hello")
    assert server.url in repr(server)


def test_another_address_leads_to_the_same_server() -> None:
    with TestServer(hello) as server:
        with urlopen(server.listen_also("127.0.0.1:0"), timeout=10) as answer:
            assert answer.read() == b"hello"
        assert len(server.requests) == 1


def test_a_server_that_does_not_run_says_so() -> None:
    server = TestServer(hello)
    assert repr(server) == "<TestServer that has not been started>"
    for ask in (server.client, lambda: server.url, lambda: server.port, lambda: server.place):
        with pytest.raises(RuntimeError, match="has not been started"):
            ask()
    server.start().start().stop()
    with pytest.raises(RuntimeError, match="does not start again"):
        server.start()


@pytest.mark.parametrize("bind", ["unix:/nowhere/a.sock", "192.0.2.1:0"])
def test_an_address_that_cannot_be_listened_on_leaves_nothing(bind: str) -> None:
    with pytest.raises(ListenError, match="cannot listen on"):
        TestServer(hello, bind=bind).start()


@pytest.mark.parametrize("method", ["get", "head", "post", "put", "patch", "delete", "options"])
def test_the_client_has_every_method(method: str) -> None:
    with TestServer(lambda request: Response.text(request.method)) as server:
        answer = getattr(server.client(), method)("/")
        assert answer.text == ("" if method == "head" else method.upper())


@pytest.mark.parametrize("tls", [False, True])
def test_the_client_holds_no_body_back_until_its_head_is_acknowledged(tls: bool) -> None:
    with TestServer(application, tls=tls) as server, server.client() as client:
        assert client.post("/", body=b" you").body == b"hello you"
        assert client._connection.sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), "the kernel waits for 40 ms"


def test_the_client_percent_encodes_letters_beyond_ascii_and_nothing_else() -> None:
    with TestServer(hello) as server:
        server.client().get("/café/%41?ü=a%20b&c")
        assert server.requests[0].target == "/caf%C3%A9/%41?%C3%BC=a%20b&c"
        assert server.requests[0].path == "/café/A"


def test_an_exchange_is_shown_with_what_became_of_it() -> None:
    with TestServer(hello) as server:
        server.client().get("/a")
        assert repr(server.exchanges).startswith("[<Exchange GET /a -> 200, 5 octets, ")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_process_that_a_test_forks_keeps_nothing_of_the_server_and_has_nothing_to_wait_for_when_it_stops_it() -> None:
    before = open_sockets()
    inbox, outbox = os.pipe()
    with TestServer(hello) as server, server.client() as client:
        client.get("/")
        client.close()
        child = os.fork()
        if not child:
            kept = len(open_sockets() - before)
            os.write(outbox, f"{kept} {server.stop()} {server.failures()}".encode())
            os._exit(0)
        os.close(outbox)
        with open(inbox) as told:
            assert told.read() == "0 True []"
        os.waitpid(child, 0)
        assert client.get("/").text == "hello"


def test_many_threads_start_a_server_once() -> None:
    before = open_sockets()
    server = TestServer(hello)
    together = threading.Barrier(8)

    def start() -> None:
        together.wait()
        server.start()

    with in_parallel(*[start] * 8):
        pass
    assert server.client().get("/").text == "hello"
    server.stop()
    assert open_sockets() == before


def test_a_thousand_servers_leave_nothing() -> None:
    def serve(times: int) -> None:
        for _ in range(times):
            with TestServer(hello) as server:
                server.wire(ASK)

    serve(50)
    gc.collect()
    descriptors, threads = len(os.listdir("/dev/fd")), threading.active_count()
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        serve(1000)
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert (len(os.listdir("/dev/fd")), threading.active_count()) == (descriptors, threads)
    assert grown < 200_000, "octets left by 1000 servers"
