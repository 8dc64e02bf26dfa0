"""How worker processes come into the world: as fresh interpreters that are given sockets.

The operating system's. A fresh interpreter has no threads, locks or connections of ours, and imports today's code; so
the supervisor may have threads, and a reload is nothing but new workers.
"""

from __future__ import annotations

import signal
import socket
import subprocess
from collections.abc import Sequence

from ehttpd.launch.interpreter import interpreter
from ehttpd.supervisor.channel import Channel
from ehttpd.typed import Protocol

# A hung worker takes nothing from its channel: how long the supervisor tries to tell it something, in seconds.
SEND_AT_MOST = 1.0


class Process(Protocol):
    """A worker process as the operating system knows it."""

    pid: int

    def ended(self) -> int | None:
        """Return its exit code, minus the signal's number if one ended it; None while it runs."""

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""


class Births(Protocol):
    """Who starts workers."""

    def start(self, order: dict[str, object], descriptors: Sequence[int]) -> tuple[Process, Channel]:
        """Start a worker that does what ``order`` says and has ``descriptors``; return it with the channel to it."""

    def close(self) -> None:
        """Start no more. Those that were started are not touched."""

    def end(self) -> None:
        """Wait until nothing is left but workers."""


class Fresh:
    """A process that was started by exec."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.pid = process.pid

    def ended(self) -> int | None:
        return self._process.poll()

    def send_signal(self, number: int) -> None:
        self._process.send_signal(number)


class FreshInterpreters:
    """Each worker is a fresh interpreter."""

    def start(self, order: dict[str, object], descriptors: Sequence[int]) -> tuple[Process, Channel]:
        process, channel = start_module("ehttpd.supervisor.worker", descriptors, [f"worker-{order['number']}"])
        channel.send("start", **order)
        return process, channel

    def close(self) -> None:
        """Do nothing: there is nobody to tell."""

    def end(self) -> None:
        """Do nothing: there is nothing but workers."""


def start_module(module: str, descriptors: Sequence[int], words: Sequence[str]) -> tuple[Process, Channel]:
    """Run a module in a fresh interpreter, and return it with the channel to it.

    It gets the number of its end as its first argument, then ``words``, which ``ps`` shows; and ``descriptors``, under
    the same numbers.
    """
    ours, theirs = channel_ends()
    with theirs:
        process = subprocess.Popen(
            [*interpreter(), "-m", module, str(theirs.fileno()), *words],
            pass_fds=(theirs.fileno(), *descriptors),
            stdin=subprocess.DEVNULL,
        )
    return Fresh(process), Channel(ours)


def channel_ends() -> tuple[socket.socket, socket.socket]:
    """Return the supervisor's and the worker's end of a channel."""
    ours, theirs = socket.socketpair()
    ours.settimeout(SEND_AT_MOST)
    return ours, theirs


def name_of(code: int) -> str:
    """Say how a process ended whose exit code this is."""
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"signal {signal.Signals(-code).name}"
    except ValueError:
        return f"signal {-code}"
