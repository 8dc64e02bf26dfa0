"""Memory that is free goes back to the operating system."""

from __future__ import annotations

import os
import sys
import threading

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server import crowd, memory
from ehttpd.server.body import Blocks
from ehttpd.server.budget import Budget
from ehttpd.server.crowd import CROWD, DEPARTED, Crowd
from ehttpd.server.entrance import Entrance
from ehttpd.server.memory import Memory, find_small_objects, find_trim, own_process
from tests.server.conftest import LiveServers
from tests.server.live import come_true

MEBIBYTE = 1 << 20


def resident() -> int:
    with open("/proc/self/statm", "rb") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


@pytest.mark.skipif(sys.platform != "linux", reason="how much a process has is read where Linux tells it")
def test_what_the_allocator_keeps_is_given_back(entrance: Entrance) -> None:
    kept = [b"x" * 100_000 for _ in range(400)]  # written to: else the system may give nothing for it
    pins = [bytes(1000) for _ in range(400)]  # so that the end of the heap stays where it is
    before = resident()
    kept.clear()
    Memory(Blocks(MEBIBYTE, Budget()), Crowd(entrance)).tidy()
    assert resident() < before - 20 * MEBIBYTE
    assert len(pins) == 400


def test_free_blocks_are_dropped(entrance: Entrance) -> None:
    blocks = Blocks(MEBIBYTE, Budget())
    blocks.give_back(blocks.take())
    Memory(blocks, Crowd(entrance)).tidy()
    assert blocks._free == []


class Freed:
    """Notes which thread frees it."""

    def __init__(self, by: list[int]) -> None:
        self._by = by

    def __del__(self) -> None:
        self._by.append(threading.get_ident())


