"""What systemd, or who speaks its language, is told of this process: sd_notify(3) and its watchdog.

Datagrams of ``NAME=value`` lines to the socket that NOTIFY_SOCKET names. For a process whose service is none of
systemd's, all of this does nothing.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Mapping

from ehttpd.logs import log

# How long to wait for a supervisor that does not read, in seconds.
PATIENCE = 1.0


class Notifier:
    """Tells the service manager. Any thread."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._place = environment.get("NOTIFY_SOCKET", "")
        self.watchdog = _watchdog_seconds(environment) if self._place else 0.0

    def ready(self, status: str = "", main_pid: int = 0) -> None:
        """Say that the service serves; ``main_pid``: which process is the service now, if that has changed."""
        self.tell("READY=1", *_status(status), *([f"MAINPID={main_pid}"] if main_pid else []))

    def reloading(self, status: str = "") -> None:
        """Say that the service reloads; to be followed by `ready`."""
        # systemd wants to know whether what is said later is newer: its clock is CLOCK_MONOTONIC.
        now = time.clock_gettime(time.CLOCK_MONOTONIC) if hasattr(time, "CLOCK_MONOTONIC") else time.monotonic()
        self.tell("RELOADING=1", f"MONOTONIC_USEC={int(now * 1e6)}", *_status(status))

    def stopping(self, status: str = "") -> None:
        """Say that the service stops."""
        self.tell("STOPPING=1", *_status(status))

    def status(self, text: str) -> None:
        """Say in a line what the service does: systemctl status shows it."""
        self.tell(*_status(text))

    def alive(self) -> None:
        """Say that the service is alive: the watchdog waits on."""
        self.tell("WATCHDOG=1")

    def tell(self, *lines: str) -> None:
        """Send lines as one message. What cannot be sent is logged: the service goes on."""
        if not self._place or not lines:
            return
        place = "\0" + self._place[1:] if self._place[0] == "@" else self._place
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sender:
                sender.settimeout(PATIENCE)
                sender.sendto("\n".join(lines).encode(), place)
        except OSError as error:
            log.warning("Cannot tell the service manager %s at %r: %s.", lines[0], self._place, error.strerror or error)


class Watchdog:
    """Says that the service is alive, twice in the time that the watchdog waits, as long as it is.

    ``pulse`` returns when the lanes turned last, on the monotonic clock, and has them turn once more. A lane that has
    not turned since it was asked lets the watchdog bite. A context manager: a thread, while it is entered.
    """

    def __init__(self, notifier: Notifier, pulse: Callable[[], float]) -> None:
        self._notifier = notifier
        self._pulse = pulse
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="ehttpd-watchdog", daemon=True)

    def __enter__(self) -> None:
        if self._notifier.watchdog:
            self._thread.start()

    def __exit__(self, *failure: object) -> None:
        self._ended.set()
        if self._notifier.watchdog:
            self._thread.join()

    def _watch(self) -> None:
        asked = 0.0
        while True:
            now = time.monotonic()
            if self._pulse() >= asked:
                self._notifier.alive()
            asked = now
            if self._ended.wait(self._notifier.watchdog / 2):
                return


def _status(text: str) -> list[str]:
    return [f"STATUS={' '.join(text.split())}"] if text else []


def _watchdog_seconds(environment: Mapping[str, str]) -> float:
    """Return how long the watchdog waits for this process, 0 if it does not."""
    microseconds = environment.get("WATCHDOG_USEC", "")
    meant = environment.get("WATCHDOG_PID", "") in ("", str(os.getpid()))
    return int(microseconds) / 1e6 if meant and microseconds.isascii() and microseconds.isdigit() else 0.0
