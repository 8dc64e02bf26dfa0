"""Output that a peer has not taken yet: in order, never blocking, files by the kernel."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.server.budget import Budget
from ehttpd.server.output import FileSlice, Output

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    theirs.settimeout(10)
    with ours, theirs:
        yield ours, theirs


@pytest.fixture(params=["sendfile", "copy"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "copy":
        monkeypatch.delattr(os, "sendfile")


def drained(output: Output, pair: Pair) -> bytes:
    """Send everything; return what arrived."""
    ours, theirs = pair
    arrived = b""
    while output:
        sent = output.send(ours)
        while sent:
            data = theirs.recv(sent)
            arrived += data
            sent -= len(data)
    return arrived


def test_pieces_are_sent_in_order(pair: Pair) -> None:
    output = Output(Budget())
    output.append(b"one ")
    output.append(memoryview(b"and two")[4:])
    assert output.size == 7
    assert drained(output, pair) == b"one two"
    assert output.size == 0


def test_a_file_that_is_closed_meanwhile_has_ended(pair: Pair, way: None, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    output = Output(Budget())
    with path.open("rb") as file:
        output.append_file(FileSlice(file, 0, 1000))
    with pytest.raises(EOFError):
        output.send(pair[0])


def test_what_the_peer_does_not_take_waits(pair: Pair) -> None:
    output = Output(Budget())
    data = bytes(range(256)) * 20_000
    output.append(data)
    output.append(b"end")
    sent = sum(iter(lambda: output.send(pair[0]), 0))
    assert 0 < sent < len(data)
    assert output.size == len(data) + 3 - sent
    arrived = pair[1].recv(sent, socket.MSG_WAITALL)
    assert arrived + drained(output, pair) == data + b"end"


@pytest.mark.usefixtures("way")
def test_a_slice_of_a_file_goes_between_octets(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(range(256)) * 8000)
    output = Output(Budget())
    with path.open("rb") as file:
        output.append(b"<")
        output.append_file(FileSlice(file, 100, 2_000_000))
        output.append(b">")
        assert output.size == 2
        assert drained(output, pair) == b"<" + path.read_bytes()[100:2_000_100] + b">"


@pytest.mark.usefixtures("way")
def test_a_file_that_becomes_shorter_is_noticed(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")
    output = Output(Budget())
    with path.open("rb") as file:
        output.append_file(FileSlice(file, 0, 4))
        with pytest.raises(EOFError):
            drained(output, pair)


def test_a_peer_that_has_gone_is_an_error(pair: Pair) -> None:
    pair[1].close()
    output = Output(Budget())
    output.append(b"x")
    with pytest.raises(OSError):
        output.send(pair[0])


def test_a_fast_reader_of_a_large_file_lets_others_have_their_turn(pair: Pair, tmp_path: Path) -> None:
    class Greedy:
        """A socket that takes everything at once."""

        def send(self, data: memoryview) -> int:
            return len(data)

    output = Output(Budget())
    for _ in range(100):
        output.append(b"x" * (1 << 20))
    assert output.send(Greedy()) < 100 << 20  # type: ignore[arg-type]
    assert output


def test_calls_asked_for_are_made_once_at_the_end() -> None:
    calls: list[str] = []
    output = Output(Budget())
    output.append(b"never sent")
    output.at_end(lambda: calls.append("first"))
    output.at_end(lambda: calls.append("second"))
    output.close()
    output.close()
    assert calls == ["first", "second"]
    assert not output
    assert output.size == 0


def test_a_call_that_fails_is_logged_and_keeps_no_other_from_being_made(caplog: pytest.LogCaptureFixture) -> None:
    calls: list[str] = []
    output = Output(Budget())
    output.at_end(lambda: 1 // 0)
    output.at_end(lambda: calls.append("second"))
    output.close()
    assert calls == ["second"]
    assert "ZeroDivisionError" in caplog.text
