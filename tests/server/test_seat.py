"""Several processes, each with a lane, that accept from the same listening sockets: here in one."""

from __future__ import annotations

import mmap
import os
import socket
from typing import Any, Self

import pytest

from ehttpd.messages import Handler, Request, Response
from ehttpd.server.seat import EMPTY, SEATS, WIDTH, Seat, new_board
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, come_true, hello, in_parallel

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n"


def board() -> mmap.mmap:
    memory = mmap.mmap(-1, SEATS * WIDTH)
    new_board(memory)
    return memory


def figures(memory: mmap.mmap) -> list[int]:
    return [each for each in memoryview(memory).cast("q").tolist() if each != EMPTY]


def test_whoever_holds_far_more_than_another_is_crowded() -> None:
    memory = board()
    few, many = Seat(memory, 0), Seat(memory, 1)
    for least, bearable in ((0, 4), (10, 14), (800, 1000)):
        few.count(least)
        many.count(bearable)
        assert not many.crowded
        many.count(bearable + 1)
        assert many.crowded
    for least, bearable in ((0, 4), (10, 24)):
        few.count(least)
        many.count(bearable)
        assert not many.overfull
        assert many.share == (least + bearable) // 2
        many.count(bearable + 1)
        assert many.overfull


def test_whoever_is_alone_is_never_crowded() -> None:
    memory = board()
    seat, other = Seat(memory, 0), Seat(memory, 1)
    other.leave()
    seat.count(1000)
    assert not seat.crowded


class Two:
    """Two servers that accept from one listening socket."""

    def __init__(self, handler: Handler = hello, **options: Any) -> None:
        self.memory = board()
        with socket.create_server(("127.0.0.1", 0), backlog=256) as listening:
            self.servers = [self._server(handler, listening, number, options) for number in range(2)]

    def _server(
        self, handler: Handler, listening: socket.socket, number: int, options: dict[str, Any]
    ) -> LiveServer:
        server = LiveServer(handler, bind=f"fd:{os.dup(listening.fileno())}", **options)
        server.share(Seat(self.memory, number))
        server.listen()
        return server

    def connect(self) -> Peer:
        return self.servers[1].connect()

    def held(self) -> list[int]:
        return [server.lane.open_connections for server in self.servers]

    def __enter__(self) -> Self:
        for server in self.servers:
            server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.servers[1].hang_up()
        assert [server.stop() for server in self.servers] == [True, True]


def test_connections_are_spread_over_both(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.server.entrance.PAUSE", 0.1)  # the other needs that long on a busy machine
    with Two() as two:
        peers = [two.connect() for _ in range(64)]
        for peer in peers:
            peer.send(GET)
        assert [peer.reply().status for peer in peers] == [200] * 64
        assert sorted(figures(two.memory)) == sorted(two.held())
        assert min(two.held()) >= 16


def test_who_has_no_thread_left_leaves_connections_to_who_has(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.server.entrance.PAUSE", 2 * PATIENCE)
    gate = Gate()

    def handler(request: Request) -> Response:
        if request.target == "/wait":
            gate.wait()
        return hello(request)

    with Two(handler, threads=1) as two:
        waiting = two.connect()
        waiting.send(WAIT)
        gate.await_arrivals()
        busy = next(server for server in two.servers if server.lane.open_connections)
        come_true(lambda: busy.lane.pool.exhausted)  # the relief has taken the lead from it
        for _ in range(3):
            assert two.connect().ask().status == 200
        gate.open()
        assert waiting.reply().status == 200


def test_where_another_one_hangs_everybody_is_served_nevertheless() -> None:
    with Two() as two:
        Seat(two.memory, 5)  # holds none, and takes none
        peers = [two.connect() for _ in range(64)]
        assert [peer.ask().status for peer in peers] == [200] * 64


def test_connections_go_where_there_are_fewer_with_their_next_responses() -> None:
    with Two() as two:
        server, other = two.servers
        other.stop(shared=True)
        peers = [server.connect() for _ in range(20)]
        assert {peer.ask().fields.get("connection") for peer in peers} == {None}
        Seat(two.memory, 5)  # another process has come
        with in_parallel(lambda: server.shed(PATIENCE)):
            while len(peers) > 10:
                peers = [peer for peer in peers if peer.ask().fields.get("connection") != "close"]
        assert {peer.ask().fields.get("connection") for peer in peers} <= {None}
        server.hang_up()


def test_what_waits_at_shared_sockets_is_left_to_others() -> None:
    with Two() as two:
        first, _ = two.servers
        peers = [two.connect() for _ in range(8)]
        assert [peer.ask().status for peer in peers] == [200] * 8
        with in_parallel(lambda: first.stop(patience=PATIENCE, shared=True)):
            come_true(lambda: len(figures(two.memory)) == 1)
            # Whoever is at the one that leaves is answered, and told to come again.
            replies = [peer.ask() for peer in peers]
            assert {reply.status for reply in replies} == {200}
            assert any(reply.fields.get("connection") == "close" for reply in replies)
            assert two.connect().ask().fields.get("connection") is None
