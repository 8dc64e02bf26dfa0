"""Clients that are silent or slow: they hold nobody up, are given up in time, and leave nothing behind."""

from __future__ import annotations

import pytest

from tests.hostile.siege import Victim, answered, reset, scaled, statuses, trickle
from tests.server.live import Peer

MANY = scaled(200, 5000)
FEW = scaled(20, 200)
BODY = b"POST / HTTP/1.1\r\nHost: here\r\n"


def is_silent(peer: Peer) -> bool:
    return not answered(peer)


def test_silent_connections_are_closed_without_an_answer(victim: Victim) -> None:
    with victim.besieged():
        assert all(peer.ended() for peer in victim.crowd(MANY))


def test_a_head_that_comes_byte_by_byte_is_refused_in_time(victim: Victim) -> None:
    with victim.besieged():
        peers = victim.crowd(MANY, b"GET / HTTP/1.1\r\nHost: here\r\nSlow: ")
        trickle(peers, b"x", pause=0.02)
        assert statuses(peers) <= {408, 0}


@pytest.mark.parametrize(
    "begun",
    [
        b"Content-Length: 100000\r\n\r\n" + b"x" * 1000,
        b"Content-Length: 100000000\r\n\r\n" + b"x" * 1_100_000,
        b"Transfer-Encoding: chunked\r\n\r\n10000\r\n" + b"x" * 1000,
        b"Transfer-Encoding: chunked\r\n\r\n1000000\r\n" + b"x" * 1_100_000,
    ],
    ids=["sized, in memory", "sized, on disk", "chunked, in memory", "chunked, on disk"],
)
def test_a_body_that_stalls_is_refused_in_time(victim: Victim, begun: bytes) -> None:
    with victim.besieged():
        assert statuses(victim.crowd(FEW, BODY + begun)) == {408}


def test_a_body_below_the_minimum_rate_is_refused_in_time(victim: Victim) -> None:
    with victim.besieged():
        peers = victim.crowd(MANY, BODY + b"Content-Length: 100000\r\n\r\n")
        trickle(peers, b"x", pause=0.02)
        assert statuses(peers) <= {408, 0}


@pytest.mark.parametrize("target", ["bytes", "file"])
def test_readers_that_stop_are_given_up(victim: Victim, target: str) -> None:
    with victim.besieged():
        peers = victim.crowd(FEW, f"GET /{target} HTTP/1.1\r\nHost: here\r\n\r\n".encode(), receive_buffer=4096)
        victim.await_given_up()
        assert all(peer.socket.recv(1) == b"H" for peer in peers)


def test_readers_that_stop_reading_a_stream_are_given_up(victim: Victim) -> None:
    with victim.besieged():
        victim.crowd(1, b"GET /stream HTTP/1.1\r\nHost: here\r\n\r\n", receive_buffer=4096)
        victim.await_given_up()


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        (b"", 0),
        (b"GET / HT", 400),
        (BODY + b"Content-Length: 10\r\n\r\nxxx", 400),
        (b"GET / HTTP/1.1\r\nHost: here\r\n\r\n", 200),
        (b"GET /bytes HTTP/1.1\r\nHost: here\r\n\r\n", 200),
    ],
    ids=["silent", "head", "body", "answered", "while it is sent"],
)
def test_half_closed_connections_are_answered_and_closed(victim: Victim, begun: bytes, expected: int) -> None:
    with victim.besieged():
        peers = victim.crowd(FEW, begun)
        for peer in peers:
            peer.half_close()
        lines = [peer.read(12) for peer in peers]
        assert set(lines) == {b"HTTP/1.1 %d" % expected if expected else b""}


STATES = {
    "idle": b"",
    "head": b"GET / HTTP/1.1\r\nHo",
    "body": BODY + b"Content-Length: 100000\r\n\r\n" + b"x" * 50_000,
    "chunked body": BODY + b"Transfer-Encoding: chunked\r\n\r\n100000\r\n" + b"x" * 50_000,
    "body on disk": BODY + b"Content-Length: 10000000\r\n\r\n" + b"x" * 1_100_000,
    "handler": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n",
    "pipeline": b"GET / HTTP/1.1\r\nHost: here\r\n\r\n" * 100,
    "response of octets": b"GET /bytes HTTP/1.1\r\nHost: here\r\n\r\n",
    "response of a file": b"GET /file HTTP/1.1\r\nHost: here\r\n\r\n",
    "response of a stream": b"GET /stream HTTP/1.1\r\nHost: here\r\n\r\n",
    "linger": b"no request at all\r\n\r\n",
}


@pytest.mark.parametrize("begun", STATES.values(), ids=STATES.keys())
def test_a_reset_in_any_state_is_survived(victim: Victim, begun: bytes) -> None:
    with victim.besieged():
        for _ in range(scaled(5, 50)):
            for peer in victim.crowd(FEW, begun):
                reset(peer)
            victim.hang_up()
            victim.await_given_up()  # faster than they are accepted, and who comes next would wait behind them
