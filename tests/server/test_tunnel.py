"""Connections that leave HTTP: who may, what is read and written then, and how it ends."""

from __future__ import annotations

import array
import queue
import resource
import select
import socket
import struct
import threading
from collections.abc import Callable
from typing import Any

import pytest

from ehttpd.errors import ConnectionLost, HandlerError
from ehttpd.http11.state import State
from ehttpd.messages import Handler, Request, Response
from ehttpd.native import View, access_log, answer_of, compress, pipeline, streaming, to_wsgi
from ehttpd.server.connection import Connection
from ehttpd.server.tunnel import Tunnel
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, come_true, hello, in_parallel
from tests.server.test_overdue import let_deadlines_pass

ASKED = ("Upgrade: echo", "Connection: keep-alive, Upgrade")


def echo(tunnel: Tunnel) -> None:
    """Answer each line."""
    while line := tunnel.readline():
        tunnel.write(line)


def leaving(talk: Callable[[Tunnel], object] = echo) -> Handler:
    """Return a handler that leaves HTTP, but for the path /hello."""
    return lambda request: hello(request) if request.path == "/hello" else Response.upgrade("echo", talk)


def leave(server: LiveServer) -> Peer:
    peer = server.connect()
    assert peer.ask("/", *ASKED).status == 101
    return peer


def say(peer: Peer, line: bytes) -> bytes:
    peer.send(line)
    return peer.read(len(line))


def test_a_client_that_asks_leaves_http(live_server: LiveServers) -> None:
    server = live_server(leaving())
    peer = server.connect()
    reply = peer.ask("/", *ASKED)
    assert (reply.status, reply.reason) == (101, "Switching Protocols")
    assert reply.fields == {"upgrade": "echo", "connection": "upgrade"}
    assert say(peer, b"one\n") == b"one\n"
    assert [connection.state for connection in server.lane.table.served.values()] == [State.TUNNEL]
    assert say(peer, b"GET / HTTP/1.1\r\n") == b"GET / HTTP/1.1\r\n"
    peer.half_close()
    assert peer.ended()


def test_what_came_behind_the_head_is_read_first(live_server: LiveServers) -> None:
    peer = live_server(leaving()).connect()
    peer.send(
        b"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\nConnection: upgrade\r\nContent-Length: 2\r\n\r\nxxone\ntw"
    )
    assert peer.reply().status == 101
    assert say(peer, b"o\n") == b"on"
    assert peer.read(6) == b"e\ntwo\n"


@pytest.mark.parametrize(
    "message", [b"Content-Length: 4\r\n\r\nxx\nx", b"Transfer-Encoding: chunked\r\n\r\n4\r\nxx\nx\r\n0\r\n\r\n"]
)
@pytest.mark.parametrize("arrived", [0, 1, 3, -1, None])
def test_a_body_that_nobody_has_read_is_no_part_of_the_talk(
    live_server: LiveServers, message: bytes, arrived: int | None
) -> None:
    begun = threading.Event()

    def handler(request: Request) -> Response:
        begun.set()
        return Response.upgrade("echo", echo)

    peer = live_server(streaming(handler)).connect()
    fields, end, body = message.partition(b"\r\n\r\n")
    peer.send(b"POST / HTTP/1.1\r\nHost: h\r\nUpgrade: echo\r\nConnection: upgrade\r\n" + fields + end + body[:arrived])
    assert begun.wait(PATIENCE)
    peer.send(b"" if arrived is None else body[arrived:], b"one\n")
    assert peer.reply().status == 101
    assert peer.read(4) == b"one\n"


@pytest.mark.parametrize("body", [b"", b"xx"])
def test_a_client_that_expects_100_gets_that_first(live_server: LiveServers, body: bytes) -> None:
    """RFC 9110 §7.8, also where there is no body to wait for."""
    peer = live_server(leaving()).connect()
    fields = (*ASKED, "Expect: 100-continue", f"Content-Length: {len(body)}")
    peer.send("\r\n".join(["POST / HTTP/1.1", "Host: h", *fields, "", ""]).encode() + body)
    assert [peer.reply().status, peer.reply().status] == [100, 101]
    assert say(peer, b"one\n") == b"one\n"


