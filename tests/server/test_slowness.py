"""Requests that take long are told of once, while they run, with the stack of their thread."""

from __future__ import annotations

import logging
import re
import time

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server.tunnel import Tunnel
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, come_true, hello, serving

SLOW = 0.03


def waits_inside(gate: Gate) -> None:
    gate.wait()


@pytest.mark.parametrize("before", [0, 3])
def test_a_slow_request_is_told_of_while_it_runs(gate: Gate, caplog: pytest.LogCaptureFixture, before: int) -> None:
    """Inline at first; where blocking has become a habit, off the lead from the beginning."""

    def handler(request: Request) -> Response:
        if "slow" in request.target:
            waits_inside(gate)
        return hello(request)

    with serving(handler, log_slow=SLOW, threads=8) as server:
        for _ in range(before):
            server.connect().send(b"GET /reports/slow HTTP/1.1\r\nHost: h\r\n\r\n")
        peer = server.connect()
        peer.send(b"GET /reports/slow?a=b HTTP/1.1\r\nHost: h\r\n\r\n")
        gate.await_arrivals(before + 1)
        come_true(lambda: len(caplog.records) == before + 1)
        assert server.connect().ask("/quick").status == 200
        gate.open()
        assert peer.reply().status == 200
    record = next(each for each in caplog.records if "?a=b" in each.getMessage())
    message = record.getMessage()
    assert re.match(r"GET /reports/slow\?a=b has been running for \d+\.\d\d s", message)
    assert "for 127.0.0.1, on the thread ehttpd-" in message
    assert "in waits_inside\n    gate.wait()\n" in message
    assert record.levelno == logging.WARNING
    assert vars(record)["url.path"] == "/reports/slow"
    assert vars(record)["duration_ms"] >= SLOW * 1000
    assert len([each for each in caplog.records if "/quick" not in each.getMessage()]) == before + 1


def test_each_request_is_told_of_once(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    looks = Gate()

    def handler(request: Request) -> Response:
        gate.wait() if request.target == "/first" else looks.wait()
        return hello(request)

    with serving(handler, log_slow=SLOW, threads=2) as server:
        first = server.connect()
        first.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        come_true(lambda: len(caplog.records) == 1)
        second = server.connect()
        second.send(b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
        come_true(lambda: len(caplog.records) == 2)  # by now the first was looked at again
        looks.open()
        gate.open()
        assert (first.reply().status, second.reply().status) == (200, 200)
    assert [each.getMessage().split()[1] for each in caplog.records] == ["/first", "/second"]


def test_what_a_thread_takes_from_the_queue_is_looked_at_too(gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    gates = {"/first": Gate(), "/second": gate}

    def handler(request: Request) -> Response:
        gates[request.target].wait()
        return hello(request)

    with serving(handler, log_slow=SLOW, threads=1) as server:
        first, second = server.connect(), server.connect()
        first.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        gates["/first"].await_arrivals()
        second.send(b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
        server.await_queued(1)
        come_true(lambda: len(caplog.records) == 1)
        gates["/first"].open()
        gate.await_arrivals()
        come_true(lambda: len(caplog.records) == 2)
        gate.open()
        assert (first.reply().status, second.reply().status) == (200, 200)


def test_quick_requests_and_conversations_are_not_told_of(
    live_server: LiveServers, gate: Gate, caplog: pytest.LogCaptureFixture
) -> None:
    def talk(tunnel: Tunnel) -> None:
        gate.wait()

    def handler(request: Request) -> Response:
        return Response.upgrade("echo", talk) if request.target == "/talk" else hello(request)

    server = live_server(handler, log_slow=PATIENCE, threads=1)
    peer = server.connect()
    peer.send(b"GET /talk HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: echo\r\n\r\n")
    assert peer.reply().status == 101
    assert server.connect().ask().status == 200
    gate.await_arrivals()
    pool = server.lane.pool
    come_true(lambda: pool.busy == 0)
    with server.lane.lock:
        assert pool.serving.slow(time.monotonic() + 2 * PATIENCE) == []
    gate.open()
    peer.rest()
    assert caplog.records == []
