"""Workers that a nursery forks, as the supervisor sees them. The nursery itself is nursery.py's."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Sequence

from ehttpd.launch.pidfile import is_alive
from ehttpd.supervisor.births import Process, channel_ends, start_module
from ehttpd.supervisor.channel import Channel

Listen = Callable[[Channel, Callable[[], None]], None]
Forget = Callable[[Channel], None]
# How long a nursery may take to end when it has no children, in seconds.
ENDS_WITHIN = 2.0


class Forked:
    """A worker that a nursery has forked, or will as soon as it has imported the application."""

    def __init__(self, nursery: NurseryProcess, birth: int) -> None:
        self._nursery = nursery
        self._birth = birth
        self.pid = 0
        self.code: int | None = None

    def ended(self) -> int | None:
        if self.code is None and self._nursery.gone:
            # One that was not forked has ended with the nursery.
            self.code = end_of_orphan(self.pid) if self.pid else self._nursery.process.ended()
        return self.code

    def send_signal(self, number: int) -> None:
        if self.code is not None:
            return
        if self._nursery.forgets(self._birth):
            self.code = -number
        elif not self._nursery.gone:
            self._nursery.channel.send("signal", birth=self._birth, number=number)
        elif self.pid:
            os.kill(self.pid, number)


def end_of_orphan(process: int) -> int | None:
    """Return the exit code of a process whose parent has died, None while it runs. Where this one takes orphans in, as
    the process with the number 1 does, it knows; else only the parent could have: then it is 1.
    """
    try:
        ended, status = os.waitpid(process, os.WNOHANG)
    except ChildProcessError:
        return None if is_alive(process) else 1
    return os.waitstatus_to_exitcode(status) if ended else None


class NurseryProcess:
    """One nursery. It hears nothing while it imports, perhaps for ever: what it is to do waits here until then."""

    def __init__(self, settings: object, descriptors: Sequence[int], listen: Listen, forget: Forget) -> None:
        self.process, self.channel = start_module("ehttpd.supervisor.nursery", descriptors, ["nursery"])
        self.gone = False
        self._forget = forget
        self._births: dict[int, Forked] = {}
        self._waiting: dict[int, tuple[dict[str, object], socket.socket]] | None = {}  # births; None: it has imported
        listen(self.channel, self._hear)
        self.channel.send("start", settings=settings)

    def fork(self, order: dict[str, object]) -> tuple[Process, Channel]:
        birth = len(self._births) + 1
        forked = self._births[birth] = Forked(self, birth)
        ours, theirs = channel_ends()
        if self._waiting is None:
            self._ask_for(birth, order, theirs)
        else:
            self._waiting[birth] = order, theirs
        return forked, Channel(ours)

    def _ask_for(self, birth: int, order: dict[str, object], theirs: socket.socket) -> None:
        with theirs:
            if not self.channel.send_with(theirs, "fork", **{**order, "birth": birth}):
                self._births[birth].code = 1  # it takes nothing

    def forgets(self, birth: int) -> bool:
        """Take back what it was not asked for yet; tell whether that was so."""
        if self._waiting is None or birth not in self._waiting:
            return False
        _, theirs = self._waiting.pop(birth)
        theirs.close()
        return True

    def close(self) -> None:
        """Have it end with its last child. It has none while it imports."""
        if self._waiting is None:
            self.channel.send("last")
        else:
            self.process.send_signal(signal.SIGKILL)

    def _hear(self) -> None:
        """Take what the nursery says."""
        try:
            messages = self.channel.receive()
        except EOFError:
            self.gone = True
            for birth in list(self._waiting or ()):
                self.forgets(birth)
            self._forget(self.channel)
            self.end()
            return
        for message in messages:
            if message["kind"] == "imported":
                waiting, self._waiting = self._waiting or {}, None
                for birth, (order, theirs) in waiting.items():
                    self._ask_for(birth, order, theirs)
                continue
            forked = self._births[message["birth"]]
            if message["kind"] == "born":
                forked.pid = message["pid"]
            else:
                forked.code = message["code"]

    def end(self) -> None:
        """Wait until it has ended, which it is about to do."""
        deadline = time.monotonic() + ENDS_WITHIN
        while self.process.ended() is None:
            if time.monotonic() > deadline:
                self.process.send_signal(signal.SIGKILL)
            time.sleep(0.001)


class Forks:
    """`Births`: workers are forks of a process that has imported the application; of another one, if that dies."""

    def __init__(self, listen: Listen, forget: Forget) -> None:
        self._listen = listen
        self._forget = forget
        self._nursery: NurseryProcess | None = None

    def start(self, order: dict[str, object], descriptors: Sequence[int]) -> tuple[Process, Channel]:
        if self._nursery is None or self._nursery.gone:
            self._nursery = NurseryProcess(order["settings"], descriptors, self._listen, self._forget)
        return self._nursery.fork(order)

    def close(self) -> None:
        if self._nursery is not None and not self._nursery.gone:
            self._nursery.close()

    def end(self) -> None:
        if self._nursery is not None:
            self._nursery.end()