@pytest.mark.parametrize(
    "fields",
    [
        (),
        ("Upgrade: echo",),
        ("Connection: upgrade",),
        ("Upgrade: other", "Connection: upgrade"),
        ("Upgrade: echo/2", "Connection: upgrade"),
        ("Upgrade: ech", "Connection: close"),
    ],
)
def test_a_client_that_does_not_ask_is_told_what_to_ask_for(live_server: LiveServers, fields: tuple[str, ...]) -> None:
    peer = live_server(leaving()).connect()
    peer.send("\r\n".join(["GET / HTTP/1.1", "Host: h", *fields, "", ""]).encode())
    lines = list(iter(peer.line, ""))
    assert lines[0] == "HTTP/1.1 426 Upgrade Required"
    assert {"Upgrade: echo", "Connection: upgrade"} <= set(lines)


def test_clients_of_http_1_0_cannot_leave(live_server: LiveServers) -> None:
    peer = live_server(leaving()).connect()
    peer.send(b"GET / HTTP/1.0\r\nUpgrade: echo\r\nConnection: upgrade\r\n\r\n")
    assert peer.line() == "HTTP/1.1 426 Upgrade Required"


@pytest.mark.parametrize("asked", [(), ASKED])
def test_who_has_begun_a_response_cannot_leave_and_the_next_response_is_its_own(
    live_server: LiveServers, asked: tuple[str, ...]
) -> None:
    def handler(request: Request) -> Response:
        if request.path == "/hello":
            return hello(request)
        request.client.start_response(request, 201, [])
        return Response.upgrade("echo", echo)

    peer = live_server(handler).connect()
    assert peer.ask("/", *asked).status == 500
    reply = peer.ask("/hello")
    assert (reply.status, reply.body) == (200, b"hello")


@pytest.mark.parametrize("offered", ["ECHO", "other, echo", " ,echo ,"])
def test_protocols_are_listed_and_compared_in_any_case(live_server: LiveServers, offered: str) -> None:
    reply = live_server(leaving()).connect().ask("/", f"Upgrade: {offered}", "Connection: upgrade")
    assert reply.status == 101


def test_middlewares_see_a_response_with_a_status_and_fields(live_server: LiveServers) -> None:
    def marked(view: View) -> Handler:
        def handle(request: Request) -> Response:
            response = answer_of(view, request)
            assert (response.status, response.headers["upgrade"]) == (101, "echo")
            response.headers["X-Mark"] = "yes"
            return response

        return handle

    peer = live_server(pipeline(leaving(), marked, compress(), access_log())).connect()
    assert peer.ask("/", *ASKED).fields["x-mark"] == "yes"
    assert say(peer, b"one\n") == b"one\n"


@pytest.mark.parametrize("protocol", ["", "a b", "a/", "a/b/c", "a\r\nX: y"])
def test_a_protocol_without_a_name_is_the_applications_mistake(protocol: str) -> None:
    with pytest.raises(HandlerError):
        Response.upgrade(protocol, echo)


def test_other_servers_cannot_leave() -> None:
    environ = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", "SERVER_NAME": "h", "SERVER_PORT": "80"}
    answer = to_wsgi(leaving())({**environ, "wsgi.url_scheme": "http"}, lambda *_: None)
    with pytest.raises(HandlerError, match="own server"):
        list(answer)


def test_an_exchange_before_and_a_failed_one_do_no_harm(live_server: LiveServers) -> None:
    peer = live_server(leaving()).connect()
    assert peer.ask("/hello").body == b"hello"
    assert peer.ask("/").status == 426
    assert peer.ask("/", *ASKED).status == 101
    assert say(peer, b"one\n") == b"one\n"


def test_reads_return_what_they_promise(live_server: LiveServers) -> None:
    got: list[bytes] = []

    def talk(tunnel: Tunnel) -> None:
        got.extend([tunnel.read(3), tunnel.read(0), tunnel.readline(4), tunnel.readline(), tunnel.recv(2)])
        got.extend([tunnel.read(), tunnel.read(), tunnel.readline(), tunnel.recv()])
        tunnel.write(b"done")

    peer = leave(live_server(leaving(talk)))
    peer.send(b"abcdefghij\nklm")
    peer.half_close()
    assert peer.rest() == b"done"
    assert got == [b"abc", b"", b"defg", b"hij\n", b"kl", b"m", b"", b"", b""]


