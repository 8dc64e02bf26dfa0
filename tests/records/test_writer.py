"""What lines are written to: whole, in order, bounded, told of when lost, and nobody waits for it."""

from __future__ import annotations

import errno
import os
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

import pytest

from ehttpd.records import writer as module
from ehttpd.records.targets import PIPE_AT_ONCE, File, Stream, SystemLog, pieces, together
from ehttpd.records.writer import Writer
from tests.server.live import PATIENCE, come_true, in_parallel

LOST = "Lines are lost until it can be written again."


class Listener:
    """A target that notes what it is given, and fails or waits when told to."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.error: OSError | None = None
        self.opens = threading.Event()
        self.opens.set()
        self.asked = threading.Semaphore(0)

    def write(self, chunks: Sequence[bytes]) -> tuple[int, OSError | None]:
        self.asked.release()
        assert self.opens.wait(PATIENCE)
        if self.error is not None:
            return 0, self.error
        lines = b"".join(chunks)
        self.lines += lines.decode().splitlines()
        return len(lines), None

    def takes(self, octets: int) -> bool:
        return self.opens.is_set()

    def reopen(self) -> None:
        if self.error is not None:
            raise self.error
        self.lines.append("(opened anew)")

    def close(self) -> None:
        self.lines.append("(closed)")


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def listener() -> Listener:
    return Listener()


def test_lines_are_written_in_order_by_a_thread(listener: Listener, told: list[str]) -> None:
    writer = Writer(listener, "the log", told.append)
    for number in range(1000):
        writer.write(str(number))
    assert writer.flush(PATIENCE)
    assert listener.lines == [str(number) for number in range(1000)]
    assert writer.close(PATIENCE)
    assert listener.lines[-1] == "(closed)"
    assert told == []


def test_lines_of_several_threads_are_all_written(listener: Listener, told: list[str]) -> None:
    writer = Writer(listener, "the log", told.append)

    def write(name: str) -> None:
        for number in range(2000):
            writer.write(f"{name}{number}")

    with in_parallel(lambda: write("a"), lambda: write("b"), lambda: write("c")):
        pass
    assert writer.close(PATIENCE)
    assert len(listener.lines) == 6001
    for name in "abc":
        assert [line for line in listener.lines if line[0] == name] == [f"{name}{number}" for number in range(2000)]


def test_a_target_that_takes_nothing_stalls_nobody(
    listener: Listener, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MOST_HELD", 100)
    listener.opens.clear()
    writer = Writer(listener, "the log", told.append)
    writer.write("first")
    assert listener.asked.acquire(timeout=PATIENCE)  # the thread waits inside of the target
    for _ in range(50):
        writer.write("0123456789")
    assert writer.dropped == 40
    assert told == [f"Cannot write the log: nobody takes the lines in time. {LOST}"]
    writer.write_now("not even now")
    assert not writer.flush(0.01)
    listener.opens.set()
    assert writer.flush(PATIENCE)
    assert told[1:] == ["The log can be written again; 41 lines were lost."]
    writer.write("last")
    writer.close(PATIENCE)
    assert listener.lines == ["first", *["0123456789"] * 10, "last", "(closed)"]


def test_a_full_disk_is_told_once(listener: Listener, told: list[str]) -> None:
    listener.error = OSError(errno.ENOSPC, "No space left on device")
    writer = Writer(listener, "the log", told.append)
    for _ in range(3):
        writer.write("lost")
        assert writer.flush(PATIENCE)
    writer.write_now("lost")
    assert told == [f"Cannot write the log: No space left on device. {LOST}"]
    listener.error = None
    writer.write_now("there")
    assert told[1:] == ["The log can be written again; 4 lines were lost."]
    writer.close(PATIENCE)
    assert listener.lines == ["there", "(closed)"]


def test_a_target_that_cannot_be_opened_anew_stays_as_it_is(listener: Listener, told: list[str]) -> None:
    writer = Writer(listener, "the log", told.append)
    listener.error = OSError(errno.ENOENT, "No such file or directory")
    writer.reopen()
    assert writer.flush(PATIENCE)
    assert told == ["Cannot open the log anew: No such file or directory. What was open is written to."]
    listener.error = None
    writer.reopen()
    assert writer.flush(PATIENCE)
    assert listener.lines == ["(opened anew)"]
    writer.close(PATIENCE)


def test_an_end_does_not_wait_for_a_target_that_takes_nothing(listener: Listener, told: list[str]) -> None:
    listener.opens.clear()
    writer = Writer(listener, "the log", told.append)
    writer.write("first")
    assert listener.asked.acquire(timeout=PATIENCE)
    writer.write("second")
    assert not writer.close(0.01)
    assert told == ["Nobody takes what is left for the log: at least 1 lines are lost."]
    listener.opens.set()
    assert writer.close(PATIENCE)
    assert listener.lines == ["first", "second", "(closed)"]


@pytest.mark.parametrize("taken", [True, False])
def test_where_there_can_be_no_thread_the_end_writes_what_is_taken_at_once(
    taken: bool, listener: Listener, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading.Thread, "start", refused)
    writer = Writer(listener, "the log", told.append)
    writer.write("first")
    if not taken:
        listener.opens.clear()
    assert writer.close(PATIENCE) is taken
    assert listener.lines == (["first", "(closed)"] if taken else [])
    assert told == ([] if taken else ["Nobody takes what is left for the log: at least 1 lines are lost."])


def refused(thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_line_that_is_urgent_is_there_at_once(listener: Listener, told: list[str]) -> None:
    writer = Writer(listener, "the log", told.append)
    writer.write_now("now")
    assert listener.lines == ["now"]
    assert threading.active_count() == 1
    assert writer.close(PATIENCE)


# Files, pipes and the system's log


def test_a_file_is_added_to_and_opened_anew(tmp_path: Path) -> None:
    (tmp_path / "a.log").write_text("before\n")
    file = File(str(tmp_path / "a.log"))
    assert file.write([b"one\ntwo\n"]) == (8, None)
    (tmp_path / "a.log").rename(tmp_path / "a.log.1")
    assert file.write([b"three\n"]) == (6, None)
    file.reopen()
    assert file.write([b"four\n"]) == (5, None)
    file.close()
    assert (tmp_path / "a.log.1").read_bytes() == b"before\none\ntwo\nthree\n"
    assert (tmp_path / "a.log").read_bytes() == b"four\n"


def test_a_line_that_was_torn_by_a_full_disk_stays_one_line() -> None:
    reading, writing = os.pipe()
    stream = Stream(writing)
    os.set_blocking(writing, False)
    calls: SimpleQueue[int] = SimpleQueue()
    write = os.writev

    def tearing(descriptor: int, data: list[bytes]) -> int:
        calls.put(len(data))
        if calls.qsize() == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        return write(descriptor, [data[0][:3]] if calls.qsize() == 1 else data)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ehttpd.records.targets.os.writev", tearing)
        written, error = stream.write([b"abcdef\n"])
        assert (written, error is None) == (0, False)
        assert stream.write([b"next\n"]) == (5, None)
    assert os.read(reading, 100) == b"abc\nnext\n"
    os.close(reading)
    os.close(writing)


def test_into_a_pipe_lines_go_in_pieces_that_nobody_mixes() -> None:
    lines = (b"x" * 999 + b"\n") * 10
    assert [len(piece) for piece in pieces(lines, PIPE_AT_ONCE)] == [4000, 4000, 2000]
    assert list(pieces(b"long" * 5000 + b"\na\n", PIPE_AT_ONCE)) == [b"long" * 5000 + b"\n", b"a\n"]
    assert list(pieces(b"x" * 4095 + b"\n", PIPE_AT_ONCE)) == [b"x" * 4095 + b"\n"]
    assert list(pieces(b"", PIPE_AT_ONCE)) == []


def test_chunks_go_together_as_far_as_nobody_mixes_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.records.targets.MOST_AT_ONCE", 3)
    assert list(together([b"a\n", b"b\n", b"c\n", b"d\n"], 100)) == [[b"a\n", b"b\n", b"c\n"], [b"d\n"]]
    assert list(together([b"a\nb\n", b"c\n", b"d\n"], 4)) == [[b"a\nb\n"], [b"c\n", b"d\n"]]
    assert list(together([b"a\nb\nc\n", b"d\n"], 4)) == [[b"a\nb\n"], [b"c\n", b"d\n"]]
    assert list(together([b"long\n", b"a\n"], 4)) == [[b"long\n"], [b"a\n"]]
    assert list(together([], 4)) == []


def test_what_the_system_takes_in_part_is_written_on(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    write = os.writev
    monkeypatch.setattr("ehttpd.records.targets.os.writev", lambda where, data: write(where, [b"".join(data)[:2]]))
    assert Stream(writing).write([b"one\n", b"two\n", b"three\n"]) == (14, None)
    assert os.read(reading, 100) == b"one\ntwo\nthree\n"
    os.close(reading)
    os.close(writing)


def test_a_full_pipe_takes_nothing_and_a_closed_one_neither() -> None:
    reading, writing = os.pipe()
    stream = Stream(writing)
    assert stream.takes(10)
    assert not stream.takes(PIPE_AT_ONCE + 1)
    os.set_blocking(writing, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(writing, b"x" * 4096)
    assert not stream.takes(10)
    with in_parallel(lambda: [os.read(reading, 1 << 20) for _ in range(1)]):
        assert stream.write([b"waits until it is read\n"]) == (23, None)
    os.close(reading)
    _, error = stream.write([b"nobody\n"])
    assert error is not None
    assert error.errno == errno.EPIPE
    os.close(writing)


def test_the_log_of_the_system_gets_a_datagram_for_each_line(tmp_path: Path) -> None:
    path = str(tmp_path / "log")

    def daemon() -> socket.socket:
        listening = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        listening.bind(path)
        return listening

    with daemon() as listening:
        target = SystemLog(path)
        assert not target.takes(1)
        assert target.write([b"one\ntwo\n"]) == (8, None)
        start = f"<30>ehttpd[{os.getpid()}]: ".encode()
        assert [listening.recv(100), listening.recv(100)] == [start + b"one", start + b"two"]
    os.unlink(path)
    written, error = target.write([b"lost\n"])
    assert (written, error is not None) == (0, True)
    with daemon() as listening:
        assert target.write([b"again\n"]) == (6, None)
        assert listening.recv(100).endswith(b"again")
    target.close()


def test_processes_that_add_to_one_file_never_mix_their_lines(tmp_path: Path) -> None:
    path = str(tmp_path / "a.log")

    def write(letter: bytes) -> None:
        file, lines = File(path), (letter * 500 + b"\n") * 20
        for _ in range(50):
            assert file.write([lines]) == (len(lines), None)
        file.close()

    with in_parallel(lambda: write(b"a"), lambda: write(b"b")):  # the kernel knows descriptors only, not processes
        pass
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert sorted(lines) == ["a" * 500] * 1000 + ["b" * 500] * 1000


def test_the_thread_rests_when_nothing_is_to_be_written(listener: Listener) -> None:
    writer = Writer(listener, "the log", print)
    writer.write("a")
    assert writer.flush(PATIENCE)
    come_true(lambda: writer._rests)
    assert writer.close(PATIENCE)
