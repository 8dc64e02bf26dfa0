"""Request bodies on their way to the handler: in memory first, then in a temporary file."""

from __future__ import annotations

import errno
import io
import socket
import struct
import tempfile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import ServiceUnavailable
from ehttpd.messages import Request, Response
from ehttpd.server.arrival import Arrival
from ehttpd.server.body import BLOCK_FROM, DECODE_AT_ONCE, KEPT_FREE, BlockFile, Blocks, BodyBuffer
from ehttpd.server.budget import Budget
from ehttpd.server.connection import Connection, Next
from tests.server.conftest import LiveServers
from tests.server.live import Peer, come_true

CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


def echo(request: Request) -> Response:
    return Response(request.body.read(), headers={"Kept-In": type(request.body).__name__})


def filled(in_memory: int, *pieces: bytes) -> BodyBuffer:
    buffer = BodyBuffer(in_memory, Budget())
    for piece in pieces:
        buffer.write(piece)
    return buffer


@pytest.mark.parametrize("pieces", [[], [b"abcd"], [b"ab", b"cd"], [b"", b"a"]])
def test_a_short_body_stays_in_memory(pieces: list[bytes]) -> None:
    buffer = filled(4, *pieces)
    assert buffer.size == len(b"".join(pieces))
    body = buffer.finish()
    assert isinstance(body, io.BytesIO)
    assert body.read() == b"".join(pieces)


@pytest.mark.parametrize("pieces", [[b"abcde"], [b"abcd", b"e"], [b"ab", b"cdef", b"gh"]])
def test_a_longer_body_moves_to_a_temporary_file(pieces: list[bytes]) -> None:
    with filled(4, *pieces).finish() as body:
        assert not isinstance(body, io.BytesIO)
        assert body.tell() == 0
        assert body.read() == b"".join(pieces)


def test_a_discarded_body_closes_its_file() -> None:
    buffer = filled(4, b"abcde")
    file = buffer._file
    assert file is not None
    buffer.discard()
    assert file.closed


def test_a_body_that_was_handed_over_is_not_discarded_any_more() -> None:
    buffer = filled(4, b"abcde")
    with buffer.finish() as body:
        buffer.discard()
        assert body.read() == b"abcde"


