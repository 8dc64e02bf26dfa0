"""A siege: an attack on a server in a process of its own, while a witness goes on asking it.

Others must be answered in time while it lasts, and nothing must be left of it afterwards. Knows what Linux tells about
a process; not what the attack is. Sieges are short unless SIEGE=long is in the environment (`make siege`).
"""

from __future__ import annotations

import json
import os
import resource
import select
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple, TypeVar

from tests.running import ROOT
from tests.server.live import PATIENCE, Peer, Reply

T = TypeVar("T")


LONG = os.environ.get("SIEGE") == "long"


def scaled(short: T, long: T) -> T:
    """Return the size of an attack."""
    return long if LONG else short


PROMPT = 0.05  # Seconds. What others wait for an answer at most, whoever attacks.
# A busy machine keeps others waiting too: each answer takes a few processes' turns.
TURNS = 3
# Of the time, and once: how much of it others may wait for longer than that.
LATE_SHARE, LATE_ONCE = 0.1, 0.25
PACE = 0.004  # Seconds between two questions of a witness, and between two beats of a metronome.
TIDIES_WITHIN = 0.5  # Seconds, until a victim that rests has looked after its memory.
RECOVERY = 20.0  # Seconds, until nothing is left of an attack. Memory is looked after when it rests.
MEMORY_KEPT = 1.1  # Of what the server had before.
CROWD = scaled(500, 18_000)  # clients at a time
# What every siege uses. Short, so that those who are given up are given up within the test.
SETTINGS = {
    "threads": 1,
    "keep_alive_timeout": 300,  # longer than any siege: the connection that lasts is asked before it and after it
    "thread_idle_timeout": 0.1,
    "header_timeout": 0.4,
    "body_timeout": 0.4,
    "send_timeout": 0.4,
    "linger_timeout": 0.1,
}


class Census(NamedTuple):
    """What a process has: octets of memory, descriptors, threads, files in its folder for temporary ones."""

    memory: int
    descriptors: int
    threads: int
    files: int

    def recovered(self, before: Census) -> bool:
        """Tell whether nothing is left of what came since ``before``."""
        return self.memory <= before.memory * MEMORY_KEPT and all(
            now <= then for now, then in zip(self[1:], before[1:], strict=True)
        )


