"""One connection: persistence, pipelining, half-closing, deadlines, refusals and lingering."""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.http11.state import State
from ehttpd.messages import Request, Response
from ehttpd.server.connection import MOST_LINGERING
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, come_true, hello, serving

HEAD = b"POST / HTTP/1.1\r\nHost: here\r\n"
EXPECT = HEAD + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"


def echo(request: Request) -> Response:
    return Response(request.target.encode() + b" " + request.body.read())


# Persistence


def test_a_connection_carries_one_exchange_after_the_other(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    for each in range(5):
        reply = peer.ask(f"/{each}")
        assert reply.body == b"/%d " % each
        assert "connection" not in reply.fields


def test_a_client_that_asks_for_it_has_its_connection_closed(live_server: LiveServers) -> None:
    peer = live_server(hello).connect()
    assert peer.ask("/", "Connection: close").fields["connection"] == "close"
    assert peer.ended()


@pytest.mark.parametrize("counts", [False, True])
def test_a_server_that_lets_no_connection_rest_says_so_in_each_response(live_server: LiveServers, counts: bool) -> None:
    peer = live_server(hello, keep_alive_timeout=0, counts=counts).connect()
    assert peer.ask().fields["connection"] == "close"
    assert peer.ended()


def test_a_handler_that_asks_for_it_has_the_connection_closed(live_server: LiveServers) -> None:
    peer = live_server(lambda request: Response(b"x", headers={"Connection": "close"})).connect()
    assert peer.ask().fields["connection"] == "close"
    assert peer.ended()


def test_what_follows_the_last_request_does_not_cost_the_client_its_answer(
    live_server: LiveServers, gate: Gate
) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response(bytes(1_000_000))

    peer = live_server(handler).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    gate.await_arrivals()
    peer.send(b"GET /unheard HTTP/1.1\r\n" + bytes(10_000))  # read by nobody: a close would reset the connection
    gate.open()
    assert len(peer.reply().body) == 1_000_000
    assert peer.rest() == b""


def test_http_1_0_closes_unless_it_asks_to_persist(live_server: LiveServers) -> None:
    server = live_server(hello)
    peer = server.connect()
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    assert peer.reply().fields["connection"] == "close"
    assert peer.ended()
    peer = server.connect()
    for _ in range(2):
        peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
        assert peer.reply().fields["connection"] == "keep-alive"


# Pipelining


def test_pipelined_requests_are_answered_in_order(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    post = b"POST /%d HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\n\r\nabc"
    peer.send(b"".join(post % each for each in range(500)))
    assert [peer.reply().body for _ in range(500)] == [b"/%d abc" % each for each in range(500)]


def test_pipelined_requests_whose_handlers_block_are_answered_in_order(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        if request.target.endswith("3"):
            gate.wait()
        return echo(request)

    peer = live_server(handler, threads=4).connect()
    peer.send(b"".join(b"GET /%d HTTP/1.1\r\nHost: here\r\n\r\n" % each for each in range(30)))
    assert [peer.reply().body for _ in range(3)] == [b"/0 ", b"/1 ", b"/2 "]
    gate.await_arrivals()
    gate.open()
    assert [peer.reply().body for _ in range(27)] == [b"/%d " % each for each in range(3, 30)]


def test_who_pipelines_much_leaves_others_their_turn(live_server: LiveServers) -> None:
    order: list[str] = []

    def handler(request: Request) -> Response:
        order.append(request.target)
        if len(order) == 1:
            other.send(b"GET /other HTTP/1.1\r\nHost: here\r\n\r\n")
        return hello(request)

    server = live_server(handler)
    other, greedy = server.connect(), server.connect()
    greedy.send(b"GET /greedy HTTP/1.1\r\nHost: here\r\n\r\n" * 1000)
    assert other.reply().status == 200
    for _ in range(1000):
        assert greedy.reply().status == 200
    assert order.index("/other") < 500


def test_what_is_pipelined_behind_a_closing_exchange_is_not_served(live_server: LiveServers) -> None:
    targets: list[str] = []

    def handler(request: Request) -> Response:
        targets.append(request.target)
        return hello(request)

    peer = live_server(handler).connect()
    peer.send(b"GET /1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\nGET /2 HTTP/1.1\r\nHost: here\r\n\r\n")
    assert peer.reply().status == 200
    assert peer.ended()
    assert targets == ["/1"]


def test_a_request_may_come_octet_by_octet(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    peer.send(*(bytes([octet]) for octet in b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nab"))
    assert peer.reply().body == b"/x ab"


# Half-closing


@pytest.mark.parametrize(
    "request_octets",
    [
        b"GET /x HTTP/1.1\r\nHost: here\r\n\r\n",
        b"POST /x HTTP/1.1\r\nHost: here\r\nContent-Length: 0\r\n\r\n",
        b"GET /x HTTP/1.0\r\n\r\n",
    ],
)
def test_a_client_that_has_sent_all_it_wants_to_is_answered(live_server: LiveServers, request_octets: bytes) -> None:
    peer = live_server(echo).connect()
    peer.send(request_octets)
    peer.half_close()
    assert peer.reply().body == b"/x "
    assert peer.ended()


def test_a_client_that_half_closes_while_its_handler_runs_is_answered(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return hello(request)

    peer = live_server(handler).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    peer.half_close()
    gate.open()
    assert peer.reply().body == b"hello"
    assert peer.ended()


@pytest.mark.parametrize("octets", [b"GET / HT", b"GET / HTTP/1.1\r\nHost: he", HEAD + b"Content-Length: 5\r\n\r\nabc"])
def test_a_request_that_ends_too_early_is_refused(live_server: LiveServers, octets: bytes) -> None:
    peer = live_server(echo).connect()
    peer.send(octets)
    peer.half_close()
    assert peer.reply().status == 400
    assert peer.ended()


def test_a_client_that_says_nothing_and_goes_leaves_nothing(live_server: LiveServers) -> None:
    live_server(hello).connect().close()


# Deadlines


def test_an_idle_connection_is_closed_without_a_response(live_server: LiveServers) -> None:
    peer = live_server(hello, keep_alive_timeout=0.05).connect()
    began = time.monotonic()
    assert peer.ask().status == 200
    assert peer.ended()
    assert time.monotonic() - began >= 0.05


def test_an_idle_connection_lives_as_long_as_the_operator_says(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ehttpd.server.lane.RESTS_AFTER", 0.1)  # and then again as long as is left
    peer = live_server(hello, keep_alive_timeout=0.3).connect()
    began = time.monotonic()
    peer.ask()
    assert peer.ended()
    assert time.monotonic() - began >= 0.3


def test_a_connection_is_served_after_its_last_head_was_let_go(live_server: LiveServers) -> None:
    server = live_server(hello, keep_alive_timeout=5)
    server.lane.rests_after = 0.02
    peer, witness = server.connect(), server.connect()
    peer.ask()
    server.settings.__dict__["keep_alive_timeout"] = 0.02
    witness.ask()
    server.settings.__dict__["keep_alive_timeout"] = 5
    assert peer.ask().status == 200


def test_a_client_that_sends_no_request_at_all_is_closed(live_server: LiveServers) -> None:
    assert live_server(hello, header_timeout=0.05).connect().ended()


def test_a_head_that_takes_too_long_is_refused(live_server: LiveServers) -> None:
    peer = live_server(hello, header_timeout=0.05).connect()
    peer.send(b"GET / HTTP/1.1\r\n")
    reply = peer.reply()
    assert (reply.status, reply.fields["connection"]) == (408, "close")
    assert peer.ended()


@pytest.fixture
def metronome() -> Iterator[threading.Event]:
    """An event that stops those who send at intervals."""
    stop = threading.Event()
    yield stop
    stop.set()


def test_a_head_that_never_ends_does_not_put_off_its_deadline(
    live_server: LiveServers, metronome: threading.Event
) -> None:
    peer = live_server(hello, header_timeout=0.2).connect()
    peer.send(b"GET / HTTP/1.1\r\n")

    def trickle() -> None:
        try:
            while not metronome.wait(0.02):
                peer.send(b"X: y\r\n")
        except OSError:
            pass

    trickling = threading.Thread(target=trickle)
    trickling.start()
    try:
        assert peer.line() == "HTTP/1.1 408 Request Timeout"
    finally:
        metronome.set()
        trickling.join()


def test_the_header_timeout_holds_for_every_request(live_server: LiveServers) -> None:
    peer = live_server(hello, header_timeout=0.05).connect()
    peer.ask()
    peer.send(b"GET")
    assert peer.reply().status == 408


def test_a_body_that_pauses_for_too_long_is_refused(live_server: LiveServers) -> None:
    peer = live_server(echo, body_timeout=0.05).connect()
    peer.send(HEAD + b"Content-Length: 5\r\n\r\nabc")
    reply = peer.reply()
    assert (reply.status, reply.fields["connection"]) == (408, "close")


def test_each_piece_of_a_body_puts_off_its_deadline(live_server: LiveServers) -> None:
    server = live_server(echo, minimum_rate=0)
    peer = server.connect()
    peer.send(HEAD + b"Content-Length: 12\r\n\r\n")
    come_true(lambda: [each.state for each in server.lane.table.resting.values()] == [State.BODY])
    (connection,) = server.lane.table.resting.values()
    for _ in range(11):
        before = connection.deadline
        peer.send(b"x")
        come_true(lambda before=before: connection.deadline > before)  # type: ignore[misc]
    peer.send(b"x")
    assert peer.reply().body == b"/ " + b"x" * 12


# 100 (Continue)


def test_a_client_that_waits_for_it_is_told_to_continue(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    for _ in range(2):
        peer.send(EXPECT)
        assert peer.reply().status == 100
        peer.send(b"12345")
        assert peer.reply().body == b"/ 12345"


def test_a_client_that_does_not_wait_is_not_told_to(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    peer.send(EXPECT + b"12345")
    assert peer.reply().status == 200


def test_a_body_that_is_too_long_is_refused_before_the_client_is_told_to_continue(live_server: LiveServers) -> None:
    peer = live_server(echo, limit_request_body=4).connect()
    peer.send(EXPECT)
    reply = peer.reply()
    assert (reply.status, reply.fields["connection"]) == (413, "close")
    assert peer.ended()


def test_a_chunked_body_that_becomes_too_long_is_refused(live_server: LiveServers) -> None:
    peer = live_server(echo, limit_request_body=4).connect()
    peer.send(HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n")
    assert peer.reply().status == 413


def test_another_expectation_fails(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    peer.send(HEAD + b"Content-Length: 1\r\nExpect: miracles\r\n\r\n")
    assert peer.reply().status == 417


# Refusals


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\n\r\n", 505),
        (b"GET /" + b"x" * 9000 + b" HTTP/1.1\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: here\r\n" + b"X: y\r\n" * 101 + b"\r\n", 431),
        (b"x" * 9000 + b" / HTTP/1.1\r\n", 501),
        (b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 421),
        (b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nx\r\n", 400),
    ],
)
def test_what_breaks_a_rule_is_refused_and_the_connection_closed(
    live_server: LiveServers, octets: bytes, status: int
) -> None:
    peer = live_server(echo).connect()
    peer.send(octets)
    reply = peer.reply()
    assert (reply.status, reply.fields["connection"]) == (status, "close")
    assert reply.body
    assert peer.ended()


@pytest.mark.parametrize(
    "octets",
    [
        b"HEAD / HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/2.0\r\n\r\n",
        b"HEAD /" + b"x" * 9000 + b" HTTP/1.1\r\n",
        b"HEAD / HTTP/1.1\r\nHost: here\r\n" + b"X: y\r\n" * 101 + b"\r\n",
        b"HEAD /\x01 HTTP/1.1\r\nHost: here\r\n\r\n",
        b"\r\nHEAD / HTTP/1.1\r\n\r\n",
        b"HEAD / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    ],
)
@pytest.mark.parametrize("before", [b"", b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"])
def test_head_is_refused_without_content(live_server: LiveServers, octets: bytes, before: bytes) -> None:
    """RFC 9110 §9.3.2, whatever is wrong with it; the length is that of the sentence which others are told."""
    peer = live_server(echo).connect()
    if before:
        peer.send(before)
        assert peer.reply().status == 200
    peer.send(octets)
    reply = peer.reply("HEAD")
    assert reply.status >= 400 and int(reply.fields["content-length"]) > 0
    assert peer.ended()


def test_head_that_finds_no_room_is_refused_without_content(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response(b"")

    server = live_server(handler, threads=1, queue_limit=0)
    server.connect().send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    peer = server.connect()
    assert peer.ask(method="HEAD").status == 503
    assert peer.ended()
    gate.open()



def test_a_refusal_comes_after_the_answers_to_what_was_before(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    peer.send(b"GET /1 HTTP/1.1\r\nHost: here\r\n\r\nnonsense\r\n\r\n")
    assert [peer.reply().status for _ in range(2)] == [200, 400]
    assert peer.ended()


def test_a_refused_client_that_goes_on_sending_reads_its_answer(live_server: LiveServers) -> None:
    peer = live_server(echo, limit_request_body=10).connect()
    peer.send(HEAD + b"Content-Length: 500000\r\n\r\n", b"x" * 500_000)
    assert peer.reply().status == 413
    assert peer.ended()


def test_a_refused_client_that_never_stops_sending_is_cut_off(live_server: LiveServers) -> None:
    peer = live_server(echo, linger_timeout=30).connect()
    peer.send(b"nonsense\r\n\r\n")
    with pytest.raises(OSError):
        for _ in range(100):
            peer.send(b"x" * MOST_LINGERING)


def test_a_refused_client_that_never_closes_is_cut_off(live_server: LiveServers) -> None:
    server = live_server(echo, linger_timeout=0.05)
    peer = server.connect()
    peer.send(b"nonsense\r\n\r\n")
    assert peer.reply().status == 400
    assert peer.ended()
    server.stop()
    assert server.lane.open_connections == 0


# Clients that vanish


@pytest.mark.parametrize("sent", [b"", b"GET / HT", HEAD + b"Content-Length: 5\r\n\r\nab", b"nonsense\r\n\r\n"])
def test_a_client_that_resets_its_connection_is_no_matter(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, sent: bytes
) -> None:
    server = live_server(hello)
    peer = server.connect()
    peer.send(sent)
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    assert server.connect().ask().status == 200
    assert not caplog.records


def test_a_client_that_has_gone_before_its_answer_is_no_error(
    live_server: LiveServers, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response(b"x" * 1_000_000)

    server = live_server(handler)
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    gate.open()
    server.stop()
    assert not caplog.records


# Other ways in


def test_a_connected_socket_from_elsewhere_is_served(live_server: LiveServers) -> None:
    server = live_server(echo)
    peer = server.dispatch_pair()
    assert [peer.ask(f"/{each}").body for each in range(3)] == [b"/0 ", b"/1 ", b"/2 "]


def test_a_connected_socket_from_elsewhere_has_deadlines_too(live_server: LiveServers) -> None:
    assert live_server(echo, header_timeout=0.05).dispatch_pair().ended()


def test_a_handler_knows_both_ends_of_its_connection(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response.text(repr((request.client.remote, request.client.local))))
    peer = server.connect()
    assert peer.ask().body.decode() == repr((peer.socket.getsockname(), peer.socket.getpeername()))


def test_an_empty_line_behind_a_request_leaves_the_connection_resting_as_long_as_any(
    live_server: LiveServers,
) -> None:
    server = live_server(hello, keep_alive_timeout=0.2, header_timeout=PATIENCE, body_timeout=PATIENCE)
    peer = server.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\n\r\nhi\r\n")
    assert peer.reply().body == b"hello"
    began = time.monotonic()
    assert peer.ended()
    assert time.monotonic() - began < PATIENCE / 2


def test_100_is_sent_even_where_the_last_response_is_not_taken_yet(tmp_path: Path) -> None:
    sizes = iter(range(206_000, 216_000, 200))

    def handler(request: Request) -> Response:
        return Response(b"x" * next(sizes) if request.method == "GET" else request.body.read())

    with serving(handler, bind=f"unix:{tmp_path}/s") as server:
        for _ in range(50):
            peer = server.connect()
            peer.send(
                b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
                b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n"
            )
            assert peer.reply().whole
            assert peer.reply().status == 100
            peer.send(b"ok")
            assert peer.reply().body == b"ok"