@pytest.mark.parametrize(
    ("size", "kept_in"),
    [
        (BLOCK_FROM, "HeldFile"),
        (BLOCK_FROM + 1, "BlockFile"),
        (2 * BLOCK_FROM, "BlockFile"),
        (2 * BLOCK_FROM + 1, "BufferedRandom"),
    ],
)
@pytest.mark.parametrize("pieces", [1, 2, 1000])
def test_a_body_that_grows_moves_to_a_block_and_then_to_a_temporary_file(size: int, kept_in: str, pieces: int) -> None:
    budget = Budget()
    blocks = Blocks(2 * BLOCK_FROM, budget)
    contents = (bytes(range(251)) * 600)[:size]
    at_once = -(-size // pieces)
    for finished in (True, False):
        buffer = BodyBuffer(2 * BLOCK_FROM, budget, blocks)
        for start in range(0, size, at_once):
            buffer.write(contents[start : start + at_once])
        assert budget.held == (size if kept_in != "BufferedRandom" else 0)
        if finished:
            with buffer.finish() as body:
                assert type(body).__name__ == kept_in
                assert body.read() == contents
        buffer.discard()
        assert budget.held == 0
    in_block = kept_in == "BlockFile" or (kept_in == "BufferedRandom" and pieces > 1)
    assert len(blocks._free) == in_block, "it is given back, and used again"


def test_who_may_keep_no_more_in_memory_gives_back_what_was_kept() -> None:
    budget = Budget(BLOCK_FROM + 10)
    blocks = Blocks(4 * BLOCK_FROM, budget)
    buffer = BodyBuffer(4 * BLOCK_FROM, budget, blocks)
    buffer.write(b"x" * 10)
    buffer.write(b"x" * BLOCK_FROM)
    with pytest.raises(ServiceUnavailable):
        buffer.write(b"x")
    assert budget.held == budget.limit
    buffer.discard()
    assert budget.held == 0
    assert len(blocks._free) == 1


def test_a_body_that_outgrows_the_blocks_moves_to_larger_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.server.body.KEPT_FREE", 2 * BLOCK_FROM)
    budget = Budget()
    blocks = Blocks(5 * BLOCK_FROM, budget)
    buffer = BodyBuffer(5 * BLOCK_FROM, budget, blocks)
    contents = bytes(range(256)) * (BLOCK_FROM // 256) * 5
    for start in range(0, len(contents), BLOCK_FROM):
        buffer.write(contents[start : start + BLOCK_FROM])
        assert budget.held == buffer.size
    with buffer.finish() as body:
        assert isinstance(body, BlockFile)
        assert body.read() == contents
    assert budget.held == 0
    assert [len(each) for each in blocks._free] == [2 * BLOCK_FROM], "no larger one is kept"


@pytest.mark.parametrize("body_memory", ["1024g", "9000000000g"])  # beyond what can be had, or counted
@pytest.mark.parametrize("size", [BLOCK_FROM + 1, KEPT_FREE + 1])
@pytest.mark.parametrize("chunked", [False, True])
def test_bodies_may_be_kept_in_memory_however_long_they_are(
    live_server: LiveServers, body_memory: str, size: int, chunked: bool
) -> None:
    peer = live_server(lambda request: Response(request.body.read()[-3:]), body_memory=body_memory).connect()
    body = bytes(size - 3) + b"end"
    if chunked:
        peer.send(CHUNKED, b"%x\r\n" % size, body, b"\r\n0\r\n\r\n")
        assert peer.reply().body == b"end"
    else:
        assert peer.ask(method="POST", body=body).body == b"end"


CONTENTS = b"first\n\nthird line\nno end"
SIZES = st.one_of(st.none(), st.integers(-2, 40))
steps = st.one_of(
    st.tuples(st.sampled_from(["read", "read1", "readline"]), st.tuples(SIZES)),
    st.tuples(st.just("readlines"), st.just(())),
    st.tuples(st.sampled_from(["readall", "tell", "readable", "seekable", "__next__"]), st.just(())),
    st.tuples(st.just("seek"), st.tuples(st.integers(-3, 40), st.integers(0, 2))),
)


def no_memory(*arguments: object) -> None:
    raise OSError(errno.ENOMEM, "Cannot allocate memory")


@pytest.mark.parametrize(
    "head", [CHUNKED, b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: %d\r\n\r\n" % (BLOCK_FROM + 1)]
)
def test_a_body_that_finds_no_memory_is_refused_and_never_taken_for_a_request(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch, head: bytes
) -> None:
    server = live_server(echo)
    peer = server.connect()
    assert peer.ask().status == 200
    monkeypatch.setattr("mmap.mmap", no_memory)
    peer.send(head)
    if head is CHUNKED:
        peer.send(b"%x\r\n" % (BLOCK_FROM + 1), bytes(BLOCK_FROM + 1))
    else:
        peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    assert peer.reply().status == 503
    assert peer.ended()
    assert server.lane.budget.held == 0


def block_file(contents: bytes, blocks: Blocks | None = None) -> BlockFile:
    blocks = blocks or Blocks(1000, Budget())
    block = blocks.take()
    block[:] = b"\n" * 1000
    block[: len(contents)] = contents
    return BlockFile(blocks, block, len(contents))


@given(st.lists(steps, max_size=12))
def test_a_block_reads_as_a_file_in_memory_does(asked: list[tuple[str, tuple[int, ...]]]) -> None:
    def outcome(file: Any, name: str, arguments: tuple[int, ...]) -> object:
        try:
            found = file.read if name == "readall" else getattr(file, name)
            return found(*arguments)
        except (ValueError, StopIteration) as error:
            return type(error)

    with block_file(CONTENTS) as ours, io.BytesIO(CONTENTS) as theirs:
        for name, arguments in asked:
            assert outcome(ours, name, arguments) == outcome(theirs, name, arguments)


def test_a_block_fills_what_it_is_given() -> None:
    with block_file(b"abcdef") as file:
        room = bytearray(4)
        assert (file.readinto(room), bytes(room)) == (4, b"abcd")
        assert (file.readinto(room), bytes(room[:2])) == (2, b"ef")
        assert file.readinto(room) == 0
        with pytest.raises(OSError):
            file.write(b"x")


def test_a_block_is_used_again_and_never_read_by_who_had_it_before() -> None:
    blocks = Blocks(1000, Budget())
    first = block_file(b"secret", blocks)
    first.close()
    with block_file(b"other", blocks) as second:
        assert second._block is not None
        assert not blocks._free
        for read in (first.read, first.readline, lambda: list(first), first.readlines):
            with pytest.raises(ValueError, match=r"closed|after its response"):
                read()
        first.close()
        assert not blocks._free
    assert len(blocks._free) == 1


@pytest.mark.parametrize("size", [BLOCK_FROM, BLOCK_FROM + 1, 1 << 20])
def test_large_bodies_arrive_whole_one_after_the_other(live_server: LiveServers, size: int) -> None:
    peer = live_server(echo).connect()
    for number in range(3):
        body = bytes([number]) * size
        assert peer.ask(method="POST", body=body).body == body


@pytest.mark.parametrize(("size", "kept_in"), [(1000, "HeldFile"), (1001, "BufferedRandom")])
def test_a_handler_reads_a_body_of_any_size_from_a_file(live_server: LiveServers, size: int, kept_in: str) -> None:
    body = (bytes(range(256)) * 4)[:size]
    reply = live_server(echo, body_memory=1000).connect().ask(method="POST", body=body)
    assert reply.body == body
    assert reply.fields["kept-in"] == kept_in


def test_a_chunked_body_moves_to_a_file_as_it_grows(live_server: LiveServers) -> None:
    peer = live_server(echo, body_memory=1000).connect()
    chunk = b"64\r\n" + b"x" * 100 + b"\r\n"
    peer.send(CHUNKED, *[chunk] * 15, b"0\r\n\r\n")
    reply = peer.reply()
    assert reply.body == b"x" * 1500
    assert reply.fields["kept-in"] == "BufferedRandom"


def test_a_chunked_body_of_some_length_is_read_from_a_block(live_server: LiveServers) -> None:
    peer = live_server(echo).connect()
    for octet in (b"a", b"b"):
        peer.send(CHUNKED, *[b"1000\r\n" + octet * 4096 + b"\r\n"] * 20, b"0\r\n\r\n")
        reply = peer.reply()
        assert reply.body == octet * 4096 * 20
        assert reply.fields["kept-in"] == "BlockFile"


def test_of_a_body_that_comes_with_its_head_no_more_is_decoded_at_once_than_of_any_other(
    live_server: LiveServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A head is received with 64 KiB, and those in chunks of one octet would keep everybody waiting for 40 ms."""
    read = Arrival.read
    taken: list[int] = []

    def watched(arrival: Arrival, connection: Connection, now: float) -> Next:
        before = connection.reader.pending
        step = read(arrival, connection, now)
        taken.append(before - connection.reader.pending)
        return step

    monkeypatch.setattr(Arrival, "read", watched)
    server = live_server(lambda request: Response(request.body.read()))
    sending, served = socket.socketpair()
    with sending:
        sending.sendall(CHUNKED + b"1\r\nx\r\n" * 9000)
        server.dispatch(served)
        come_true(lambda: sum(taken) == 6 * 9000)
        assert max(taken) <= DECODE_AT_ONCE + len(b"1\r\nx\r\n")
        peer = Peer(sending)
        peer.send(b"0\r\n\r\n")
        assert peer.reply().body == b"x" * 9000
        peer.close()


@pytest.mark.parametrize("size", [10, 5000])
def test_the_body_is_closed_after_its_response(live_server: LiveServers, size: int) -> None:
    bodies: list[Any] = []

    def handler(request: Request) -> Response:
        bodies.append(request.body)
        return Response(b"")

    peer = live_server(handler, body_memory=1000).connect()
    peer.ask(method="POST", body=b"x" * size)
    peer.ask()
    assert bodies[0].closed


def test_a_full_disk_is_not_the_clients_mistake(live_server: LiveServers, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    reply = live_server(echo, body_memory=10).connect().ask(method="POST", body=b"x" * 100)
    assert reply.status == 507


def test_trailers_reach_the_handler(live_server: LiveServers) -> None:
    def handler(request: Request) -> Response:
        return Response.text(request.body.read().decode() + str(list(request.trailers)))

    peer = live_server(handler).connect()
    peer.send(CHUNKED, b"2\r\nab\r\n0\r\nDigest: d\r\n\r\n")
    assert peer.reply().body == b"ab[('Digest', 'd')]"


def test_what_finds_no_room_on_the_disk_is_discarded_without_complaint(monkeypatch: pytest.MonkeyPatch) -> None:
    class FullDisk(io.BytesIO):
        def close(self) -> None:
            super().close()
            raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.TemporaryFile", lambda **options: FullDisk())
    filled(4, b"abcde").discard()


def test_a_connection_that_is_reset_in_a_body_lets_go_of_its_request(live_server: LiveServers) -> None:
    server = live_server(echo)
    peer = server.connect()
    peer.send(CHUNKED + b"5\r\nab")
    assert server.connect().ask().status == 200
    [connection] = [each for each in server.lane.table.resting.values() if each.request is not None]
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()  # with a reset: nobody is left to be refused
    assert server.stop()
    assert connection.request is None, "the two would keep each other, and the body, until the collector comes"
