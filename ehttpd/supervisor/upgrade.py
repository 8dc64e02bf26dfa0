"""A new supervisor in the place of this one, with the same listening sockets: today's ehttpd, today's interpreter.

The old one starts the new one, and gives it the sockets. When the workers of the new one are ready, the old ones
leave; until then, whatever goes wrong with the new one changes nothing, and a stop of the old one stops both.

The new one says ``ready``. The old one says ``take`` (the sockets are yours alone), ``stop`` or ``end`` (at once).
"""

from __future__ import annotations

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time

from ehttpd.launch.sources import PASSED
from ehttpd.settings import Settings
from ehttpd.supervisor.births import channel_ends
from ehttpd.supervisor.channel import Channel
from ehttpd.supervisor.doors import Doors

VARIABLE = "EHTTPD_SUCCEEDS"  # what a new supervisor is told: the sockets, and its end of the channel


class Upgrade:
    """The old supervisor's side: the new one."""

    def __init__(self, doors: Doors, folder: str, environment: dict[str, str], settings: Settings) -> None:
        ours, theirs = channel_ends()
        told = {"channel": theirs.fileno(), "doors": doors.passed, "pid": os.getpid()}
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, *sys.orig_argv[1:]],
                cwd=folder,
                env={**for_successor(environment, settings), VARIABLE: json.dumps(told)},
                pass_fds=(theirs.fileno(), *doors.descriptors),
            )
        self.channel = Channel(ours)
        self.handed_at = math.inf  # when it became the one that is meant
        self.kill_at = math.inf

    def tell(self, kind: str, within: float) -> None:
        """Tell it to ``stop`` or to ``end``. If it has not taken over, it has so many seconds for that."""
        self.channel.send(kind)
        if self.handed_at == math.inf:
            self.kill_at = time.monotonic() + within

    def look_after(self, now: float) -> None:
        """Kill it if it should have ended."""
        if now >= self.kill_at:
            self.process.send_signal(signal.SIGKILL)
            self.kill_at = math.inf


def for_successor(environment: dict[str, str], settings: Settings) -> dict[str, str]:
    """Return the variables of a process but for the one that says which process systemd's watchdog watches.

    That it has passed the sockets, systemd has told this process alone; so the next one is told in another way.
    """
    passed = {"EHTTPD_BIND": "systemd"} if settings.origin("bind") == PASSED else {}
    return {**{name: value for name, value in environment.items() if name != "WATCHDOG_PID"}, **passed}


class Succession:
    """The new supervisor's side: what it was told by the old one, if there is one."""

    def __init__(self, told: str) -> None:
        values = json.loads(told)
        self.doors = Doors.inherited(values["doors"])
        self.kept = self.doors  # those that today's settings want too
        self.predecessor: int = values["pid"]
        connected = socket.socket(fileno=values["channel"])
        connected.set_inheritable(False)
        self.channel = Channel(connected)
        self.handed_over = False  # until then the predecessor may go on

    @classmethod
    def begun(cls) -> Succession | None:
        """Return it if this process was started to succeed another. The environment says so no more afterwards."""
        told = os.environ.pop(VARIABLE, "")
        return cls(told) if told else None
