"""``ehttpd top`` in a terminal of 80 columns and 24 lines: a real pseudo-terminal."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest

from ehttpd.admin.board import plain
from ehttpd.commands.top import CLEAR_BELOW, CLEAR_LINE, HOME, OTHER_SCREEN, OWN_SCREEN, own_terminal
from ehttpd.errors import OperatorError
from ehttpd.messages import Request, Response
from tests.admin.conftest import Watch, Watched, watched
from tests.server.conftest import gate, live_server
from tests.server.live import PATIENCE, Gate, Peer

__all__ = ["gate", "live_server", "watched"]  # fixtures


class Terminal:
    """A terminal with ``ehttpd top`` in it."""

    def __init__(self, address: str, columns: int = 80, lines: int = 24, interval: str = "0.1") -> None:
        self._ours, self.theirs = pty.openpty()
        self.resize(columns, lines)
        self.before = termios.tcgetattr(self.theirs)
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ehttpd", "top", address, "--interval", interval],
            stdin=self.theirs, stdout=self.theirs, stderr=self.theirs, start_new_session=True,
        )  # fmt: skip
        self.written = self._rest = ""
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def resize(self, columns: int, lines: int) -> None:
        self.columns, self.lines = columns, lines
        fcntl.ioctl(self._ours, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

    def press(self, keys: str) -> None:
        os.write(self._ours, keys.encode())

    def screen(self, shows: Callable[[str], bool]) -> str:
        """Return the next whole screen that shows something."""
        deadline = time.monotonic() + PATIENCE
        while True:
            *frames, self._rest = self._rest.split(CLEAR_BELOW)
            for frame in frames:
                text = plain(frame.rpartition(HOME)[2]).replace(CLEAR_LINE, "").replace("\r", "")
                if shows(text):
                    return text
            self._receive(deadline)

    def end(self) -> int:
        """Return the exit code, once all that was written has been read."""
        deadline = time.monotonic() + PATIENCE
        while self.process.poll() is None:
            self._receive(deadline, patient=True)
        while self._receive(deadline, patient=True):
            pass
        return self.process.returncode

    def _receive(self, deadline: float, patient: bool = False) -> bool:
        assert time.monotonic() < deadline, f"never shown; the last was: {plain(self.written[-3000:])}"
        ready, _, _ = select.select([self._ours], [], [], 0.05)
        if ready:
            data = self._decoder.decode(os.read(self._ours, 1 << 16))
            self.written += data
            self._rest += data
        elif not patient:
            assert self.process.poll() is None, f"it has ended: {plain(self.written)}"
        return bool(ready)

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._ours)
        os.close(self.theirs)


@pytest.fixture
def it(watched: Watch, gate: Gate) -> Iterator[Watched]:
    """A server of which one request is in flight."""

    def handler(request: Request) -> Response:
        if request.path == "/reports":
            gate.wait()
        return Response.text("done")

    it = watched(handler, threads=4)
    peer: Peer = it.server.connect()
    peer.send(b"GET /reports?\x1b[31mred HTTP/1.1\r\nHost: here\r\n\r\n".replace(b"\x1b", b"%1b"))
    gate.await_arrivals()
    it.server.connect().ask("/quick")
    yield it
    gate.open()


@pytest.fixture
def terminal(it: Watched) -> Iterator[Terminal]:
    terminal = Terminal(it.address)
    try:
        yield terminal
    finally:
        terminal.close()


def test_it_shows_the_server_its_workers_and_what_is_slowest_in_80_columns_and_24_lines(terminal: Terminal) -> None:
    shown = terminal.screen(lambda text: "req/s" in text and "GET /reports" in text)
    lines = shown.split("\n")
    assert len(lines) == 24
    assert max(map(len, lines)) <= 80
    assert lines[0].startswith("ehttpd — shop:app   ready   up ")
    assert "threads 1/4 busy" in shown
    assert "BUSY/ALIVE/MAX" in shown
    assert "SLOWEST NOW" in shown
    terminal.press("q")
    assert terminal.end() == 0


def test_keys_change_what_is_shown(terminal: Terminal) -> None:
    terminal.screen(lambda text: "SLOWEST NOW" in text)
    terminal.press("t")
    terminal.screen(lambda text: "THREAD" in text and "serves" in text and "SLOWEST" not in text)
    terminal.press("r")
    terminal.screen(lambda text: "IN FLIGHT" in text)
    terminal.press("l")
    terminal.screen(lambda text: "SEEN TO BE SLOW" in text and "/reports" in text)
    terminal.press("ws")
    terminal.screen(lambda text: "WORKER" in text)
    terminal.press("p")
    terminal.screen(lambda text: "paused" in text)
    terminal.press("p")
    terminal.screen(lambda text: "paused" not in text)
    terminal.press("\x03")
    assert terminal.end() == 0


def test_another_size_is_filled(terminal: Terminal) -> None:
    terminal.screen(lambda text: "req/s" in text)
    terminal.resize(120, 12)
    os.kill(terminal.process.pid, signal.SIGWINCH)
    shown = terminal.screen(lambda text: text.count("\n") == 11)
    assert 80 < max(map(len, shown.split("\n"))) <= 120


def test_who_wants_no_colours_gets_none(it: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    with closing(Terminal(it.address)) as terminal:
        terminal.screen(lambda text: "BUSY/ALIVE/MAX" in text)
        assert "\x1b[7m" in terminal.written
        assert re.search(r"\x1b\[[0-9;]*3[0-7]m", terminal.written) is None


@pytest.mark.parametrize("interval", ["inf", "1e300", "nan", "-1"])
def test_an_interval_without_end_ends_nothing(it: Watched, interval: str) -> None:
    with closing(Terminal(it.address, interval=interval)) as terminal:
        terminal.screen(lambda text: "req/s" in text or "requests" in text)
        terminal.press("q")
        assert terminal.end() == 0


@pytest.mark.parametrize("end", [lambda it: it.press("q"), lambda it: it.process.terminate()], ids=["key", "signal"])
def test_the_terminal_is_given_back_as_it_was(terminal: Terminal, end: Callable[[Any], None]) -> None:
    terminal.screen(lambda text: "req/s" in text)
    assert termios.tcgetattr(terminal.theirs) != terminal.before
    end(terminal)
    assert terminal.end() == 0
    assert termios.tcgetattr(terminal.theirs) == terminal.before
    assert terminal.written.index(OTHER_SCREEN) < terminal.written.rindex(OWN_SCREEN)


def test_a_server_that_goes_is_told_and_waited_for(terminal: Terminal, it: Watched, gate: Gate) -> None:
    terminal.screen(lambda text: "req/s" in text)
    gate.open()
    it.admin.stop()
    terminal.screen(lambda text: "nobody answers" in text)
    terminal.press("q")
    assert terminal.end() == 0


def test_without_a_terminal_it_says_what_to_do(it: Watched) -> None:
    from ehttpd.commands.top import run

    with pytest.raises(OperatorError, match="terminal") as refused:
        run([it.address])
    assert "ehttpd status" in refused.value.cure


def test_where_there_are_no_such_terminals_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "termios", None)  # as on Windows
    with pytest.raises(OperatorError, match="this system has no terminals"), own_terminal():
        pass
