"""A pool without threads left: what the operator reads, and how often."""

from __future__ import annotations

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server import exhaustion
from ehttpd.server.exhaustion import SECONDS_BETWEEN, Exhaustion
from tests.server.conftest import LiveServers
from tests.server.live import Gate, LiveServer, come_true, hello

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def query_the_database(gate: Gate) -> None:
    gate.wait()


@pytest.fixture
def exhausted(live_server: LiveServers, gate: Gate) -> LiveServer:
    """A server whose two threads are inside handlers."""

    def handler(request: Request) -> Response:
        if request.target.startswith("/orders"):
            query_the_database(gate)
        return hello(request)

    server = live_server(handler, threads=2)
    for target in (b"/orders/1?secret=5", b"/orders/2"):
        server.connect().send(b"GET " + target + b" HTTP/1.1\r\nHost: here\r\n\r\n")
        gate.await_arrivals()
    return server


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]


def test_the_operator_learns_what_the_threads_do(
    exhausted: LiveServer, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    assert not warnings(caplog), "nobody waits yet"
    waiting = exhausted.connect()
    waiting.send(GET)
    exhausted.await_queued(1)
    come_true(lambda: bool(warnings(caplog)))
    gate.open()
    assert waiting.reply().status == 200
    (warning,) = warnings(caplog)
    first, *lines = warning.splitlines()
    assert first == "All 2 threads are inside handlers, and 1 requests wait. The threads are at:"
    # One of them may be on its way to where the other waits.
    assert sum(int(line.partition(" x ")[0]) for line in lines) == 2
    assert all(" x GET /orders: " in line for line in lines)
    assert "wait (" in lines[0]
    assert f"({__file__}:" in lines[0] or "live.py:" in lines[0]
    assert "secret" not in warning


def test_it_is_said_once_for_many_requests(exhausted: LiveServer, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    peers = [exhausted.connect() for _ in range(20)]
    for peer in peers:
        peer.send(GET)
    exhausted.await_queued(20)
    gate.open()
    assert [peer.reply().status for peer in peers] == [200] * 20
    assert len(warnings(caplog)) == 1


def test_it_is_said_again_after_ten_seconds(
    exhausted: LiveServer, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    assert SECONDS_BETWEEN == 10
    report = Exhaustion()
    for now in (1000.0, 1000.1, 1009.9, 1010.0, 1015.0, 1020.0):
        report.report(exhausted.lane.pool, now)
    assert len(warnings(caplog)) == 3
    gate.open()


def test_a_request_that_is_turned_away_is_a_reason_to_say_it(
    live_server: LiveServers, gate: Gate, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exhaustion, "SECONDS_BETWEEN", 0.0)

    def handler(request: Request) -> Response:
        query_the_database(gate)
        return hello(request)

    server = live_server(handler, threads=1, queue_limit=0)
    server.connect().send(GET)
    gate.await_arrivals()
    for _ in range(3):
        assert server.connect().ask().status == 503
    come_true(lambda: len(warnings(caplog)) == 3)
    gate.open()
    for warning in warnings(caplog):
        assert warning.startswith("All 1 threads are inside handlers, and 0 requests wait.")
        assert "  1 x GET /: " in warning
