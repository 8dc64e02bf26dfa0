"""What a supervisor and a process that it has started tell each other: a pair of sockets, lines of JSON both ways.

From the supervisor: ``start`` (what to serve and how), ``drain`` (be not ready), ``shed`` (connections, for another
worker has come), ``reopen`` (the logs), ``ask``, ``stop``. From a worker: ``ready``, ``failed`` (why it could not
start), ``beat``, ``leave`` (replace me, and why), ``answer``. When the other end is closed, the other process is gone.
"""

from __future__ import annotations

import json
import socket
import threading
from typing import Any, TypeAlias

from ehttpd.forks import tell_after_fork

Message: TypeAlias = dict[str, Any]  # its ``kind`` says what it is

RECEIVE_AT_ONCE = 1 << 16
# How often a worker gives a sign of life: so many times in ``worker_timeout``, and at least this often, in seconds.
BEATS_IN_TIMEOUT = 4
LONGEST_BEAT = 5.0


class Channel:
    """One end. Sends from any thread; one thread receives."""

    def __init__(self, connected: socket.socket) -> None:
        self._socket = connected
        self._received = b""
        self._waiting: list[Message] = []
        self._lock = threading.Lock()
        tell_after_fork(self)

    def forsake(self) -> None:
        """Let go of it, in a process that the application has forked: else nobody learns of the end of this one."""
        self._socket.close()

    def fileno(self) -> int:
        return self._socket.fileno()

    def send(self, kind: str, **values: object) -> bool:
        """Send a message; tell whether the other end could take it. One that hangs will not, in the end."""
        with self._lock:
            try:
                self._socket.sendall(line_of(kind, values))
            except OSError:  # the other process is gone, or takes nothing
                return False
        return True

    def send_with(self, connected: socket.socket, kind: str, **values: object) -> bool:
        """Send a message and a socket with it. For messages that are short enough to be sent in one step."""
        line = line_of(kind, values)
        with self._lock:
            try:
                return socket.send_fds(self._socket, [line], [connected.fileno()]) == len(line)
            except OSError:
                return False

    def receive(self) -> list[Message]:
        """Return the messages that have arrived; wait for the first octets if nothing has.

        Raises:
            EOFError: the other process is gone.
        """
        waiting, self._waiting = self._waiting, []
        return waiting or self._arrived()

    def _arrived(self) -> list[Message]:
        try:
            data = self._socket.recv(RECEIVE_AT_ONCE)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            raise EOFError
        *lines, self._received = (self._received + data).split(b"\n")
        return [json.loads(line) for line in lines]

    def first(self) -> Message:
        """Wait for a message and return it; those behind it are left to `receive`. Raises EOFError."""
        while not self._waiting:
            self._waiting = self._arrived()
        return self._waiting.pop(0)

    def close(self) -> None:
        self._socket.close()


def beat_every(worker_timeout: float) -> float:
    """Return how many seconds there are between two signs of life of a worker."""
    return min(LONGEST_BEAT, worker_timeout / BEATS_IN_TIMEOUT or LONGEST_BEAT)


def line_of(kind: str, values: dict[str, object]) -> bytes:
    """Return a message as a line of JSON."""
    return json.dumps({"kind": kind, **values}, default=written).encode() + b"\n"


def written(value: object) -> str:
    """Return a value of a setting that JSON has no form for as an operator would write it."""
    text: str = value.written()  # type: ignore[attr-defined]
    return text
