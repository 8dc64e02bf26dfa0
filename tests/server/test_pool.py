"""The hand-off pool: its five invariants under load, and what handlers may do to it."""

from __future__ import annotations

import ctypes
import random
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NoReturn

import pytest

from ehttpd.errors import OperatorError
from ehttpd.messages import Request, Response
from ehttpd.server.connection import Connection
from ehttpd.server.exchange import HTTPService
from ehttpd.server.lane import Lane
from ehttpd.server.memory import Memory
from ehttpd.server.poller import Poller, SelectorPoller, new_poller
from ehttpd.server.pool import DEFECT, Pool
from ehttpd.server.relief import LONG_TICK
from ehttpd.server.table import Table
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, come_true, hello, in_parallel, serving
from tests.server.watch import Watch

CLIENTS = 8
REQUESTS = 40  # of each client


@pytest.fixture
def many_switches() -> Iterator[None]:
    """Have the interpreter change threads as often as it can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.fixture(params=[new_poller, SelectorPoller], ids=["best poller", "selectors"])
def watch(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Watch:
    watch = Watch()
    make_poller: Callable[[], Poller] = request.param
    watch.install(monkeypatch, make_poller)
    return watch


class Death(BaseException):
    """What one thread throws into another."""


def block(seconds: float) -> None:
    """Block as a handler does that waits for a database."""
    threading.Event().wait(seconds)


def compute(seconds: float) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


def throw_into(thread: threading.Thread, error: type[BaseException]) -> None:
    """Have the interpreter raise ``error`` in ``thread``, wherever that is in its code."""
    ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(thread.ident or 0), ctypes.py_object(error))


def raise_asynchronously() -> NoReturn:
    throw_into(threading.current_thread(), Death)
    while True:
        pass


def die(kind: str) -> None:
    match kind:
        case "raise":
            raise LookupError("on purpose")
        case "exit":
            raise SystemExit(1)
        case "interrupt":
            raise KeyboardInterrupt
        case "memory":
            raise MemoryError
        case "asynchronous":
            raise_asynchronously()


WAYS_TO_DIE = ["raise", "exit", "interrupt", "memory", "asynchronous"]
WAYS_TO_LIVE = ["quick", "quick", "quick", "block", "compute"]


class Misbehaving:
    """A handler that does what the path says, and counts how many of it run at once."""

    def __init__(self, relieved: Callable[[], bool] = lambda: True) -> None:
        self._relieved = relieved
        self._counting = threading.Lock()
        self._running = 0
        self.most = 0

    def __call__(self, request: Request) -> Response:
        _, kind, number = request.target.split("/")
        with self._counting:
            self._running += 1
            self.most = max(self.most, self._running)
        try:
            if kind == "block":
                block(random.uniform(0, 2.5 * LONG_TICK))
            elif kind == "compute":
                compute(random.uniform(0, LONG_TICK))
            elif kind == "long":
                block(3 * LONG_TICK)
            elif kind == "relieved":
                come_true(self._relieved)
            else:
                die(kind)
        finally:
            with self._counting:
                self._running -= 1
        return Response.text(number)


def load(server: LiveServer, seed: int, kinds: list[str], requests: int = REQUESTS) -> Callable[[], None]:
    """Return a client that asks for all kinds in a random order, on a few connections, and checks every answer."""

    def run() -> None:
        choice = random.Random(seed)
        peer = server.connect()
        for each in range(requests):
            kind, number = choice.choice(kinds), f"{seed}-{each}"
            reply = peer.ask(f"/{kind}/{number}")
            if kind in WAYS_TO_DIE:
                assert reply.status == 500
            else:
                assert (reply.status, reply.body) == (200, number.encode())
            if choice.random() < 0.1:
                peer = server.connect()

    return run


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_the_invariants_hold_whatever_handlers_do(
    live_server: LiveServers, watch: Watch, many_switches: None, threads: int
) -> None:
    handler = Misbehaving(relieved=lambda: watch.hand_overs > 0)
    server = live_server(handler, threads=threads)
    assert server.connect().ask("/relieved/first").body == b"first"
    kinds = WAYS_TO_LIVE * 2 + WAYS_TO_DIE
    # One more than there are threads: sometimes all of them are inside a handler, and sometimes not.
    with in_parallel(*(load(server, seed, kinds) for seed in range(min(threads + 1, CLIENTS)))):
        pass
    assert not watch.breaches
    assert handler.most <= threads
    assert server.connect().ask("/quick/last").body == b"last"


@pytest.mark.parametrize("threads", [1, 2, 64])
@pytest.mark.parametrize("kind", [*WAYS_TO_DIE, "block", "compute"])
def test_one_kind_of_handler_alone_neither_stalls_nor_ends_the_server(
    live_server: LiveServers, kind: str, threads: int
) -> None:
    handler = Misbehaving()
    server = live_server(handler, threads=threads)
    with in_parallel(*(load(server, seed, [kind]) for seed in range(4))):
        pass
    assert handler.most <= threads
    assert server.connect().ask("/quick/last").body == b"last"


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_all_threads_blocked_leaves_one_to_lead(live_server: LiveServers, gate: Gate, threads: int) -> None:
    server = live_server(waits_at(gate), threads=threads)
    blocked = [server.connect() for _ in range(threads)]
    for peer in blocked:
        peer.send(b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n")
        gate.await_arrivals()
    come_true(lambda: server.lane.pool.busy == threads)
    assert server.lane.pool.threads <= threads + 2, "the leader and the relief, besides those in handlers"
    refused = server.connect()
    refused.send(b"nonsense\r\n\r\n")
    assert refused.reply().status == 400
    gate.open()
    assert [peer.reply().body for peer in blocked] == [b"hello"] * threads


def test_no_more_handlers_run_at_once_than_there_are_threads(live_server: LiveServers, gate: Gate) -> None:
    handler = Misbehaving()

    def counted(request: Request) -> Response:
        gate.wait()
        return handler(request)

    server = live_server(counted, threads=3)
    peers = [server.connect() for _ in range(9)]
    for peer in peers:
        peer.send(b"GET /block/1 HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals(3)
    gate.open()
    assert [peer.reply().status for peer in peers] == [200] * 9
    assert handler.most <= 3


GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
WAIT = b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n"


def waits_at(gate: Gate) -> Callable[[Request], Response]:
    """Return a handler that waits at ``gate`` if asked for /wait."""

    def handler(request: Request) -> Response:
        if request.target == "/wait":
            gate.wait()
        return hello(request)

    return handler


def test_a_request_beyond_the_queue_limit_is_told_to_come_back(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate), threads=1, queue_limit=2)
    first, *queued = [server.connect() for _ in range(3)]
    first.send(WAIT)
    gate.await_arrivals()
    for peer in queued:
        peer.send(GET)
    server.await_queued(2)
    turned_away = server.connect().ask()
    assert turned_away.status == 503
    assert turned_away.fields["retry-after"].isdigit()
    assert turned_away.fields["connection"] == "close"
    gate.open()
    assert [peer.reply().status for peer in (first, *queued)] == [200] * 3


def test_without_a_queue_a_request_is_turned_away_at_once(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate), threads=1, queue_limit=0)
    server.connect().send(WAIT)
    gate.await_arrivals()
    assert server.connect().ask().status == 503
    gate.open()


def test_a_request_that_waited_too_long_is_told_to_come_back(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate), threads=1, queue_timeout=0.05)
    blocked = server.connect()
    blocked.send(WAIT)
    gate.await_arrivals()
    began = time.monotonic()
    assert server.connect().ask().status == 503
    assert time.monotonic() - began >= 0.05
    gate.open()
    assert blocked.reply().body == b"hello"


def test_what_is_pipelined_behind_a_request_does_not_keep_others_in_the_queue_for_ever(
    live_server: LiveServers, gate: Gate
) -> None:
    second = Gate()

    def handler(request: Request) -> Response:
        if request.target != "/":
            {"/wait": gate, "/again": second}[request.target].wait()
        return hello(request)

    server = live_server(handler, threads=1)
    pipelining, between, late = [server.connect() for _ in range(3)]
    pipelining.send(WAIT, WAIT)
    gate.await_arrivals()
    between.send(b"GET /again HTTP/1.1\r\nHost: here\r\n\r\n")
    server.await_queued(1)
    server.lane.pool.line._timeout = 0.05
    gate.open()  # now /again has the one thread, and the second /wait is in the queue
    second.await_arrivals()
    assert pipelining.reply().status == 200
    assert late.ask().status == 503
    second.open()
    assert between.reply().status == 200


def test_a_refusal_that_lost_the_lead_lets_no_handler_run_beyond_the_maximum(
    live_server: LiveServers, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer_error, slow = HTTPService._answer_error, Gate()

    def answer_slowly(*arguments: Any) -> Any:
        slow.wait()
        return answer_error(*arguments)

    monkeypatch.setattr(HTTPService, "_answer_error", answer_slowly)
    server = live_server(waits_at(gate), threads=1)
    blocked, refused, queued = [server.connect() for _ in range(3)]
    blocked.send(WAIT)
    gate.await_arrivals()
    refused.send(b"nonsense\r\n\r\n")
    slow.await_arrivals()
    queued.send(WAIT)
    server.await_queued(1)
    slow.open()
    assert refused.reply().status == 400
    assert server.lane.pool.queued == 1
    gate.open()
    assert blocked.reply().status == queued.reply().status == 200


def test_a_connection_is_not_closed_while_the_relief_takes_it_out_of_the_poller(
    live_server: LiveServers, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    detach, close, closed = Table.detach, Connection.close, threading.Event()

    def detach_slowly(table: Table, connection: Connection) -> None:
        if threading.current_thread().name.endswith("relief"):
            gate.open()
            assert not closed.wait(0.1)
        detach(table, connection)

    def close_openly(connection: Connection) -> None:
        close(connection)
        closed.set()

    monkeypatch.setattr(Table, "detach", detach_slowly)
    monkeypatch.setattr(Connection, "close", close_openly)
    server = live_server(waits_at(gate))
    assert server.connect().ask("/wait", "Connection: close").status == 200
    assert closed.wait(PATIENCE)
    assert any(thread.name.endswith("relief") for thread in server.lane.pool._threads)


def test_threads_come_when_they_are_needed_and_go_when_they_are_not(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate), threads=(1, 4), thread_idle_timeout=0.05)
    leader_and_relief = 2
    assert server.lane.pool.threads == leader_and_relief
    peers = [server.connect() for _ in range(4)]
    for peer in peers:
        peer.send(WAIT)
    gate.await_arrivals(4)
    pool = server.lane.pool
    come_true(lambda: pool.threads == 4 + leader_and_relief)  # once the last has lost the lead
    gate.open()
    assert [peer.reply().status for peer in peers] == [200] * 4
    with pool._ended:
        assert pool._ended.wait_for(lambda: pool.threads == leader_and_relief, PATIENCE)


def test_an_idle_time_of_nothing_keeps_the_minimum_and_no_processor_busy(live_server: LiveServers) -> None:
    server = live_server(hello, threads=(4, 8), thread_idle_timeout=0)
    before = time.process_time()
    threading.Event().wait(0.2)  # nothing happens, and that is the point
    assert time.process_time() - before < 0.1
    assert server.lane.pool.threads == 5


def test_an_idle_server_costs_nothing(live_server: LiveServers) -> None:
    server = live_server(hello)
    server.connect().ask()
    come_true(lambda: server.lane.pool.relief.rests)
    before = time.process_time()
    threading.Event().wait(0.2)
    assert time.process_time() - before < 0.1


def test_a_page_that_blocks_is_remembered_until_it_has_been_quick_for_long(live_server: LiveServers) -> None:
    slow = threading.Event()
    slow.set()

    def handler(request: Request) -> Response:
        if slow.is_set():
            block(3 * LONG_TICK)
        return hello(request)

    server = live_server(handler, threads=4)
    peer = server.connect()
    come_true(lambda: peer.ask("/page").status == 200 and not server.lane.pool.direct)
    slow.clear()
    deadline = time.monotonic() + PATIENCE
    while not server.lane.pool.direct:
        peer.ask("/page")
        assert time.monotonic() < deadline, "it is never forgiven"


def test_a_thread_that_cannot_be_started_stops_nobody(
    live_server: LiveServers, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = live_server(waits_at(gate), threads=(1, 8))
    monkeypatch.setattr(Pool, "_begin", lambda *_: False)
    blocked, waiting = server.connect(), server.connect()
    blocked.send(WAIT)
    gate.await_arrivals()
    waiting.send(GET)
    gate.open()  # with nobody to take the lead, the leader keeps it
    assert blocked.reply().status == waiting.reply().status == 200


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
def test_that_a_thread_cannot_be_started_is_told_once_in_a_while_and_stops_nobody(
    live_server: LiveServers,
    gate: Gate,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    tries = threading.Semaphore(0)

    def fail(thread: threading.Thread) -> None:
        tries.release()
        raise error

    server = live_server(waits_at(gate), threads=(1, 8))
    blocked, waiting = server.connect(), server.connect()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", fail)
        blocked.send(WAIT)
        for _ in range(3):
            assert tries.acquire(timeout=PATIENCE)
    waiting.send(GET)  # now there is somebody to take the lead
    assert waiting.reply().status == 200
    gate.open()
    assert blocked.reply().status == 200
    assert len([message for message in caplog.messages if message.startswith("Cannot start a thread: ")]) == 1


@pytest.mark.parametrize("failing", ["ehttpd-", "ehttpd-relief"])
def test_a_server_whose_first_threads_cannot_be_started_does_not_start(
    failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start

    def fail(thread: threading.Thread) -> None:
        if thread.name.startswith(failing):
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", fail)
    server = LiveServer(hello)
    with pytest.raises(OperatorError, match="cannot start the threads"):
        server.start()
    assert server.wait(PATIENCE)
    assert server.stop()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def others_are_answered_while_one_blocks(server: LiveServer, gate: Gate) -> None:
    blocked = server.connect()
    blocked.send(WAIT)
    gate.await_arrivals()
    try:
        assert server.connect().ask().body == b"hello"
    finally:
        gate.open()
    assert blocked.reply().status == 200


def test_a_relief_that_a_defect_has_hit_goes_on_relieving(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(memory: Memory) -> bool:
        raise MemoryError("a defect")

    monkeypatch.setattr("ehttpd.server.memory.WHEN_RESTED_FOR", 0.01)
    monkeypatch.setattr(Memory, "tidy_rested", fail)
    gate = Gate()
    with serving(waits_at(gate), threads=2) as server:
        come_true(lambda: DEFECT in caplog.messages)
        others_are_answered_while_one_blocks(server, gate)


def test_a_leader_that_fails_as_it_hands_in_has_woken_the_relief(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    failed = threading.Event()

    def fail(memory: Memory) -> None:
        memory.leader_is_asked = False
        failed.set()
        raise MemoryError("a defect")

    monkeypatch.setattr(Memory, "hand_in", fail)
    gate = Gate()
    with serving(waits_at(gate), threads=2) as server:
        relief = server.lane.pool.relief
        come_true(lambda: relief.rests)
        relief._memory.leader_is_asked = True
        server.lane.wake()
        assert failed.wait(PATIENCE)
        others_are_answered_while_one_blocks(server, gate)


def test_a_stream_without_end_keeps_no_other_request_waiting(live_server: LiveServers) -> None:
    enough = threading.Event()

    def pieces() -> Iterator[bytes]:
        while not enough.is_set():
            yield b"quick"

    def handler(request: Request) -> Response:
        return Response.stream(pieces()) if request.target == "/stream" else hello(request)

    server = live_server(handler)
    greedy, other = server.connect(), server.connect()
    greedy.send(b"GET /stream HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    assert greedy.line() == "HTTP/1.1 200 OK"
    with in_parallel(lambda: greedy.socket.recv(1 << 20) and greedy.rest()):
        try:
            assert other.ask().body == b"hello"
        finally:
            enough.set()


def test_an_exception_that_strikes_while_the_lease_is_taken_out_stops_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    return_lease, failures = Pool.return_lease, [MemoryError]

    def fail_once(pool: Pool, connection: Connection) -> None:
        if failures:
            raise failures.pop()
        return_lease(pool, connection)

    monkeypatch.setattr(Pool, "return_lease", fail_once)
    with serving(lambda request: Response.stream([b"a", b"b", b"c"])) as server:
        peer = server.connect()
        peer.send(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
        peer.rest()
        assert not failures
        assert server.connect().ask().body == b"abc"


@pytest.mark.parametrize("threads", [1, 2, 64])
def test_threads_that_are_killed_while_they_do_nothing_take_no_lead_with_them(
    monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda death: None)
    with serving(Misbehaving(), threads=threads) as server:
        with in_parallel(*(load(server, seed, ["long"], 4) for seed in range(4))):
            pass
        idle = [thread for thread in server.lane.pool._threads if not thread.name.endswith("relief")]
        for thread in idle:
            throw_into(thread, SystemExit)
        for _ in range(len(idle) + 1):  # each comes upon a thread that is to die, where that is no matter
            peer = server.connect()
            peer.send(b"GET /long/1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            peer.rest()
        assert server.connect().ask("/quick/1").status == 200


@pytest.mark.parametrize("place", [(Connection, "receive"), (HTTPService, "exchange"), (Lane, "settle")])
def test_a_defect_costs_one_connection_and_no_more(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, place: tuple[type, str]
) -> None:
    method = getattr(*place)
    defective = threading.Event()

    def fail(*arguments: Any) -> Any:
        if defective.is_set():
            defective.clear()
            raise AssertionError("a defect")
        return method(*arguments)

    monkeypatch.setattr(*place, fail)
    with serving(Misbehaving(), threads=2, header_timeout=0.1) as server:
        for kind in ("quick", "long") * 3:
            victim = server.connect()
            defective.set()
            victim.send(f"GET /{kind}/1 HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n".encode())
            victim.rest()  # which may be nothing
            defective.clear()
            assert server.connect().ask("/quick/1").status == 200
        assert "this is a defect in ehttpd" in caplog.text
