"""Clients that send too much: too many, too long, too small, too often."""

from __future__ import annotations

import resource
from functools import partial

import pytest

from tests.hostile.siege import CROWD, Victim, answered, scaled, statuses
from tests.server.live import Peer, in_parallel

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
BODY = b"POST / HTTP/1.1\r\nHost: here\r\n"
MEBIBYTE = 1 << 20
# A ClientHello (RFC 8446 §4.1.2) in its record, as far as a server looks that speaks no TLS.
TLS_HELLO = bytes.fromhex("16030100c8010000c403030102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f")


def test_a_hello_of_tls_on_a_plain_port_is_refused(victim: Victim) -> None:
    with victim.besieged():
        assert statuses(victim.crowd(scaled(100, 2000), TLS_HELLO)) == {400}


def test_a_flood_of_pipelined_requests_is_served_beside_others(victim: Victim) -> None:
    pipelined = scaled(2_000, 50_000)

    def send(peer: Peer) -> None:
        peer.send(ASK * pipelined)

    def read(peer: Peer) -> None:
        for _ in range(pipelined):
            assert peer.reply().status == 200

    with victim.besieged():
        peers = [victim.connect() for _ in range(4)]
        with in_parallel(*[partial(act, peer) for peer in peers for act in (send, read)]):
            pass


def test_who_pipelines_and_never_reads_is_given_up(victim: Victim) -> None:
    with victim.besieged():
        peers = [victim.connect(receive_buffer=4096) for _ in range(4)]
        while peers := [peer for peer in peers if sends_all(peer, ASK * 1000)]:
            pass


def sends_all(peer: Peer, data: bytes) -> bool:
    try:
        peer.send(data)
    except OSError:
        return False
    return True


def test_one_client_may_connect_as_often_as_the_machine_allows(victim: Victim) -> None:
    ours = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 200
    with victim.besieged():
        peers = victim.crowd(min(ours, CROWD), ASK)
        assert statuses(peers) == {200}


def test_a_million_chunks_of_one_byte_are_one_body(victim: Victim) -> None:
    chunks = scaled(200_000, 1_000_000)
    with victim.besieged():
        peer = victim.connect()
        peer.send(BODY + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * chunks, b"0\r\n\r\n")
        assert peer.reply().body == b"%d" % chunks


def test_small_chunks_take_no_more_memory_than_their_octets(victim: Victim) -> None:
    begun = b"2\r\nxx\r\n" * (MEBIBYTE // 2 - 1)
    before = victim.census().memory  # with what the attacks before it may have left, a tenth at most
    with victim.besieged():
        peer = victim.connect()
        with in_parallel(lambda: peer.send(BODY + b"Transfer-Encoding: chunked\r\n\r\n", begun)):
            while not answered(peer):  # it is refused: the rest does not come
                assert victim.look_later().memory < before + 3 * MEBIBYTE
        assert statuses([peer]) == {408}


@pytest.mark.parametrize(
    ("begun", "expected"),
    [
        (b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n", 414),
        (b"GET / HTTP/1.1\r\nHost: here\r\n" + b"A: b\r\n" * 10_000 + b"\r\n", 431),
        (b"GET / HTTP/1.1\r\nHost: here\r\nA: " + b"b" * 100_000 + b"\r\n\r\n", 431),
    ],
    ids=["target of 100 KB", "10,000 fields", "field of 100 KB"],
)
def test_a_head_that_is_too_large_is_refused(victim: Victim, begun: bytes, expected: int) -> None:
    with victim.besieged():
        for _ in range(scaled(5, 100)):
            assert statuses(victim.crowd(20, begun)) == {expected}
            victim.hang_up()


@pytest.mark.parametrize("declared", [1 << 30, MEBIBYTE])
def test_what_is_only_declared_takes_no_memory(victim: Victim, declared: int) -> None:
    with victim.besieged():
        peers = victim.crowd(100, BODY + b"Content-Length: %d\r\n\r\nx" % declared)
        victim.ask()
        assert victim.census().memory < victim.settled.memory + 8 * MEBIBYTE, "a mebibyte each would be too much"
        assert statuses(peers) == {408}
