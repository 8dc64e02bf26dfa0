"""What every test is held to, besides its own assertions: it ends the threads it started and closes its sockets.

Warnings are errors, and a test has a time limit: pyproject.toml says so. Fixtures live beside the tests that use them.
"""

from __future__ import annotations

import gc
import os
import stat
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

LAST_CALL = 10.0  # Seconds. A thread that was told to stop, and has stopped by then, is no leak.


def open_sockets() -> dict[int, int]:
    """Return the descriptors of this process that are sockets, each with its inode: numbers are used again at once."""
    found = {}
    for name in os.listdir("/dev/fd"):
        try:
            status = os.fstat(int(name))
        except OSError:  # The descriptor that listed the folder, or one that a thread has just closed.
            continue
        if stat.S_ISSOCK(status.st_mode):
            found[int(name)] = status.st_ino
    return found


@contextmanager
def nothing_leaks(who: str) -> Iterator[None]:
    """Fail if threads or sockets are left that were not there before."""
    threads, sockets = set(threading.enumerate()), open_sockets()
    yield
    deadline = time.monotonic() + LAST_CALL
    for thread in set(threading.enumerate()) - threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    left = [thread.name for thread in set(threading.enumerate()) - threads]
    assert not left, f"{who} left threads behind: {left}"

    if open_sockets().items() - sockets.items():
        gc.collect()  # A socket in a cycle of objects is closed late, and its ResourceWarning fails the test.
    kept = open_sockets().items() - sockets.items()
    assert not kept, f"{who} left sockets open: descriptors {sorted(number for number, _ in kept)}"


@pytest.fixture(autouse=True, scope="module")
def modules_leak_nothing(request: pytest.FixtureRequest) -> Iterator[None]:
    with nothing_leaks(f"The module {request.node.name}"):
        yield


@pytest.fixture(autouse=True)
def tests_leak_nothing(request: pytest.FixtureRequest, modules_leak_nothing: None) -> Iterator[None]:
    if request.node.get_closest_marker("shared_server"):
        yield
        return
    with nothing_leaks(f"The test {request.node.name}"):
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have reports written in UTF-8, as processes that run tests side by side hand them over."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "backslashreplace").decode()) for name, text in report.sections]
    return report