def test_what_is_not_received_yet_is_told_by_the_descriptor(live_server: LiveServers) -> None:
    def talk(tunnel: Tunnel) -> None:
        for _ in range(3):
            assert select.select([tunnel], [], [], PATIENCE)[0]
            tunnel.write(tunnel.recv(2) + b"|")

    peer = leave(live_server(leaving(talk)))
    peer.send(b"sixsix")
    assert peer.rest() == b"si|xs|ix|"


def test_a_read_that_waits_too_long_loses_nothing(live_server: LiveServers) -> None:
    def talk(tunnel: Tunnel) -> None:
        tunnel.timeout = 0.01
        with pytest.raises(TimeoutError):
            tunnel.read(4)
        tunnel.write(b"?")
        tunnel.timeout = PATIENCE
        tunnel.write(tunnel.read(4))

    peer = leave(live_server(leaving(talk)))
    peer.send(b"ab")
    assert peer.read(1) == b"?"
    peer.send(b"cd")
    assert peer.rest() == b"abcd"


def test_a_client_that_is_silent_for_too_long_ends_the_talk(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(tunnel: Tunnel) -> None:
        tunnel.timeout = PATIENCE
        for line in tunnel.reader:
            tunnel.send(line.upper())
            if line == b"two\n":
                tunnel.idle_timeout = 0.05

    server = live_server(lambda request: Response.upgrade("echo", talk, idle_timeout=PATIENCE))
    peer = leave(server)
    assert [say(peer, b"one\n"), say(peer, b"two\n")] == [b"ONE\n", b"TWO\n"]
    assert peer.ended()
    assert not caplog.records


def test_a_client_that_takes_nothing_is_given_up(live_server: LiveServers) -> None:
    ends: queue.Queue[BaseException] = queue.Queue()

    def talk(tunnel: Tunnel) -> None:
        try:
            while True:
                tunnel.write(bytes(1 << 20))
        except ConnectionLost as error:
            ends.put(error)
            raise

    leave(live_server(leaving(talk), send_timeout=0.05))
    assert "took nothing" in str(ends.get(timeout=PATIENCE))


def test_a_long_piece_arrives_whole(live_server: LiveServers) -> None:
    data = bytes(range(256)) * 20_000
    peer = leave(live_server(leaving(lambda tunnel: tunnel.write(tunnel.read(len(data))))))
    with in_parallel(lambda: peer.send(data)):
        assert peer.read(len(data)) == data


def test_a_long_piece_is_counted_in_octets_whatever_its_items_are(live_server: LiveServers) -> None:
    numbers: Any = memoryview(array.array("I", range(2_000_000)))
    lengths: list[int] = []
    peer = leave(live_server(leaving(lambda tunnel: lengths.append(tunnel.write(numbers)))))
    assert peer.rest() == numbers.tobytes()
    assert lengths == [numbers.nbytes]


def test_a_talk_that_fails_is_logged_and_its_connection_closed(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(tunnel: Tunnel) -> None:
        tunnel.write(b"last words")
        raise KeyError("talk")

    server = live_server(leaving(talk))
    assert leave(server).rest() == b"last words"
    assert server.connect().ask("/hello").status == 200
    assert "KeyError: 'talk'" in caplog.text


def test_a_client_that_resets_is_no_error(live_server: LiveServers, caplog: pytest.LogCaptureFixture) -> None:
    ends: queue.Queue[BaseException] = queue.Queue()

    def talk(tunnel: Tunnel) -> None:
        try:
            tunnel.read()
        except ConnectionLost as error:
            ends.put(error)
            raise

    peer = leave(live_server(leaving(talk)))
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    assert ends.get(timeout=PATIENCE)
    assert caplog.text == ""


def test_a_client_that_is_lost_while_it_leaves_takes_no_place(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        request.client.take_over()
        raise ConnectionLost("it has gone")

    server = live_server(handler, max_upgrades=1)
    for _ in range(2):
        peer = server.connect()
        peer.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert peer.rest() == b""


def test_what_several_threads_write_stays_together(live_server: LiveServers) -> None:
    pieces = [letter * 2_000_000 for letter in (b"a", b"b", b"c")]

    def talk(tunnel: Tunnel) -> None:
        with in_parallel(*[lambda piece=piece: tunnel.write(piece) for piece in pieces]):
            pass

    received = leave(live_server(leaving(talk))).rest()
    assert len(received) == 6_000_000
    assert all(piece in received for piece in pieces)


def test_what_was_sent_before_comes_first(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        assert isinstance(request.client, Connection)
        while request.client.output is None:  # until the client takes no more
            request.early_hints(["x" * 5000] * 10)
        return Response.upgrade("echo", lambda tunnel: tunnel.write(b"talk"))

    peer = live_server(handler).connect(receive_buffer=4096)
    peer.send("\r\n".join(["GET / HTTP/1.1", "Host: h", *ASKED, "", ""]).encode())
    statuses = [line for line in iter(peer.line, "Upgrade: echo") if line.startswith("HTTP/1.1")]
    assert set(statuses[:-1]) == {"HTTP/1.1 103 Early Hints"}
    assert statuses[-1] == "HTTP/1.1 101 Switching Protocols"
    assert peer.rest() == b"Connection: upgrade\r\n\r\ntalk"


def test_another_thread_may_close_it(live_server: LiveServers) -> None:
    tunnels: queue.Queue[Tunnel] = queue.Queue()

    def talk(tunnel: Tunnel) -> None:
        tunnels.put(tunnel)
        assert tunnel.read() == b""

    peer = leave(live_server(leaving(talk)))
    with tunnels.get(timeout=PATIENCE):
        pass
    assert peer.ended()


def test_more_than_may_leave_are_refused(live_server: LiveServers) -> None:
    server = live_server(leaving(), max_upgrades=1)
    first, second = leave(server), server.connect()
    refused = second.ask("/", *ASKED)
    assert (refused.status, "retry-after" in refused.fields) == (503, True)
    first.half_close()
    assert first.ended()
    while second.ask("/", *ASKED).status == 503:
        pass
    assert say(second, b"one\n") == b"one\n"


def test_those_who_talk_take_no_place_of_handlers(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        if request.path == "/gate":
            gate.wait()
        return leaving()(request)

    server = live_server(handler, threads=1)
    talkers = [leave(server) for _ in range(5)]
    come_true(lambda: (server.lane.pool.busy, server.lane.pool.inside) == (0, []))
    waiting = server.connect()
    waiting.send(b"GET /gate HTTP/1.1\r\nHost: h\r\n\r\n")
    gate.await_arrivals()
    for talker in talkers:
        assert say(talker, b"one\n") == b"one\n"
    gate.open()
    assert waiting.reply().status == 426


def test_a_deadline_of_handlers_is_none_of_those_who_talk(live_server: LiveServers, gate: Gate) -> None:
    def talk(tunnel: Tunnel) -> None:
        gate.wait()
        tunnel.write(b"still here")

    server = live_server(leaving(talk), request_timeout=PATIENCE)
    peer = leave(server)
    gate.await_arrivals()
    let_deadlines_pass(server)
    gate.open()
    assert peer.rest() == b"still here"


def test_stopping_ends_the_reading_and_lets_last_words_out(live_server: LiveServers) -> None:
    def talk(tunnel: Tunnel) -> None:
        echo(tunnel)
        assert tunnel.stopping
        tunnel.write(b"bye")

    server = live_server(leaving(talk))
    peers = [leave(server) for _ in range(3)]
    with in_parallel(lambda: server.stop(grace=PATIENCE)):
        for peer in peers:
            assert peer.rest() == b"bye"
            peer.close()


def test_a_talk_that_does_not_heed_the_stop_is_cut_off_with_the_grace(live_server: LiveServers) -> None:
    ended = threading.Event()

    def talk(tunnel: Tunnel) -> None:
        tunnel.heeds_stop = False
        echo(tunnel)
        ended.set()

    server = LiveServer(leaving(talk)).start()
    peer = leave(server)
    assert not server.stop(grace=0.05)
    assert ended.wait(PATIENCE)
    assert peer.ended()
    server.hang_up()


def test_a_thousand_may_talk_beside_other_traffic(live_server: LiveServers) -> None:
    descriptors, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    count = min(1000, descriptors // 4)
    server = live_server(leaving(), threads=2)
    talkers = [leave(server) for _ in range(count)]
    assert len(server.lane.tunnels) == count
    other = server.connect()
    assert all(other.ask("/hello").body == b"hello" for _ in range(100))
    for talker in talkers[::50]:
        assert say(talker, b"one\n") == b"one\n"
