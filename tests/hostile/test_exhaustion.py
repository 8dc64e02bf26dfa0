"""A machine that has no more to give: no descriptors, no room on the disk."""

from __future__ import annotations

import resource
import time

import pytest

from tests.hostile.siege import Victim, scaled, statuses

UNLIMITED = resource.RLIM_INFINITY
SPOOLED = 3_000_000  # Octets, more than `body_memory`.
BODY = b"POST / HTTP/1.1\r\nHost: here\r\n"


def test_without_descriptors_accepting_pauses_and_nobody_else_notices(own_victim: Victim) -> None:
    own_victim.restrict(resource.RLIMIT_NOFILE, own_victim.settled.descriptors + 30)
    began = time.monotonic()
    with own_victim.besieged(newcomers=False):
        assert all(peer.ended() for peer in own_victim.crowd(scaled(80, 1000)))
        pauses = own_victim.log.count("Cannot accept a connection: Too many open files.")
        assert 1 <= pauses <= 2 + (time.monotonic() - began) / 0.1, "it must leave the listeners alone for a while"
    assert own_victim.connect().ask().status == 200


@pytest.mark.parametrize(
    "request_octets",
    [
        BODY + b"Content-Length: %d\r\n\r\n" % SPOOLED + b"x" * SPOOLED,
        BODY + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % SPOOLED + b"x" * SPOOLED + b"\r\n0\r\n\r\n",
        BODY + b"Transfer-Encoding: chunked\r\n\r\n" + (b"100\r\n" + b"x" * 256 + b"\r\n") * 12_000 + b"0\r\n\r\n",
    ],
    ids=["sized", "one chunk", "small chunks"],
)
def test_without_room_on_the_disk_a_long_body_is_refused_and_removed(own_victim: Victim, request_octets: bytes) -> None:
    own_victim.restrict(resource.RLIMIT_FSIZE, SPOOLED // 2)
    with own_victim.besieged():
        assert statuses(own_victim.crowd(20, request_octets)) == {507}
    own_victim.restrict(resource.RLIMIT_FSIZE, UNLIMITED)
    assert statuses(own_victim.crowd(1, request_octets)) == {200}
