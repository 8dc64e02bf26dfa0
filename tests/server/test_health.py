"""The health path: answered whatever the threads do."""

from __future__ import annotations

import time
from collections.abc import Iterable
from wsgiref.types import StartResponse, WSGIEnvironment

import pytest

from ehttpd.messages import Handler, Request, Response
from ehttpd.records import Record
from ehttpd.wsgi import adapt
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, come_true, serving
from tests.server.test_pool import watch
from tests.server.watch import Watch

__all__ = ["watch"]  # a fixture


def application_at(gate: Gate) -> Handler:
    """Return a WSGI application, adapted, that waits at ``gate`` whatever it is asked for."""

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        gate.wait()
        start_response("200 OK", [])
        return [environ["PATH_INFO"].encode()]

    return adapt(application)


def handler_at(gate: Gate) -> Handler:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.text(request.target)

    return handler


def occupy(server: LiveServer, gate: Gate, threads: int) -> list[Peer]:
    """Have every thread wait at the gate, and fill the queue of two."""
    peers = [server.connect() for _ in range(threads + 2)]
    for each, peer in enumerate(peers):
        peer.send(b"GET /stuck HTTP/1.1\r\nHost: here\r\n\r\n")
        if each < threads:
            gate.await_arrivals()
    server.await_queued(2)
    return peers


@pytest.mark.parametrize("made", [application_at, handler_at])
@pytest.mark.parametrize("threads", [1, 3])
def test_it_is_answered_at_once_while_all_threads_are_stuck_and_the_queue_is_full(
    live_server: LiveServers, watch: Watch, gate: Gate, threads: int, made: object
) -> None:
    handler = application_at(gate) if made is application_at else handler_at(gate)
    server = live_server(handler, threads=threads, queue_limit=2, health_path="/health")
    peers = occupy(server, gate, threads)
    assert server.connect().ask("/other").status == 503
    peer = server.connect()
    for target in ("/health", "/health?verbose=1", "/health"):
        reply = peer.ask(target)  # nobody opens the gate until then
        assert (reply.status, reply.body) == (200, b"healthy\n")
        assert reply.fields["cache-control"] == "no-store"
        assert "connection" not in reply.fields
    head = peer.ask("/health", method="HEAD")
    assert (head.status, head.body, head.fields["content-length"]) == (200, b"", "8")
    gate.open()
    assert [each.reply().body for each in peers] == [b"/stuck"] * len(peers)
    assert not watch.breaches


def test_many_ask_for_it_on_one_connection_while_all_threads_are_stuck(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(handler_at(gate), threads=1, queue_limit=2, health_path="/health")
    occupy(server, gate, 1)
    peer = server.connect()
    peer.send(b"GET /health HTTP/1.1\r\nHost: here\r\n\r\n" * 50)
    assert [peer.reply().status for _ in range(50)] == [200] * 50
    gate.open()


@pytest.mark.parametrize("target", ["/healthy", "/health/", "/Health", "/", "/%68ealth"])
def test_no_other_path_is_taken_for_it(live_server: LiveServers, target: str) -> None:
    server = live_server(lambda request: Response.text(request.target), health_path="/health")
    assert server.connect().ask(target).body == target.encode()


def test_without_the_setting_every_path_is_the_applications(live_server: LiveServers) -> None:
    assert live_server(lambda request: Response.text("mine")).connect().ask("/health").body == b"mine"


def test_the_rest_of_a_connection_is_the_applications(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(handler_at(gate), health_path="/health")
    peer = server.connect()
    peer.send(*[b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n" % target for target in (b"/health", b"/a", b"/health")])
    assert peer.reply().body == b"healthy\n"
    gate.open()
    assert [peer.reply().body for _ in range(2)] == [b"/a", b"healthy\n"]


def test_a_server_that_drains_is_not_healthy(gate: Gate) -> None:
    with serving(handler_at(gate), threads=1, health_path="/health") as server:
        assert server.healthy
        (working, *_), asking = occupy(server, gate, 1), server.connect()
        asking.send(b"GET /health HTTP/1.1\r\n")
        assert server.connect().ask("/health").status == 200
        server.drain()
        server.lane.stop(time.monotonic() + PATIENCE)
        come_true(lambda: not server.lane.entrance.listeners)
        asking.send(b"Host: here\r\n\r\n")
        reply = asking.reply()
        assert (reply.status, reply.body, reply.fields["connection"]) == (503, b"draining\n", "close")
        assert not server.healthy
        gate.open()
        assert working.reply().status == 200


def test_a_server_that_does_not_run_is_not_healthy() -> None:
    server = LiveServer(handler_at(Gate()))
    assert not server.healthy
    server.start()
    assert server.healthy
    server.stop()
    assert not server.healthy


def test_it_is_recorded_like_any_other() -> None:
    records: list[Record] = []
    with serving(handler_at(Gate()), health_path="/health", record=records.append) as server:
        server.connect().ask("/health?a")
        come_true(lambda: len(records) == 1)
    assert (records[0].request_line, records[0].status) == ("GET /health?a HTTP/1.1", 200)


def test_the_path_is_known_in_absolute_form(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(handler_at(gate), threads=1, queue_limit=2, health_path="/health")
    occupy(server, gate, 1)
    assert server.connect().ask("http://here/health?now").body == b"healthy\n"
    gate.open()
