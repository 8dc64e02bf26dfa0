"""Memory for small objects comes from the C library for a while, and nobody who uses it notices."""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import sysconfig
import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from ehttpd.server.allocator import MEM, OBJ, RAW, SmallObjects, functions_of, same
from tests.running import ROOT
from tests.server.live import come_true

pytestmark = pytest.mark.skipif(
    bool(os.environ.get("PYTHONMALLOC") or sysconfig.get_config_var("Py_GIL_DISABLED")),
    reason="CPython's own allocator is not in use here",
)
MANY = 10_000


@pytest.fixture
def small_objects() -> Iterator[SmallObjects]:
    found = SmallObjects()
    yield found
    found.restore()


def own_objects(made: int) -> int:
    """Make so many objects, and return how many more CPython's own allocator has then."""
    before = sys.getallocatedblocks()
    kept = [float(number) for number in range(made)]
    return sys.getallocatedblocks() - before if kept else 0


def borrowed() -> bool:
    return functions_of(OBJ).malloc == functions_of(RAW).malloc


def test_while_it_is_borrowed_memory_is_the_c_library_s(small_objects: SmallObjects) -> None:
    assert own_objects(MANY) > MANY // 2
    small_objects.borrow()
    assert own_objects(MANY) < MANY // 2
    small_objects.restore()
    assert own_objects(MANY) > MANY // 2


def test_it_can_be_borrowed_again_and_again(small_objects: SmallObjects) -> None:
    for _ in range(3):
        small_objects.borrow()
        small_objects.borrow()
        assert borrowed()
        small_objects.restore()
        small_objects.restore()
        assert not borrowed()


def test_nothing_is_restored_that_was_never_borrowed(small_objects: SmallObjects) -> None:
    small_objects.restore()
    assert not borrowed()


def test_what_one_has_allocated_the_other_resizes_and_frees(small_objects: SmallObjects) -> None:
    def grown(some: list[int]) -> list[int]:
        for number in range(len(some), len(some) + 40):
            some.append(number)  # from small to large
        return some

    before = [[0] for _ in range(MANY)]
    small_objects.borrow()
    meanwhile = [[0] for _ in range(MANY)]
    for some in before:
        grown(some)
    small_objects.restore()
    for some in meanwhile:
        grown(some)
        del some[2:]  # and back
    assert before == [list(range(41))] * MANY
    assert meanwhile == [[0, 1]] * MANY


def test_threads_allocate_while_it_is_borrowed_and_restored(small_objects: SmallObjects) -> None:
    ended = threading.Event()
    wrong: list[object] = []

    def work() -> None:
        while not ended.is_set():
            made = [{str(number): [number]} for number in range(300)]
            wrong.extend(each for number, each in enumerate(made) if each != {str(number): [number]})

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(2000):
        small_objects.borrow()
        small_objects.restore()
    ended.set()
    for thread in threads:
        thread.join()
    assert not wrong


def test_what_is_borrowed_stays_so_when_what_is_kept_is_taken(small_objects: SmallObjects) -> None:
    assert small_objects.borrow()
    assert small_objects.take_thread_cache()
    assert borrowed()
    assert not small_objects.borrow()


def test_tracemalloc_is_left_alone(small_objects: SmallObjects) -> None:
    tracemalloc.start()
    try:
        traced = functions_of(MEM), functions_of(OBJ)
        small_objects.borrow()
        assert all(map(same, traced, (functions_of(MEM), functions_of(OBJ))))
    finally:
        tracemalloc.stop()
    small_objects.restore()
    assert not borrowed()


def test_tracemalloc_that_began_meanwhile_is_left_alone_until_it_has_ended(small_objects: SmallObjects) -> None:
    small_objects.borrow()
    tracemalloc.start()
    try:
        traced = functions_of(OBJ)
        small_objects.restore()
        assert same(functions_of(OBJ), traced)
        assert tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    small_objects.restore()
    assert not borrowed()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_a_process_that_is_forked_meanwhile_takes_it_from_cpython_s_own_allocator() -> None:
    script = (
        "import os\n"
        "from ehttpd.server.allocator import *\n"
        "small_objects, before = SmallObjects(), functions_of(OBJ)\n"
        "assert small_objects.borrow() and not same(functions_of(OBJ), before)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    os._exit(not all(same(functions_of(domain), before) for domain in (MEM, OBJ)))\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert not same(functions_of(OBJ), before)\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=30)


@pytest.mark.parametrize("allocator", ["malloc", "debug", "malloc_debug"])
def test_an_allocator_that_the_operator_has_chosen_is_left_alone(allocator: str) -> None:
    script = (
        "from ehttpd.server.allocator import *\n"
        "before = list(map(functions_of, (MEM, OBJ)))\n"
        "SmallObjects().borrow()\n"
        "assert all(map(same, before, map(functions_of, (MEM, OBJ))))\n"
    )
    environment = {**os.environ, "PYTHONMALLOC": allocator}
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, env=environment, check=True, timeout=30)


class Mallinfo(ctypes.Structure):
    """<malloc.h>: struct mallinfo2."""

    _fields_ = [("others", ctypes.c_size_t * 7), ("uordblks", ctypes.c_size_t), ("more", ctypes.c_size_t * 2)]

    uordblks: int


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="glibc tells it, since 2.33")
def test_what_the_c_library_keeps_for_a_thread_is_freed_when_another_ends(small_objects: SmallObjects) -> None:
    mallinfo = ctypes.CDLL(None).mallinfo2
    mallinfo.restype = Mallinfo
    kept = small_objects.take_thread_cache()
    kept.clear()  # by this thread: now it keeps as much as it can
    before = mallinfo().uordblks
    kept = small_objects.take_thread_cache()
    ending = threading.Thread(target=kept.clear)
    ending.start()
    ending.join()
    come_true(lambda: mallinfo().uordblks < before - 150_000)  # of 240,000; a thread ends a little after it is joined