class Victim:
    """A server that is attacked. ``settled`` is what it has while nobody does."""

    def __init__(
        self,
        process: subprocess.Popen[bytes],
        address: tuple[str, int],
        folder: Path,
        log: Path,
        context: ssl.SSLContext | None,
    ) -> None:
        self.process = process
        self.address = address
        self._context = context
        self._folder = folder
        self._log = log
        self._peers: list[Peer] = []
        self._lasting = self.connect()
        self.settled = self.settle()

    @property
    def url(self) -> str:
        return f"http://{self.address[0]}:{self.address[1]}"

    @property
    def log(self) -> str:
        """What the server has logged."""
        return self._log.read_text()

    def connect(self, receive_buffer: int = 0, *, plain: bool = False) -> Peer:
        """Connect, with TLS if the server speaks it, unless ``plain`` is wanted. A small ``receive_buffer`` makes a
        peer that takes little unasked.
        """
        connecting = socket.socket()
        if receive_buffer:
            connecting.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        connecting.settimeout(PATIENCE)
        connecting.connect(self.address)
        if self._context is not None and not plain:
            connecting = self._context.wrap_socket(connecting, server_hostname="localhost")
        peer = Peer(connecting)
        self._peers.append(peer)
        return peer

    def crowd(self, count: int, *pieces: bytes, receive_buffer: int = 0) -> list[Peer]:
        """Connect so many times, and send the same from everywhere."""
        peers = []
        for _ in range(count):
            peers.append(self.connect(receive_buffer))
            peers[-1].send(*pieces)
        return peers

    def restrict(self, limit: int, value: int) -> None:
        """Set a limit of the operating system, one of ``resource.RLIMIT_…``."""
        resource.prlimit(self.process.pid, limit, (value, resource.prlimit(self.process.pid, limit)[1]))

    def census(self) -> Census:
        """Count what the process has now."""
        proc = Path(f"/proc/{self.process.pid}")
        memory = next(line for line in (proc / "smaps_rollup").read_text().splitlines() if line.startswith("Rss:"))
        return Census(
            memory=int(memory.split()[1]) * 1024,
            descriptors=len(os.listdir(proc / "fd")),
            threads=len(os.listdir(proc / "task")),
            files=len(os.listdir(self._folder)),
        )

    def kept_from_running(self) -> float:
        """Return for how many seconds its threads have waited for a processor, as far as Linux tells."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").iterdir():
            with suppress(OSError):  # the thread has ended, or this kernel does not count
                total += int((task / "schedstat").read_text().split()[1])
        return total / 1e9

    def await_given_up(self) -> None:
        """Wait until the server has closed every connection but those of the witness."""
        deadline = time.monotonic() + PATIENCE
        while self._look_again().descriptors > self.settled.descriptors + 2:
            assert time.monotonic() < deadline, f"Nobody was given up: {self.census()}."

    @contextmanager
    def besieged(self, *, newcomers: bool = True) -> Iterator[None]:
        """Let a witness ask while the block attacks; then hang up, and wait until nothing is left of the attack.

        Without ``newcomers`` the witness asks on one connection only, for no more are accepted.
        """
        waited = self.kept_from_running()
        witness = Witness(self._connect_apart, newcomers)
        try:
            yield
        finally:
            witness.stop()
            waited = self.kept_from_running() - waited
            self.hang_up()
        witness.judge(waited)
        self._recover()

    def _connect_apart(self) -> Peer:
        peer = self.connect()
        self._peers.remove(peer)
        return peer

    def hang_up(self) -> None:
        """Close the connections of all peers but the lasting one."""
        while len(self._peers) > 1:
            self._peers.pop().close()

    def stop(self) -> None:
        """Stop the server; it must end well."""
        self.hang_up()
        self._lasting.close()
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
        assert self.process.returncode == 0, self.log
        assert "defect" not in self.log, self.log

    def settle(self) -> Census:
        """Count what the server has when nothing changes any more."""
        self._look_again()
        deadline = time.monotonic() + TIDIES_WITHIN
        before = self.census()
        while (now := self.look_later()) < before or time.monotonic() < deadline:
            before = now
        return now

    def _recover(self) -> None:
        deadline = time.monotonic() + RECOVERY
        now = self._look_again()
        while not now.recovered(self.settled):
            assert time.monotonic() < deadline, f"{now} is left of {self.settled}."
            now = self.look_later()
        print(f"It has {now.memory / self.settled.memory:.2f} of the memory that it had.")  # noqa: T201

    def look_later(self) -> Census:
        """Count after a while of rest: then the server looks after its memory."""
        threading.Event().wait(0.05)
        return self.census()

    def _look_again(self) -> Census:
        """Count after a while of questions: that gives it the time to end what it has begun."""
        for _ in range(20):
            self.ask()
        return self.census()

    def ask(self) -> None:
        """Ask on a connection that lasts; fail unless that is answered."""
        assert self._lasting.ask().status == 200


class Metronome:
    """Asks nobody for anything but to be woken, and notes how late it is: that is the machine's fault."""

    def __init__(self) -> None:
        self.longest = self.total = 0.0  # seconds that it was late
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="metronome", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join(2 * PATIENCE)

    def _beat(self) -> None:
        asleep = time.monotonic()
        while not self._stopped.wait(PACE):
            awake = time.monotonic()
            late, asleep = awake - asleep - PACE, awake
            self.longest = max(self.longest, late)
            if late > PACE:  # less is nothing that anybody would notice
                self.total += late


