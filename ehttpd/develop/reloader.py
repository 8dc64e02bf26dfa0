"""Serve an application in a process of its own, and start that again when a file has changed.

The listening sockets are opened once, and stay open: who connects in between waits. An application that cannot be
started is shown instead, until the next edit. One thread, the main one.
"""

from __future__ import annotations

import json
import os
import select
import socket
import subprocess
import sys
import time
from contextlib import ExitStack

from ehttpd.develop import tracebacks
from ehttpd.develop.changes import Changes, Watched, watching
from ehttpd.develop.failure import Failure, shown
from ehttpd.develop.ports import urls
from ehttpd.launch.attending import PATIENCE
from ehttpd.launch.banner import announce
from ehttpd.launch.interpreter import interpreter
from ehttpd.server.listener import Listener
from ehttpd.server.server import Server
from ehttpd.server.signals import signals_as_octets
from ehttpd.settings import Settings

INTERVAL = 0.4  # Seconds between two looks at the files, at least.
REST = 50.0  # times as long as a look takes is the rest after it: looking takes 2 % of a processor at most
SETTLED = 0.05  # Seconds without a further change: editors write several files, and some write one twice.
GRACE = 1.0  # Seconds for what is being answered when the application is started again.
KILLED_AFTER = 2.0  # Seconds, beyond the grace, until a process that does not end is killed.


class Reloader:
    """Keeps an application running while it is written.

    Args:
        settings: what to serve, and how.
        listeners: where; they belong to whoever opened them.
        pages: whether exceptions are shown to the clients.
    """

    def __init__(self, settings: Settings, listeners: list[Listener], *, pages: bool) -> None:
        for listener in listeners:
            os.set_inheritable(listener.fileno(), True)
        self._listeners = listeners
        self._urls = urls(listeners, settings)
        self._settings = settings.replace(bind=[each.passed_as(each.fileno()) for each in listeners], reload=False)
        self._pages = pages
        self._generation = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._said = b""
        self._failure: Server | None = None

    def run(self) -> int:
        """Serve until a signal, and return the exit code."""
        with ExitStack() as stack:
            inbox, _ = stack.enter_context(signals_as_octets())
            changes = stack.enter_context(watching(Watched(self._settings)))
            stack.callback(self._stop)
            self._start()
            rest = INTERVAL
            while not self._signalled(inbox, rest):
                began = time.perf_counter()
                changed = changes.look()
                rest = max(INTERVAL, REST * (time.perf_counter() - began))
                if changed:
                    while changes_go_on(changes):
                        pass
                    announce(f"{named(changed)} changed: starting again.")
                    self._stop()
                    self._start()
        return 0

    def _signalled(self, inbox: socket.socket, rest: float) -> bool:
        """Wait for ``rest`` seconds; tell whether a signal came. What the process says meanwhile is heard."""
        waiting = [inbox, *([self._channel] if self._channel else [])]
        ready, _, _ = select.select(waiting, [], [], rest)
        if self._channel in ready:
            self._hear()
        return inbox in ready

    def _start(self) -> None:
        self._generation += 1
        ours, theirs = socket.socketpair()
        settings = {name: (value.plain(), self._settings.origin(name)) for name, value in self._settings}
        order = {
            "settings": settings,
            "parent": theirs.fileno(),
            "pages": self._pages,
            "generation": self._generation,
        }
        with theirs:
            self._process = subprocess.Popen(
                [*interpreter(), "-m", "ehttpd.develop.child", json.dumps(order)],
                pass_fds=[*map(Listener.fileno, self._listeners), theirs.fileno()],
            )
        self._channel, self._said = ours, b""

    def _hear(self) -> None:
        """Read what the process says. If it says no more, it has ended: then show why."""
        assert self._channel is not None
        data = self._channel.recv(65536)
        if data:
            *lines, self._said = (self._said + data).split(b"\n")
            for line in lines:
                self._understand(json.loads(line))
            return
        self._channel.close()
        self._channel = None
        code = self._process.wait() if self._process else 0
        if self._failure is None:
            reason = f"signal {-code}" if code < 0 else f"exit code {code}"
            self._show(Failure(f"the process ended with {reason}.", "What it said is in the terminal."))

    def _understand(self, said: dict[str, str]) -> None:
        if said["event"] == "ready":
            announce(self._ready(said))
        else:
            self._show(Failure(said["message"], said["cure"], said["page"], said["text"]))

    def _ready(self, said: dict[str, str]) -> str:
        """Return the line that tells that the application is served."""
        if sys.stderr.isatty():
            return f"  ready   in {said['ms']} ms  {said['name']} ({said['description']})"
        return (
            f"event=ready app={said['name']} kind=\"{said['description']}\" listen={','.join(self._urls)} "
            f"pid={os.getpid()} start={self._generation} ready_ms={said['ms']}"
        )

    def _show(self, failure: Failure) -> None:
        """Answer every request with what is wrong."""
        announce("\n  ".join([f"ehttpd: {failure.message}", *failure.cure.splitlines(), "Waiting for the next edit."]))
        handler = shown(failure, self._generation, pages=self._pages)
        copies = [each.passed_as(os.dup(each.fileno())) for each in self._listeners]
        self._failure = Server(handler, settings=self._settings.replace(bind=copies, threads="1:4"))
        self._failure.start()

    def _stop(self) -> None:
        """End the process, or what is shown in its place."""
        if self._failure is not None:
            self._failure.stop(grace=GRACE, patience=PATIENCE, shared=True)
            self._failure = None
        if self._channel is not None:
            self._channel.close()  # which the process takes as the wish to end
            self._channel = None
        if self._process is not None:
            try:
                self._process.wait(self._settings.graceful_timeout + KILLED_AFTER)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None


def changes_go_on(changes: Changes) -> bool:
    """Wait for a moment, and tell whether something changed meanwhile."""
    select.select([], [], [], SETTLED)
    return bool(changes.look())


def named(paths: list[str]) -> str:
    """Return the first of the files by their short names."""
    names = [tracebacks.shown(path) for path in paths]
    return ", ".join(names[:3]) + (f" and {len(names) - 3} more" if len(names) > 3 else "")
