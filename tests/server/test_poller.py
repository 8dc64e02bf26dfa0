"""The pollers: one behaviour, whatever the operating system offers."""

from __future__ import annotations

import select
import selectors
import socket
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ehttpd.messages import Request, Response
from ehttpd.server.poller import READ, WRITE, Poller, SelectorPoller, new_poller, wait_for
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, hello, in_parallel

Pair = tuple[socket.socket, socket.socket]


@pytest.fixture(params=[new_poller, SelectorPoller], ids=["best", "selectors"])
def poller(request: pytest.FixtureRequest) -> Iterator[Poller]:
    make: Callable[[], Poller] = request.param
    poller = make()
    yield poller
    poller.close()


@pytest.fixture
def pair() -> Iterator[Pair]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def ready(poller: Poller, seconds: float | None = 0) -> list[int]:
    return [descriptor for descriptor, _ in poller.wait(seconds)]


def test_nothing_is_ready_that_was_not_registered(poller: Poller, pair: Pair) -> None:
    pair[1].send(b"x")
    assert ready(poller) == []


def test_what_has_something_to_read_is_ready_until_it_is_read(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    assert ready(poller) == []
    theirs.send(b"x")
    assert ready(poller) == ready(poller) == [ours.fileno()]
    ours.recv(1)
    assert ready(poller) == []


def test_interest_can_change_from_reading_to_writing(poller: Poller, pair: Pair) -> None:
    ours, _ = pair
    poller.register(ours.fileno(), READ)
    poller.modify(ours.fileno(), WRITE)
    assert ready(poller) == [ours.fileno()]
    poller.modify(ours.fileno(), READ)
    assert ready(poller) == []


def test_what_was_unregistered_is_not_told_of_and_can_come_back(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    theirs.send(b"x")
    poller.unregister(ours.fileno())
    assert ready(poller) == []
    poller.register(ours.fileno(), READ)
    assert ready(poller) == [ours.fileno()]


def test_a_peer_that_has_gone_makes_a_connection_ready(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    poller.register(ours.fileno(), READ)
    theirs.close()
    assert ready(poller, PATIENCE) == [ours.fileno()]


def test_a_thread_that_waits_learns_of_what_another_registers(poller: Poller, pair: Pair) -> None:
    ours, theirs = pair
    theirs.send(b"x")
    found: list[int] = []

    def wait() -> None:
        while not found:
            found.extend(ready(poller, PATIENCE))

    with in_parallel(wait):
        poller.register(ours.fileno(), READ)
    assert found == [ours.fileno()]


def test_many_changes_while_a_thread_waits_block_nobody(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    poller = SelectorPoller()
    select_now = poller._selector.select
    entered, leave = Gate(), Gate()

    def select_late(timeout: float | None = None) -> list[object]:
        entered.wait()
        leave.wait()
        return list(select_now(0))

    monkeypatch.setattr(poller._selector, "select", select_late)
    with in_parallel(lambda: poller.wait(None)):
        entered.open()
        leave.await_arrivals()
        for _ in range(5000):  # more than fit into the socket that wakes the thread
            poller.register(pair[0].fileno(), READ)
            poller.unregister(pair[0].fileno())
        leave.open()
    poller.close()


def test_who_closes_what_a_thread_is_about_to_wait_for_does_that_thread_no_harm(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "DefaultSelector", selectors.SelectSelector)
    ours, theirs = pair
    poller = SelectorPoller()
    poller.register(ours.fileno(), READ)
    select_now = poller._selector.select

    def select_after_the_close(seconds: float | None) -> Any:
        poller.unregister(ours.fileno())
        ours.close()
        return select_now(seconds)

    with monkeypatch.context() as patched:
        patched.setattr(poller._selector, "select", select_after_the_close)
        assert poller.wait(PATIENCE) == []
    poller.register(theirs.fileno(), READ)
    assert poller.wait(PATIENCE) == [(theirs.fileno(), 0)]
    theirs.close()  # which nobody has said
    with pytest.raises(OSError, match="Bad file descriptor"):
        poller.wait(0)
    poller.close()


def test_a_wait_for_one_socket_ends_when_it_is_ready_or_the_time_is_up(pair: Pair) -> None:
    ours, theirs = pair
    assert wait_for(ours, WRITE, PATIENCE)
    assert wait_for(ours, WRITE, 1e8)  # which is years
    assert not wait_for(ours, READ, 0)
    theirs.send(b"x")
    assert wait_for(ours, READ, PATIENCE)


@pytest.mark.skipif(not hasattr(select, "kqueue"), reason="kqueue is macOS's and the BSDs'")
def test_kqueue_is_taken_where_it_is() -> None:
    assert type(new_poller()).__name__ == "KqueuePoller"


@pytest.mark.skipif(sys.platform != "linux", reason="epoll is Linux's")
def test_epoll_is_taken_where_it_is() -> None:
    poller = new_poller()
    assert type(poller).__name__ == "EpollPoller"
    poller.close()


@pytest.mark.usefixtures("selectors_only")
class TestAServerWithSelectorsOnly:
    def test_answers_one_request_after_the_other(self, live_server: LiveServers) -> None:
        peer = live_server(hello).connect()
        assert [peer.ask().body for _ in range(3)] == [b"hello"] * 3

    def test_goes_on_while_a_handler_blocks(self, live_server: LiveServers, gate: Gate) -> None:
        def handler(request: Request) -> Response:
            if request.path == "/wait":
                gate.wait()
            return hello(request)

        server = live_server(handler, threads=2)
        blocked = server.connect()
        blocked.send(b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n")
        gate.await_arrivals()
        assert server.connect().ask().body == b"hello"
        gate.open()
        assert blocked.reply().body == b"hello"
        assert blocked.ask().body == b"hello"

    def test_finishes_the_output_for_a_slow_reader(self, live_server: LiveServers) -> None:
        body = bytes(range(256)) * 40_000
        peer = live_server(lambda request: Response(body)).connect(receive_buffer=4096)
        assert peer.ask().body == body

    def test_closes_idle_connections(self, live_server: LiveServers) -> None:
        peer = live_server(hello, keep_alive_timeout=0.05).connect()
        peer.ask()
        assert peer.ended()

    def test_stops(self, live_server: LiveServers) -> None:
        server = live_server(hello)
        peer = server.connect()
        peer.ask()
        assert server.stop()
        assert peer.ended()
