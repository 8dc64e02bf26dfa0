"""Responses that others feed, and that no thread of the pool waits for: event streams, for the most part."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import StartResponse

import pytest

from ehttpd.messages import FedBody, Outlet, Request, Response, streaming
from ehttpd.records import Record
from ehttpd.server.poller import SelectorPoller
from ehttpd.toolkit.compress import compress
from ehttpd.toolkit.events import event_stream
from ehttpd.toolkit.publisher import EventQueue, Publisher
from ehttpd.wsgi import adapt
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, come_true, hello, serving
from tests.server.test_departure import WAYS_TO_LEAVE
from tests.server.test_pool import many_switches, watch
from tests.server.watch import Watch

__all__ = ["many_switches", "watch"]  # fixtures

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
OTHER = b"GET /other HTTP/1.1\r\nHost: here\r\n\r\n"


class Site:
    """A handler that answers ``/`` with the events of a publisher, and says hello elsewhere."""

    def __init__(self) -> None:
        self.publisher = Publisher()
        self.left = threading.Semaphore(0)

    def __call__(self, request: Request) -> Response:
        if request.target != "/":
            return hello(request)
        request.disconnected.add_callback(self.left.release)
        return Response.sse(self.publisher)

    def await_listeners(self, count: int) -> None:
        come_true(lambda: len(self.publisher) == count)


def listen(server: LiveServer, **options: int) -> Peer:
    """Connect, ask for events, and read the head and the comment that comes with it."""
    peer = server.connect(**options)
    peer.send(GET)
    while peer.line():
        pass
    assert chunk(peer) == b":\n\n"
    return peer


def chunk(peer: Peer) -> bytes:
    size = int(peer.line(), 16)
    data = peer.read(size)
    assert peer.line() == ""
    return data


def test_events_reach_everybody_who_listens_and_hold_no_thread(live_server: LiveServers, watch: Watch) -> None:
    site = Site()
    server = live_server(site, threads=1)
    peers = [listen(server) for _ in range(20)]
    for number in range(3):
        assert site.publisher.publish({"data": number}) == 20
        assert {chunk(peer) for peer in peers} == {b"data: %d\n\n" % number}
        assert server.connect().ask("/other").body == b"hello"
    assert server.lane.pool.threads <= 3, "the leader, the relief, and one that a busy machine may have needed"
    come_true(lambda: server.lane.pool.busy == 0)
    assert not watch.breaches


@WAYS_TO_LEAVE
def test_a_listener_that_leaves_is_let_go_of_at_once(live_server: LiveServers, leave: Callable[[Peer], None]) -> None:
    site = Site()
    server = live_server(site)
    peers = [listen(server) for _ in range(3)]
    leave(peers[0])
    site.await_listeners(2)
    assert site.left.acquire(timeout=PATIENCE)
    assert site.publisher.publish("next") == 2
    assert chunk(peers[1]) == b"data: next\n\n"


def test_a_listener_that_takes_too_little_is_cut_off(live_server: LiveServers) -> None:
    site = Site()
    server = live_server(site, output_buffer=1_000_000)
    slow, quick = listen(server, receive_buffer=4096), listen(server)
    text = "x" * 100_000
    while len(site.publisher) == 2:
        site.publisher.publish(text)
        assert len(chunk(quick)) >= len(text)
    assert not slow.rest().endswith(b"0\r\n\r\n")
    assert len(site.publisher) == 1


def test_a_listener_that_takes_nothing_is_not_waited_for(live_server: LiveServers) -> None:
    site = Site()
    server = live_server(site, send_timeout=0.05)
    listen(server, receive_buffer=4096)
    site.publisher.publish("x" * 10_000_000)
    site.await_listeners(0)
    come_true(lambda: server.lane.open_connections == 0)


def test_a_source_with_a_thread_waits_for_a_slow_listener(live_server: LiveServers) -> None:
    def events() -> Iterator[str]:
        for number in range(20):
            made.append(number)
            yield str(number % 10) * 100_000

    made: list[int] = []
    server = live_server(lambda request: event_stream(events()))
    peer = listen(server, receive_buffer=4096)
    received = b""
    while not received.endswith(b"\r\n0\r\n\r\n"):
        received += peer.socket.recv(1 << 16)
    assert made == list(range(20))
    assert received.count(b"9") >= 200_000


def test_a_server_that_stops_ends_the_responses(live_server: LiveServers) -> None:
    site = Site()
    server = live_server(site)
    peers = [listen(server) for _ in range(3)]
    assert server.stop()
    assert [peer.rest() for peer in peers] == [b"0\r\n\r\n"] * 3
    assert len(site.publisher) == 0


def test_whoever_waits_for_the_client_to_leave_is_told_when_the_server_stops(live_server: LiveServers) -> None:
    site = Site()
    server = live_server(site)
    peer = listen(server)
    assert server.stop()
    assert site.left.acquire(timeout=PATIENCE)
    assert peer.rest() == b"0\r\n\r\n"


def test_a_publisher_that_is_closed_ends_the_responses_and_others_follow(live_server: LiveServers) -> None:
    site = Site()
    server = live_server(site)
    peer = listen(server)
    peer.send(OTHER)  # waits
    site.publisher.publish("last")
    site.publisher.close()
    assert (chunk(peer), peer.line(), peer.line()) == (b"data: last\n\n", "0", "")
    assert peer.reply().body == b"hello"
    assert peer.ask().body == b":\n\n"


def test_who_pipelines_without_end_is_cut_off(selectors_only: None, live_server: LiveServers) -> None:
    site = Site()
    peer = listen(live_server(site))
    with pytest.raises(ConnectionError):  # where the poller tells no departure apart; else nobody reads it
        while True:
            peer.send(OTHER * 100)
    site.await_listeners(0)


@pytest.mark.parametrize("poller", ["usual", "selectors"])
@pytest.mark.parametrize("count", [5, 100_000])
def test_a_body_that_comes_while_its_answer_is_fed_is_thrown_away(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch, poller: str, count: int
) -> None:
    if poller == "selectors":
        monkeypatch.setattr("ehttpd.server.lane.new_poller", SelectorPoller)
    events = EventQueue()

    @streaming
    def handler(request: Request) -> Response:
        return Response.sse(events) if request.method == "POST" else hello(request)

    server = live_server(handler, linger_timeout=PATIENCE)
    peer = server.connect()
    peer.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % count)
    while peer.line():
        pass
    assert chunk(peer) == b":\n\n"
    peer.send(bytes(count) + OTHER)
    if poller == "selectors":
        come_true(lambda: [each.reader.pending for each in server.lane.table.all_resting()] == [len(OTHER)])
    events.close()
    assert (peer.line(), peer.line()) == ("0", "")
    assert peer.reply().body == b"hello"


def test_a_queue_keeps_what_comes_before_its_listener(live_server: LiveServers) -> None:
    events = EventQueue()
    assert events.put("one")
    server = live_server(lambda request: Response.sse(events))
    peer = listen(server)
    assert events.put("two")
    received = chunk(peer)
    if received == b"data: one\n\n":
        received += chunk(peer)
    assert received == b"data: one\n\ndata: two\n\n"
    events.close()
    assert not events.put("three")
    assert (peer.line(), peer.line()) == ("0", "")


def test_what_a_queue_has_kept_may_be_more_than_the_buffer_of_a_client() -> None:
    events = EventQueue()
    for _ in range(300):
        assert events.put("x" * 1000)
    with serving(lambda request: Response.sse(events), output_buffer=100_000) as server:
        peer = listen(server)
        kept = b"data: " + b"x" * 1000 + b"\n\n"
        received = chunk(peer)
        while len(received) < 300 * len(kept):
            received += chunk(peer)
        assert received == kept * 300
        events.close()
        assert (peer.line(), peer.line()) == ("0", "")


def test_a_queue_takes_nothing_when_its_listener_has_left(live_server: LiveServers) -> None:
    events = EventQueue()
    peer = listen(live_server(lambda request: Response.sse(events)))
    peer.close()
    come_true(lambda: not events.put("more"))


def test_a_client_of_http_1_0_gets_no_chunks(live_server: LiveServers) -> None:
    events = EventQueue()
    events.put("one")
    peer = live_server(lambda request: Response.sse(events)).connect()
    peer.send(b"GET / HTTP/1.0\r\n\r\n")
    events.close()
    assert peer.rest().endswith(b"\r\n\r\n:\n\ndata: one\n\n")


def test_the_record_is_made_when_the_stream_has_ended() -> None:
    site, records = Site(), list[Record]()
    with serving(site, record=records.append) as server:
        peer, left = listen(server), listen(server)
        site.publisher.publish("tea")
        assert chunk(peer) == chunk(left) == b"data: tea\n\n"
        assert records == []
        left.close()
        come_true(lambda: len(records) == 1)
        site.publisher.close()
        assert (peer.line(), peer.line()) == ("0", "")
        come_true(lambda: len(records) == 2)
    assert [(each.status, each.body_octets) for each in records] == [(200, len(b":\n\ndata: tea\n\n"))] * 2


def test_a_second_listener_of_a_queue_is_an_error_and_the_first_one_goes_on(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    events = EventQueue()
    server = live_server(lambda request: event_stream(events))
    peer = listen(server)
    assert server.connect().ask().status == 500
    assert "EventQueue" in caplog.text
    assert events.put("for the first")
    assert chunk(peer) == b"data: for the first\n\n"


def test_head_lets_go_of_the_events(live_server: LiveServers) -> None:
    site = Site()
    server = live_server(site)
    assert server.connect().ask(method="HEAD").status == 200
    assert len(site.publisher) == 0


class Fed(FedBody):
    """A body that is fed by its test."""

    def __init__(self, *, fails: bool = False) -> None:
        self.outlet: Outlet | None = None
        self.closed = 0
        self.fails = fails

    def begin(self, outlet: Outlet) -> None:
        self.outlet = outlet
        if self.fails:
            raise LookupError("no outlet")

    def close(self) -> None:
        self.closed += 1
        raise LookupError("never mind")

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"itera", b"ted"])


def test_a_body_that_cannot_begin_is_an_error(live_server: LiveServers, caplog: pytest.LogCaptureFixture) -> None:
    body = Fed(fails=True)
    assert live_server(lambda request: Response.stream(body)).connect().ask().status == 500
    assert body.closed == 1
    assert "no outlet" in caplog.text


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_a_failure_while_it_is_fed_breaks_the_response_off(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, version: str
) -> None:
    body = Fed()
    peer = live_server(lambda request: Response.stream(body)).connect()
    peer.send(b"GET / HTTP/%s\r\nHost: here\r\n\r\n" % version.encode())
    while peer.line():
        pass
    assert body.outlet is not None
    assert body.outlet.write(b"some")
    assert peer.read(4)
    body.outlet.end(LookupError("no more"))
    body.outlet.end()
    assert not body.outlet.write(b"more")
    if version == "1.0":
        with pytest.raises(ConnectionResetError):
            peer.rest()
    else:
        assert not peer.rest().endswith(b"0\r\n\r\n")
    come_true(lambda: body.closed == 1)
    assert "no more" in caplog.text


def test_a_fed_body_whose_length_is_told_is_iterated_over(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        return Response.stream(Fed(), headers={"Content-Length": "8"})

    assert live_server(handler).connect().ask().body == b"iterated"


# Those that hold a thread


def events_of(gate: Gate) -> Iterator[str]:
    yield "one"
    gate.wait()
    yield "two"


def iterated(gate: Gate) -> Any:
    return lambda request: event_stream(events_of(gate)) if request.target == "/" else hello(request)


def compressed(gate: Gate) -> Any:
    return compress(1)(iterated(gate))


def from_an_application(gate: Gate) -> Any:
    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != "/":
            start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "5")])
            return [b"hello"]
        start_response("200 OK", [("content-type", "text/event-stream; charset=utf-8")])
        return (f"data: {text}\n\n".encode() for text in events_of(gate))

    return adapt(application)


HOLD_A_THREAD = pytest.mark.parametrize("kind", [iterated, compressed, from_an_application])


@HOLD_A_THREAD
def test_streams_with_a_thread_take_nobodys_place(
    live_server: LiveServers, watch: Watch, gate: Gate, kind: Any
) -> None:
    server = live_server(kind(gate), threads=1)
    peers = []
    for _ in range(5):
        peer = server.connect()
        peer.send(GET)
        peers.append(peer)
        gate.await_arrivals()
        assert server.connect().ask("/other").body == b"hello"
    gate.open()
    assert [b"two" in peer.reply().body for peer in peers] == [True] * 5
    assert not watch.breaches


@HOLD_A_THREAD
def test_no_more_than_so_many_hold_a_thread(live_server: LiveServers, gate: Gate, kind: Any) -> None:
    server = live_server(kind(gate), max_event_streams=1)
    peer = server.connect()
    peer.send(GET)
    gate.await_arrivals()
    refused = server.connect().ask()
    assert (refused.status, refused.fields["retry-after"]) == (503, "1")
    gate.open()
    assert b"two" in peer.reply().body
    come_true(lambda: len(server.lane.apart) == 0)
    assert server.connect().ask().status == 200


@pytest.mark.parametrize("last", [b"", b"data: bye\n\n"])
def test_an_application_that_waits_for_its_client_to_leave_is_told_when_the_server_stops(
    live_server: LiveServers, last: bytes
) -> None:
    def waits(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        yield b"data: one\n\n"
        assert environ["ehttpd.disconnected"].wait(PATIENCE)
        yield last

    server = live_server(adapt(waits))
    peer = server.connect()
    peer.send(GET)
    while peer.line():
        pass
    assert chunk(peer) == b"data: one\n\n"
    assert server.stop()
    assert peer.rest() == (b"b\r\ndata: bye\n\n\r\n" if last else b"") + b"0\r\n\r\n"


@pytest.mark.parametrize("starts_late", [False, True])
def test_an_application_that_goes_on_is_ended_when_the_server_stops(
    live_server: LiveServers, starts_late: bool
) -> None:
    began = threading.Event()

    def endless() -> Iterator[bytes]:
        while True:
            began.set()
            yield b"data: more\n\n"

    def early(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        return endless()

    def late(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        yield b""
        start_response("200 OK", [("Content-Type", "text/event-stream")])
        yield from endless()

    server = live_server(adapt(late if starts_late else early))
    peer = server.connect()
    peer.send(GET)
    assert began.wait(PATIENCE)
    reading: list[bytes] = []
    thread = threading.Thread(target=lambda: reading.append(peer.rest()))
    thread.start()
    assert server.stop()
    thread.join()
    assert reading[0].endswith(b"data: more\n\n\r\n0\r\n\r\n")
