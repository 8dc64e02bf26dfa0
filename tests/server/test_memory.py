"""Memory that is free goes back to the operating system."""

from __future__ import annotations

import os
import platform
import sys

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server import memory
from ehttpd.server.body import Blocks
from ehttpd.server.budget import Budget
from ehttpd.server.memory import Memory, c_function, find_trim, share_arena
from tests.server.conftest import LiveServers
from tests.server.live import come_true

MEBIBYTE = 1 << 20


def resident() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="how much a process has is read where Linux tells it")
def test_what_the_allocator_keeps_is_given_back() -> None:
    kept = [b"x" * 100_000 for _ in range(400)]  # written to: else the system may give nothing for it
    pins = [bytes(1000) for _ in range(400)]  # so that the end of the heap stays where it is
    before = resident()
    kept.clear()
    Memory(Blocks(MEBIBYTE, Budget())).tidy()
    assert resident() < before - 20 * MEBIBYTE
    assert len(pins) == 400


def test_free_blocks_are_dropped() -> None:
    blocks = Blocks(MEBIBYTE, Budget())
    blocks.give_back(blocks.take())
    Memory(blocks).tidy()
    assert blocks._free == []


@pytest.mark.parametrize(("frozen", "collections"), [(1, memory.COLLECTIONS), (0, 0)])
def test_when_a_crowd_has_left_the_garbage_collector_is_asked_where_it_is_quick(
    monkeypatch: pytest.MonkeyPatch, frozen: int, collections: int
) -> None:
    """Tuples that were freed are kept by CPython until then, 2000 of each length."""
    asked: list[int] = []
    monkeypatch.setattr("gc.get_freeze_count", lambda: frozen)
    monkeypatch.setattr("gc.collect", lambda: asked.append(1))
    departed = [memory.CROWD - 1, memory.CROWD, memory.CROWD + 1, memory.CROWD + 1]
    looked_after = Memory(Blocks(MEBIBYTE, Budget()), lambda: departed[len(asked_before)])
    asked_before: list[int] = []
    looked_after.tidy_rested()
    assert not asked
    for _ in range(3):
        asked_before.append(1)
        looked_after.tidy_rested()
    looked_after.tidy()
    assert len(asked) == collections


def test_while_the_leader_is_busy_it_is_done_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    blocks = Blocks(MEBIBYTE, Budget())
    looked_after = Memory(blocks)
    blocks.give_back(blocks.take())
    looked_after.tidy_if_due()
    assert len(blocks._free) == 1
    monkeypatch.setattr(memory, "WHEN_BUSY_EVERY", 0.0)
    Memory(blocks).tidy_if_due()
    assert blocks._free == []


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(library: int, name: str) -> int:
        raise OSError(f"undefined symbol: {name}")

    monkeypatch.setattr("_ctypes.dlsym", find_nothing)
    assert find_trim()(0) == 0
    share_arena()


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries have no arenas to be shared")
def test_what_is_asked_of_the_c_library_is_there() -> None:
    for name in ("mallopt", "malloc_trim"):
        assert c_function(name) is not None


def test_it_is_done_when_the_server_rests(live_server: LiveServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WHEN_RESTED_FOR", 0.01)

    def read(request: Request) -> Response:
        return Response(b"%d" % len(request.body.read()))

    server = live_server(read)
    assert server.connect().ask("/", method="POST", body=bytes(200_000)).body == b"200000"
    come_true(lambda: not server.lane.blocks._free)