class Witness:
    """Somebody else: asks all the time, on a connection that lasts and on new ones, and notes how long it takes."""

    def __init__(self, connect: Callable[[], Peer], newcomers: bool) -> None:
        self._connect = connect
        self._newcomers = newcomers
        self._lasting = connect()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="witness", daemon=True)
        self._failure: BaseException | None = None
        self._seconds: list[float] = []
        self._metronome = Metronome()
        self._began = self._ended = time.monotonic()
        self._thread.start()

    def stop(self) -> None:
        """Ask no more."""
        self._stopped.set()
        self._thread.join(2 * PATIENCE)
        self._ended = time.monotonic()
        self._metronome.stop()
        self._lasting.close()

    def judge(self, waited: float) -> None:
        """Fail unless everything was answered, and promptly: but for the machine, and as long as the server itself has
        ``waited`` for a processor.
        """
        if self._failure is not None:
            raise self._failure
        lasted, busy = self._ended - self._began, self._metronome.total + max(0.0, waited)
        prompt = PROMPT + TURNS * self._metronome.longest
        late = sum(each for each in self._seconds if each > prompt)
        report = (
            f"{len(self._seconds)} answers in {lasted:.2f} s: median {1000 * median(self._seconds):.1f} ms, "
            f"longest {1000 * max(self._seconds):.0f} ms; {late:.2f} s for those over {1000 * prompt:.0f} ms. "
            f"The machine was late by {busy:.2f} s."
        )
        print(report)  # noqa: T201 - `make siege` shows it.
        assert late <= max(LATE_ONCE, LATE_SHARE * lasted) + TURNS * busy, report

    def _watch(self) -> None:
        try:
            while True:
                self._note(self._ask)
                if self._newcomers:
                    self._note(self._ask_as_newcomer)
                if self._stopped.wait(PACE):
                    return
        except BaseException as failure:
            self._failure = failure

    def _note(self, ask: Callable[[], Reply]) -> None:
        began = time.monotonic()
        assert ask().status == 200
        self._seconds.append(time.monotonic() - began)

    def _ask(self) -> Reply:
        return self._lasting.ask()

    def _ask_as_newcomer(self) -> Reply:
        peer = self._connect()
        try:
            return peer.ask("/", "Connection: close")
        finally:
            peer.close()


@contextmanager
def attacked(folder: Path, context: ssl.SSLContext | None = None, **settings: Any) -> Iterator[Victim]:
    """Run a server to be attacked until the block ends. ``context`` is its clients' if it speaks TLS."""
    temporary, log = folder / "temporary", folder / "log"
    temporary.mkdir()
    with log.open("wb") as output, socket.create_server(("127.0.0.1", 0), backlog=4096) as listener:
        number = listener.fileno()
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.victim", str(number), json.dumps({**SETTINGS, **settings})],
            cwd=ROOT,
            env={**os.environ, "TMPDIR": str(temporary)},
            pass_fds=[number],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
        )
        address = listener.getsockname()
    try:
        victim = Victim(process, address, temporary, log, context)
        try:
            yield victim
        finally:
            victim.stop()
    finally:
        process.kill()
        process.wait()


def trickle(peers: Iterable[Peer], piece: bytes, pause: float) -> None:
    """Send a piece from each, and again after ``pause`` seconds, until the server has given all of them up."""
    left, never = list(peers), threading.Event()
    while left:
        left = [peer for peer in left if sends(peer, piece)]
        never.wait(pause)


def sends(peer: Peer, data: bytes) -> bool:
    """Send, and tell whether the server still takes it, and has not answered."""
    try:
        peer.socket.sendall(data)
        return not answered(peer)
    except OSError:
        return False


def answered(peer: Peer) -> bool:
    """Tell whether there is something to read, or the end."""
    poller = select.poll()
    poller.register(peer.socket, select.POLLIN)
    return bool(poller.poll(0))


def reset(peer: Peer) -> None:
    """Close so that the server learns of it by a reset."""
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()


def statuses(peers: Iterable[Peer]) -> set[int]:
    """Read one response from each; return the statuses they had. 0: a connection that was closed without."""
    found = set()
    for peer in peers:
        found.add(status(peer))
    return found


def status(peer: Peer) -> int:
    with suppress(ConnectionResetError, AssertionError):
        return peer.reply().status
    return 0
