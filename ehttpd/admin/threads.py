"""What threads do, as text to read and as values; and which requests are in flight."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TypedDict

from ehttpd.admin.source import WorkerThreads
from ehttpd.server.activity import Activity, Frame

# Where Python's own modules are, and below them what is installed.
LIBRARIES = (os.path.dirname(os.__file__), "<frozen")


class InFlight(TypedDict):
    """A request that a thread serves now, for ``seconds`` already. ``where`` it is: the innermost places."""

    seconds: float
    method: str
    target: str
    client: str
    worker: str
    pid: int
    thread: str
    where: str


def in_flight(workers: Sequence[WorkerThreads]) -> list[InFlight]:
    """Return the requests that threads serve now, oldest first."""
    found = [_in_flight(worker, each) for worker in workers for each in worker["threads"] if each["request"]]
    return sorted(found, key=lambda each: -each["seconds"])


def _in_flight(worker: WorkerThreads, activity: Activity) -> InFlight:
    request = activity["request"]
    assert request is not None
    return {
        "seconds": activity["seconds"],
        **request,
        "worker": worker["worker"],
        "pid": worker["pid"],
        "thread": activity["name"],
        "where": place(activity["stack"]),
    }


def place(stack: Sequence[Frame]) -> str:
    """Return where a thread is, in a few words: the innermost place that is no library's, and what it waits in."""
    if not stack:
        return ""
    own = next((each for each in stack if not each["file"].startswith(LIBRARIES)), stack[0])
    inner = "" if own is stack[0] else f" ({stack[0]['function']})"
    return f"{short(own['file'])}:{own['line']} {own['function']}{inner}"


def short(file: str) -> str:
    """Return the last two parts of a path: enough to know a file by."""
    return "/".join(file.replace("\\", "/").split("/")[-2:])


def written(workers: Sequence[WorkerThreads]) -> str:
    """Return all threads as text: what each does, for how long, for whom, and its stack, innermost place last."""
    return "\n".join(line for worker in workers for line in _worker(worker))


def _worker(worker: WorkerThreads) -> Iterator[str]:
    yield f"worker {worker['worker']}, pid {worker['pid']}: {len(worker['threads'])} threads"
    for activity in worker["threads"]:
        yield ""
        yield f"  {activity['name']}  {_doing(activity)}"
        for frame in reversed(activity["stack"]):
            yield f"    {frame['file']}:{frame['line']} {frame['function']}"
    yield ""


def _doing(activity: Activity) -> str:
    request = activity["request"]
    if request is None:
        return activity["does"]
    asked = printable(f"{request['method']} {request['target']}")
    return f"{activity['does']} {asked} of {request['client'] or 'a Unix socket'} for {activity['seconds']:.3f} s"


def printable(text: str) -> str:
    """Return text from the network so that it can do nothing to a terminal."""
    return "".join(each if each.isprintable() else f"\\x{ord(each):02x}" for each in text)