class Recorded:
    """Notes where memory for small objects comes from."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.freed_by: list[int] = []  # threads

    def borrow(self) -> bool:
        self.events.append("borrowed")
        return True

    def restore(self) -> None:
        self.events.append("restored")

    def take_thread_cache(self) -> list[object]:
        return [Freed(self.freed_by)]


@pytest.fixture
def small_objects(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    recorded = Recorded()
    monkeypatch.setattr(memory, "find_small_objects", lambda: recorded)
    monkeypatch.setattr(Memory, "decides_for_process", True)
    return recorded


@pytest.mark.parametrize(("frozen", "collections"), [(1, memory.COLLECTIONS), (0, 0)])
def test_when_a_crowd_has_left_the_garbage_collector_is_asked_where_it_is_quick(
    monkeypatch: pytest.MonkeyPatch, entrance: Entrance, frozen: int, collections: int
) -> None:
    """Tuples that were freed are kept by CPython until then, 2000 of each length."""
    asked: list[int] = []
    monkeypatch.setattr("gc.get_freeze_count", lambda: frozen)
    monkeypatch.setattr("gc.collect", lambda: asked.append(1))
    looked_after = Memory(Blocks(MEBIBYTE, Budget()), Crowd(entrance))
    entrance.accepted = DEPARTED - 1
    looked_after.tidy_rested()
    assert not asked
    for departed in (DEPARTED, DEPARTED + 1, DEPARTED + 1):
        entrance.accepted = departed
        looked_after.tidy_rested()
    looked_after.tidy()
    assert len(asked) == collections


def test_while_a_crowd_grows_small_objects_are_the_c_library_s(entrance: Entrance, small_objects: Recorded) -> None:
    looked_after = Memory(Blocks(MEBIBYTE, Budget()), Crowd(entrance))
    for inside, events in ((CROWD - 1, []), (CROWD, ["borrowed"]), (0, ["borrowed", "restored"])):
        entrance.accepted += max(0, inside - entrance.inside)
        entrance.inside = inside
        looked_after.look()
        looked_after.look()
        assert small_objects.events == events


def test_what_could_not_be_restored_when_a_crowd_had_settled_is_restored_when_memory_is_looked_after_next(
    entrance: Entrance, small_objects: Recorded
) -> None:
    """While tracemalloc is there nobody restores anything; when it ends, it puts back what it has found."""
    looked_after = Memory(Blocks(MEBIBYTE, Budget()), Crowd(entrance))
    entrance.accepted = entrance.inside = CROWD
    looked_after.look()
    looked_after.tidy()
    assert small_objects.events == ["borrowed"]
    entrance.inside = 0
    looked_after.look()
    looked_after.tidy()
    assert small_objects.events == ["borrowed", "restored", "restored"]


@pytest.fixture
def after_a_crowd(entrance: Entrance, small_objects: Recorded) -> Memory:
    """Memory that saw a crowd, which has left since."""
    looked_after = Memory(Blocks(MEBIBYTE, Budget()), Crowd(entrance))
    entrance.accepted = entrance.inside = DEPARTED
    looked_after.look()
    entrance.inside = 0
    return looked_after


def test_when_a_crowd_has_left_what_the_c_library_keeps_for_threads_is_freed_by_one_that_ends(
    after_a_crowd: Memory, small_objects: Recorded
) -> None:
    assert after_a_crowd.tidy_rested()
    assert after_a_crowd.leader_is_asked
    after_a_crowd.hand_in()
    assert not after_a_crowd.leader_is_asked
    while after_a_crowd.tidy_rested():
        assert not after_a_crowd.leader_is_asked
    assert len(small_objects.freed_by) == memory.COLLECTIONS + 1
    assert not {threading.get_ident()} & set(small_objects.freed_by)


def test_when_no_thread_can_be_started_what_the_c_library_keeps_is_freed_all_the_same(
    after_a_crowd: Memory, small_objects: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", fail)
    assert after_a_crowd.tidy_rested()
    assert small_objects.freed_by == [threading.get_ident()]


def test_a_process_that_is_more_than_a_server_is_left_alone(
    entrance: Entrance, small_objects: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Memory, "decides_for_process", False)
    looked_after = Memory(Blocks(MEBIBYTE, Budget()), Crowd(entrance))
    for inside in (CROWD, 0):
        entrance.inside = inside
        looked_after.look()
    assert not small_objects.events


def test_a_server_tells_of_its_crowds(
    live_server: LiveServers, small_objects: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "CROWD", 4)
    server = live_server(lambda request: Response(b""))
    peers = [server.connect() for _ in range(4)]
    assert [peer.ask().status for peer in peers] == [200] * 4
    come_true(lambda: small_objects.events == ["borrowed"])
    for peer in peers[1:]:
        peer.close()
    come_true(lambda: peers[0].ask().status == 200 and small_objects.events == ["borrowed", "restored"])


def test_the_leader_of_a_server_hands_in_when_a_crowd_has_left(
    live_server: LiveServers, small_objects: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crowd, "CROWD", 4)
    monkeypatch.setattr(crowd, "DEPARTED", 4)
    monkeypatch.setattr(memory, "WHEN_RESTED_FOR", 0.01)
    server = live_server(lambda request: Response(b""))
    peers = [server.connect() for _ in range(4)]
    assert [peer.ask().status for peer in peers] == [200] * 4
    come_true(lambda: small_objects.events == ["borrowed"])
    for peer in peers:
        peer.close()
    come_true(lambda: len(small_objects.freed_by) == memory.COLLECTIONS + 1)


def test_while_the_leader_is_busy_it_is_done_now_and_then(
    entrance: Entrance, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = Blocks(MEBIBYTE, Budget())
    looked_after = Memory(blocks, Crowd(entrance))
    blocks.give_back(blocks.take())
    looked_after.look()
    assert len(blocks._free) == 1
    monkeypatch.setattr(memory, "WHEN_BUSY_EVERY", 0.0)
    Memory(blocks, Crowd(entrance)).look()
    assert blocks._free == []


def test_another_c_library_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def find_nothing(library: int, name: str) -> int:
        raise OSError(f"undefined symbol: {name}")

    monkeypatch.setattr("_ctypes.dlsym", find_nothing)
    monkeypatch.setattr(Memory, "decides_for_process", False)  # what comes next changes that
    assert find_trim()(0) == 0
    assert find_small_objects() is None
    own_process()


def test_it_is_done_when_the_server_rests(live_server: LiveServers, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "WHEN_RESTED_FOR", 0.01)

    def read(request: Request) -> Response:
        return Response(b"%d" % len(request.body.read()))

    server = live_server(read)
    assert server.connect().ask("/", method="POST", body=bytes(200_000)).body == b"200000"
    come_true(lambda: not server.lane.blocks._free)
