"""Clients that make it hard to shake hands, or speak something else."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from typing import Any

import pytest

from ehttpd.testing.certificates import session_authority
from tests.hostile.siege import Victim, attacked, reset, scaled, statuses, trickle
from tests.server.live import Peer

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
MANY = scaled(200, 5_000)
FEW = scaled(20, 200)
# A hello is answered with a signature, a quarter of a millisecond, and what is none with an error of OpenSSL, a tenth.
# Nobody can tell a newcomer's from an attacker's, so whoever asks waits behind all that came before: 1.3 s behind 5,000
# at the same moment, which docs/hostile.md says. So many at once keep others waiting for half of what is prompt.
AT_ONCE = 100


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A server that speaks TLS."""
    authority = session_authority()
    settings: dict[str, Any] = {"certfile": authority.pem_for(), "handshake_timeout": 0.4}
    with attacked(tmp_path_factory.mktemp("victim"), authority.client_context(), **settings) as victim:
        yield victim


def crowd(victim: Victim, *pieces: bytes, count: int = MANY) -> list[Peer]:
    """Connect often, without a handshake, and send the same from everywhere."""
    peers = [victim.connect(plain=True) for _ in range(count)]
    for peer in peers:
        peer.send(*pieces)
    return peers


def waves(victim: Victim, *pieces: bytes) -> Iterator[list[Peer]]:
    """The same crowd, a part of it at a time, the next when the one before has left."""
    for _ in range(MANY // AT_ONCE):
        yield crowd(victim, *pieces, count=AT_ONCE)
        victim.await_given_up()
        victim.hang_up()


@pytest.fixture(scope="module")
def hello() -> bytes:
    """What a client of TLS says first."""
    outgoing = ssl.MemoryBIO()
    engine = session_authority().client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="localhost")
    with pytest.raises(ssl.SSLWantReadError):
        engine.do_handshake()
    return outgoing.read()


def test_who_is_silent_is_given_up_and_delays_nobody(victim: Victim) -> None:
    with victim.besieged():
        crowd(victim)
        victim.await_given_up()


def test_who_says_hello_and_no_more_is_given_up(victim: Victim, hello: bytes) -> None:
    with victim.besieged():
        for peers in waves(victim, hello):
            assert all(peer.socket.recv(1) == b"\x16" for peer in peers), "each was answered with the server's"


def test_who_says_half_a_hello_is_given_up(victim: Victim, hello: bytes) -> None:
    with victim.besieged():
        crowd(victim, hello[: len(hello) // 2])
        victim.await_given_up()


@pytest.mark.parametrize(
    "begun", [b"GET / HTTP/1.1\r\nHo", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nx"]
)
def test_a_request_that_stalls_is_refused_in_time(victim: Victim, begun: bytes) -> None:
    with victim.besieged():
        assert statuses(victim.crowd(FEW, begun)) == {408}


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nHo", ASK.replace(b" / ", b" /bytes ")])
def test_who_cuts_the_connection_without_a_farewell_leaves_nothing(victim: Victim, begun: bytes) -> None:
    with victim.besieged():
        for peer in victim.crowd(FEW, begun):
            socket.socket.shutdown(peer.socket, socket.SHUT_WR)
        victim.await_given_up()


def test_who_says_hello_octet_by_octet_is_given_up(victim: Victim, hello: bytes) -> None:
    with victim.besieged():
        trickle([victim.connect(plain=True) for _ in range(scaled(50, 1000))], hello[:1], 0.05)


def test_who_leaves_after_the_handshake_leaves_nothing(victim: Victim) -> None:
    with victim.besieged():
        for _ in range(scaled(100, 2000)):
            reset(victim.connect())
        victim.hang_up()


def test_who_speaks_http_is_told_so_and_who_speaks_nothing_known_is_not(victim: Victim, hello: bytes) -> None:
    with victim.besieged():
        for pieces, answer in (
            (ASK, 400),
            (b"\x16\x03\x01\xff\xff" + b"\xff" * 100, 0),
            (hello[:60] + b"\xff" * 500, 0),
        ):
            for peers in waves(victim, pieces):
                assert statuses(peers) == {answer}


def test_who_takes_nothing_is_given_up(victim: Victim) -> None:
    with victim.besieged():
        for target in (b"/bytes", b"/file"):
            for _ in range(scaled(20, 500)):
                victim.connect(receive_buffer=4096).send(ASK.replace(b" / ", b" %s " % target))
        victim.await_given_up()
