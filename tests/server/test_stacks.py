"""What threads are doing, as text."""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from types import FrameType

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server.stacks import (
    COLLECTS_ANYWHERE,
    ENDED,
    LONGEST_NAME,
    MOST_GROUPS,
    TOP_FRAMES,
    _collector_off,
    stack_of,
    stacks_of,
    summary,
    written,
)
from tests.server.conftest import LiveServers
from tests.server.live import Gate, hello

NOBODY = 0  # is no thread's identifier


@pytest.fixture
def gates() -> Iterator[list[Gate]]:
    gates: list[Gate] = []
    threads: list[threading.Thread] = []
    yield gates
    for gate in gates:
        gate.open()
    for thread in threads:
        thread.join()


def outermost(gate: Gate, identifiers: list[int]) -> None:
    identifiers.append(threading.get_ident())
    innermost(gate)


def innermost(gate: Gate) -> None:
    gate.wait()


def begin(gates: list[Gate], count: int = 1) -> list[int]:
    """Start threads that wait at a gate; return their identifiers."""
    gate, identifiers = Gate(), list[int]()
    gates.append(gate)
    for _ in range(count):
        threading.Thread(target=outermost, args=(gate, identifiers)).start()
    gate.await_arrivals(count)
    return identifiers


def test_a_stack_has_its_source_lines_and_its_innermost_frame_last(gates: list[Gate]) -> None:
    (thread,) = begin(gates)
    text = written(stack_of(thread))
    assert text.index("in outermost") < text.index("innermost(gate)") < text.index("gate.wait()")
    assert not text.endswith("\n")


def test_a_stack_tells_where_the_thread_was(gates: list[Gate]) -> None:
    (thread,) = begin(gates)
    stack = stack_of(thread)
    gates[0].open()
    assert "gate.wait()" in written(stack)


def test_a_thread_that_has_ended_is_nowhere() -> None:
    assert written(stack_of(NOBODY)) == ENDED
    assert summary([(NOBODY, "GET a")]) == f"  1 x GET a: {ENDED}"


def test_those_at_the_same_place_share_a_line(gates: list[Gate]) -> None:
    same, other = begin(gates, 3), begin(gates)
    lines = summary([*((each, "GET a") for each in same), (other[0], "GET b")]).splitlines()
    assert [line.partition(":")[0] for line in lines] == ["  3 x GET a", "  1 x GET b"]
    for line in lines:
        _, _, places = line.partition(": ")
        frames = places.split(" < ")
        assert len(frames) == TOP_FRAMES
        assert frames[0].startswith("wait ("), "the innermost frame comes first"


def test_what_is_too_much_is_counted() -> None:
    *lines, last = summary([(NOBODY, f"GET {each}") for each in range(MOST_GROUPS + 3)]).splitlines()
    assert len(lines) == MOST_GROUPS
    assert last == "  and 3 more places"


def test_a_long_name_is_cut() -> None:
    assert summary([(NOBODY, "x" * 1000)]) == f"  1 x {'x' * LONGEST_NAME}: {ENDED}"


def test_nobody_is_nowhere() -> None:
    assert summary([]) == ""


def test_the_servers_own_frames_are_left_out(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        innermost(gate)
        return hello(request)

    server = live_server(handler)
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    threads = [thread for thread in threading.enumerate() if thread.name.startswith("ehttpd-")]
    stacks = [written(stack_of(thread.ident or NOBODY)) for thread in threads]
    gate.open()
    assert peer.reply().status == 200
    (found,) = [stack for stack in stacks if "innermost(gate)" in stack]
    assert found.lstrip().startswith("File") and "in handler" in found.splitlines()[0]
    assert "lane.py" not in found


def test_the_collector_does_not_run_meanwhile_where_it_may_run_anywhere(gates: list[Gate]) -> None:
    (thread,) = begin(gates)
    collections: list[str] = []
    threshold = gc.get_threshold()
    gc.callbacks.append(lambda phase, _: collections.append(phase))
    try:
        gc.set_threshold(1)
        before = len(collections)
        _ = [[] for _ in range(100)]
        assert len(collections) > before or not COLLECTS_ANYWHERE
        with _collector_off():
            before = len(collections)
            _ = [[] for _ in range(100)]
            assert len(collections) == before or not COLLECTS_ANYWHERE
        assert gc.isenabled()
        assert stack_of(thread)
    finally:
        gc.set_threshold(*threshold)
        gc.callbacks.pop()


def test_a_collector_that_an_application_has_switched_off_stays_off(gates: list[Gate]) -> None:
    (thread,) = begin(gates)
    gc.disable()
    try:
        assert stack_of(thread)
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_no_frame_is_kept(gates: list[Gate]) -> None:
    (thread,) = begin(gates)
    gc.disable()
    try:
        assert stack_of(thread)
        kept = [each for each in gc.get_objects() if type(each) is FrameType and each.f_code is stacks_of.__code__]
        assert not kept, "it would keep the frames of all threads, and what is in them"
    finally:
        gc.enable()
