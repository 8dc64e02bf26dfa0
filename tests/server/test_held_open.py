"""Many connections that stay open, and many slow readers, beside others who are answered as if nobody were there.

The long form is ``make held-open``: 1,000 of each, with latencies.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from ehttpd.messages import Request, Response
from ehttpd.toolkit.events import event_stream
from ehttpd.toolkit.publisher import Publisher
from tests.server.conftest import LiveServers
from tests.server.live import Gate, LiveServer, Peer, come_true, hello
from tests.server.test_feed import chunk, events_of, listen

SLOW_READERS = 100
EACH = 60
RANGES = "Range: bytes=0-4000000,5000000-7999999"


def others_are_answered(server: LiveServer) -> None:
    peer = server.connect()
    for _ in range(10):
        assert peer.ask("/other").body == b"hello"


@pytest.mark.parametrize(("fields", "status"), [((), 200), ((RANGES,), 206)])
def test_slow_readers_of_a_large_file_hold_no_thread(
    live_server: LiveServers, tmp_path: Path, fields: tuple[str, ...], status: int
) -> None:
    def handler(request: Request) -> Response:
        return Response.file(large, request=request) if request.target == "/" else hello(request)

    large = tmp_path / "large"
    large.write_bytes(bytes(1_000_000) * 8)
    server = live_server(handler, threads=1, output_buffer=1000)
    request = "\r\n".join(["GET / HTTP/1.1", "Host: here", *fields, "", ""]).encode()
    peers = [server.connect(receive_buffer=4096) for _ in range(SLOW_READERS)]
    for peer in peers:
        peer.send(request)
    assert {peer.line().split()[1] for peer in peers} == {str(status)}
    others_are_answered(server)
    come_true(lambda: server.lane.pool.busy == server.lane.pool.places.paused == 0)
    assert server.lane.budget.held < SLOW_READERS * 10_000
    assert len(peers[0].read(100_000)) == 100_000  # it only has to be asked for


def test_open_streams_and_tunnels_leave_every_thread_to_others(live_server: LiveServers, gate: Gate) -> None:
    publisher = Publisher()

    def handler(request: Request) -> Response:
        match request.target:
            case "/other":
                return hello(request)
            case "/tunnel":
                return Response.upgrade("test", lambda tunnel: tunnel.recv())
            case "/iterated":
                return event_stream(events_of(gate))
            case _:
                return Response.sse(publisher)

    before = threading.active_count()
    server = live_server(handler, threads=2)
    listening = [listen(server) for _ in range(EACH)]
    assert threading.active_count() <= before + 4, "leader, relief, and two that a busy machine may have needed"
    iterated = [asking(server, "/iterated") for _ in range(EACH)]
    tunnels = [asking(server, "/tunnel", "Connection: upgrade", "Upgrade: test") for _ in range(EACH)]
    assert {peer.line().split()[1] for peer in tunnels} == {"101"}
    gate.await_arrivals(EACH)
    others_are_answered(server)
    assert publisher.publish("now") == EACH
    assert {chunk(peer) for peer in listening} == {b"data: now\n\n"}
    gate.open()
    assert all(b"two" in peer.reply().body for peer in iterated)
    server.hang_up()
    come_true(lambda: server.lane.open_connections == 0 == len(publisher))


def asking(server: LiveServer, target: str, *fields: str) -> Peer:
    peer = server.connect()
    peer.send("\r\n".join([f"GET {target} HTTP/1.1", "Host: here", *fields, "", ""]).encode())
    return peer
