"""Connections without HTTP: sources and sinks."""

from __future__ import annotations

import threading
import time
from typing import BinaryIO

import pytest

from ehttpd.errors import ConnectionLost
from ehttpd.server.raw import Sink
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate


def upper_lines(source: BinaryIO, sink: Sink) -> bool:
    """Answer a line in capitals; go on until one is empty."""
    line = source.readline()
    sink.write(line.upper())
    sink.flush()
    return bool(line.strip())


def test_a_handler_is_called_again_for_what_comes_next(live_server: LiveServers) -> None:
    peer = live_server(connection=upper_lines).connect()
    for word in (b"one\n", b"two\n", b"three\n"):
        peer.send(word)
        assert peer.read(len(word)) == word.upper()
    peer.send(b"\n")
    assert peer.rest() == b"\n"


def test_what_came_at_once_is_handled_in_order(live_server: LiveServers) -> None:
    peer = live_server(connection=upper_lines).connect()
    lines = b"".join(b"line %d\n" % each for each in range(1000))
    peer.send(lines + b"\n")
    assert peer.rest() == lines.upper() + b"\n"


def test_a_handler_that_waits_for_more_keeps_no_other_waiting(live_server: LiveServers) -> None:
    server = live_server(connection=upper_lines, threads=2)
    slow, fast = server.connect(), server.connect()
    slow.send(b"half a ")
    fast.send(b"line\n")
    assert fast.read(5) == b"LINE\n"
    slow.send(b"line\n")
    assert slow.read(12) == b"HALF A LINE\n"


def test_reading_sees_the_end_when_the_client_has_half_closed(live_server: LiveServers) -> None:
    def echo_all(source: BinaryIO, sink: Sink) -> bool:
        sink.write(source.read())
        return True

    peer = live_server(connection=echo_all).connect()
    peer.send(b"all there is")
    peer.half_close()
    assert peer.rest() == b"all there is"


def test_a_client_that_says_nothing_any_more_is_given_up(live_server: LiveServers) -> None:
    gate = Gate()

    def wait_for_more(source: BinaryIO, sink: Sink) -> bool:
        source.read(1)
        with pytest.raises(ConnectionLost, match="silent"):
            source.read(1)
        gate.open()
        raise ConnectionLost("as it would be")

    peer = live_server(connection=wait_for_more, body_timeout=0.05).connect()
    peer.send(b"x")
    assert peer.ended()
    gate.wait()


def test_writing_waits_for_a_client_that_takes_little(live_server: LiveServers) -> None:
    data = bytes(range(256)) * 20_000

    def pour(source: BinaryIO, sink: Sink) -> bool:
        source.readline()
        for start in range(0, len(data), 10_000):
            sink.write(data[start : start + 10_000])
        return False

    server = live_server(connection=pour, output_buffer=10_000, threads=2)
    slow, fast = server.connect(receive_buffer=4096), server.connect()
    slow.send(b"\n")
    assert slow.read(1) == data[:1]
    fast.send(b"\n")
    assert fast.rest() == data
    assert slow.rest() == data[1:]


def test_unsent_output_of_a_persistent_connection_is_finished_before_the_next_call(live_server: LiveServers) -> None:
    data = b"x" * 3_000_000

    def answer(source: BinaryIO, sink: Sink) -> bool:
        source.readline()
        sink.write(data)
        return True

    peer = live_server(connection=answer, output_buffer=4_000_000).connect(receive_buffer=4096)
    for _ in range(2):
        peer.send(b"\n")
        assert peer.read(len(data)) == data


@pytest.mark.parametrize("error", [LookupError, SystemExit, KeyboardInterrupt])
def test_a_handler_that_fails_costs_its_connection_only(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture, error: type[BaseException]
) -> None:
    def fail(source: BinaryIO, sink: Sink) -> bool:
        sink.write(source.readline())
        raise error("on purpose")

    server = live_server(connection=fail)
    for _ in range(3):
        peer = server.connect()
        peer.send(b"x\n")
        assert peer.rest() == b"x\n"
    assert "on purpose" in caplog.text


def test_a_connection_rests_as_long_as_the_operator_says(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ehttpd.server.lane.RESTS_AFTER", 0.1)
    peer = live_server(connection=upper_lines, keep_alive_timeout=0.3).connect()
    began = time.monotonic()
    peer.send(b"x\n")
    assert peer.rest() == b"X\n"
    assert time.monotonic() - began >= 0.3


def test_a_connection_that_says_nothing_at_all_is_closed(live_server: LiveServers) -> None:
    assert live_server(connection=upper_lines, header_timeout=0.05).connect().ended()


def test_draining_closes_what_rests_and_lets_a_handler_finish(live_server: LiveServers, gate: Gate) -> None:
    def answer_late(source: BinaryIO, sink: Sink) -> bool:
        line = source.readline()
        if line == b"late\n":
            gate.wait()
        sink.write(line)
        return True

    server = live_server(connection=answer_late)
    resting, busy = server.connect(), server.connect()
    resting.send(b"x\n")
    assert resting.read(2) == b"x\n"
    busy.send(b"late\n")
    gate.await_arrivals()
    stopping = threading.Thread(target=server.stop)
    stopping.start()
    assert resting.ended()
    gate.open()
    assert busy.rest() == b"late\n"
    stopping.join(PATIENCE)


def test_beyond_the_queue_a_connection_is_closed(live_server: LiveServers, gate: Gate) -> None:
    def wait(source: BinaryIO, sink: Sink) -> bool:
        source.readline()
        gate.wait()
        return False

    server = live_server(connection=wait, threads=1, queue_limit=0)
    first, second = server.connect(), server.connect()
    first.send(b"x\n")
    gate.await_arrivals()
    second.send(b"x\n")
    assert second.ended()
    gate.open()
    assert first.ended()
