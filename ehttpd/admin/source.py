"""Where figures come from, and where commands go: one server in this process, or several in others.

`Source` is all that the rest of the room knows. Its methods are called by threads of the admin's own server, several
at once, and take no longer than a second or two.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Protocol, TypedDict

from ehttpd.errors import OperatorError
from ehttpd.logs import log
from ehttpd.server.activity import Activity
from ehttpd.server.server import Server
from ehttpd.server.snapshot import Snapshot
from ehttpd.settings import LogLevel

# What may be told to a server. Which of them it can do depends on how it runs.
COMMANDS = ("drain", "stop", "reload", "workers", "reopen-logs", "upgrade", "log-level")


class Overview(TypedDict):
    """What is known besides workers. ``restarts``: how many were replaced, by why; ``started`` is since the epoch."""

    application: str
    pid: int
    started: float
    workers: int
    restarts: dict[str, int]
    ready_max_queue: float


class WorkerThreads(TypedDict):
    """The threads of one worker process."""

    worker: str
    pid: int
    threads: list[Activity]


class CommandRefused(OperatorError):
    """What was told cannot be done here. The message says why; ``cure`` says what can be done."""


class Source(Protocol):
    """Where figures come from, and where commands go. Any thread."""

    def overview(self) -> Overview:
        """Return what is known besides workers."""

    def snapshots(self) -> list[Snapshot]:
        """Return a snapshot of each worker that answers. One that is not ready yet says so in its ``state``."""

    def threads(self) -> list[WorkerThreads]:
        """Return what the threads of each worker do."""

    def turning(self) -> bool:
        """Tell whether every worker still accepts and reads: the lane's loop turns."""

    def command(self, name: str, argument: str = "") -> str:
        """Have one of `COMMANDS` done, and return a sentence that says what happens now.

        Raises:
            CommandRefused: it is unknown, or cannot be done here.
        """


class LocalSource:
    """The one server of this process."""

    def __init__(
        self, server: Server, application: str = "", actions: Mapping[str, Callable[[], str]] | None = None
    ) -> None:
        """``actions`` are commands that the server cannot do itself, for it does not own the process: ``stop``."""
        self._server = server
        self._application = application
        self._actions = {"drain": self._drain, **(actions or {})}
        self._started = time.time()

    def overview(self) -> Overview:
        return {
            "application": self._application,
            "pid": os.getpid(),
            "started": self._started,
            "workers": 1,
            "restarts": {},
            "ready_max_queue": float(self._server.settings.ready_max_queue),
        }

    def snapshots(self) -> list[Snapshot]:
        return [self._server.snapshot("1")]

    def threads(self) -> list[WorkerThreads]:
        return [{"worker": "1", "pid": os.getpid(), "threads": self._server.activities()}]

    def turning(self) -> bool:
        return self._server.turns()

    def command(self, name: str, argument: str = "") -> str:
        if name == "log-level":
            return set_log_level(argument)
        action = self._actions.get(name)
        if action is not None:
            return action()
        if name in COMMANDS:
            cure = "Start with --workers, or with --supervise for one."
            raise CommandRefused(f"There are no worker processes, so {name!r} cannot be done.", cure)
        raise CommandRefused(f"There is no command {name!r}.", f"There are: {', '.join(COMMANDS)}.")

    def _drain(self) -> str:
        self._server.drain()
        return "Draining: not ready any more, and connections end with their next response. `stop` is to follow."


def set_log_level(level: str) -> str:
    """Have this process log from ``level`` upwards. Raises CommandRefused."""
    try:
        given = LogLevel.read(level)
    except ValueError as error:
        raise CommandRefused(f"{level!r} is no level: {error}") from None
    log.logger().setLevel(given.upper())
    return f"Logging from {given} upwards."
