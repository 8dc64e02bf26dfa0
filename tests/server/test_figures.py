"""What a server counts: requests by kind with their durations, and what goes wrong by its reason."""

from __future__ import annotations

import threading
import time
from bisect import bisect_left

import pytest

from ehttpd.messages import NO_CLIENT, Request, Response
from ehttpd.records import Record
from ehttpd.server.figures import BOUNDS, FOLD_AT, Requests
from tests.server.conftest import LiveServers
from tests.server.live import Gate, LiveServer, come_true, in_parallel


def note(
    figures: Requests,
    method: str | None = "GET",
    status: int = 200,
    octets: int = 1,
    seconds: float = 0.01,
    queued: float = 0.0,
) -> None:
    request = Request(method, "/") if method is not None else None
    figures(Record(NO_CLIENT, request, Response(b"", status), octets, seconds, queued))


def by_kind(figures: Requests) -> dict[tuple[str, str], int]:
    return {
        (method, code_class): count
        for method, by_class in figures.read()["by_kind"].items()
        for code_class, count in by_class.items()
    }


def test_requests_are_counted_by_method_and_class_of_status() -> None:
    figures = Requests()
    for method, status in [("GET", 200), ("GET", 204), ("POST", 200), ("GET", 404), ("GET", 503)]:
        note(figures, method, status)
    kinds = {("GET", "2xx"): 2, ("POST", "2xx"): 1, ("GET", "4xx"): 1, ("GET", "5xx"): 1}
    assert by_kind(figures) == kinds
    note(figures)
    assert by_kind(figures) == {**kinds, ("GET", "2xx"): 3}


def test_methods_that_clients_invent_are_one() -> None:
    figures = Requests()
    for number in range(100):
        note(figures, f"M{number}")
    note(figures, None, 400)
    assert by_kind(figures) == {("other", "2xx"): 100, ("other", "4xx"): 1}


def test_what_is_told_together_is_counted_by_what_each_was() -> None:
    figures = Requests()
    exchanges = [("GET", 200), ("GET", 200), ("POST", 200), ("POST", 503), (None, 400), ("BREW", 503), ("GET", 200)]
    requests = [(Request(method, "/") if method else None, Response(b"", status)) for method, status in exchanges]
    figures.enter([Record(NO_CLIENT, request, response, 2, 0.01).note for request, response in requests])
    figures.enter([])
    assert by_kind(figures) == {
        ("GET", "2xx"): 3, ("POST", "2xx"): 1, ("POST", "5xx"): 1, ("other", "4xx"): 1, ("other", "5xx"): 1,
    }  # fmt: skip
    found = figures.read()
    assert found["by_status"] == {"200": 4, "400": 1, "503": 2}
    assert (sum(found["seconds"]["counts"]), found["octets_out"]) == (7, 14)


def test_a_client_that_left_before_there_was_an_answer_is_counted() -> None:
    figures = Requests()
    figures(Record(NO_CLIENT, Request("GET", "/"), None, 0, 0.1))
    assert by_kind(figures) == {("GET", "4xx"): 1}


@pytest.mark.parametrize("seconds", [0.0, *BOUNDS, 0.0007, 11.0, 1e9])
def test_a_duration_is_within_the_first_bound_that_is_not_below_it(seconds: float) -> None:
    figures = Requests()
    note(figures, seconds=seconds, queued=seconds)
    found = figures.read()
    assert found["seconds"] == found["queue_seconds"]
    assert found["seconds"]["counts"].index(1) == bisect_left(BOUNDS, seconds)
    assert (sum(found["seconds"]["counts"]), found["seconds"]["sum"]) == (1, seconds)


def test_nothing_is_lost_while_many_threads_count_and_one_reads() -> None:
    figures, each, over = Requests(), 3 * FOLD_AT, threading.Event()
    sums: list[int] = []

    def read() -> None:
        while not over.is_set():
            sums.append(sum(figures.read()["seconds"]["counts"]))

    def count() -> None:
        for _ in range(each):
            note(figures, octets=2)

    with in_parallel(read):
        with in_parallel(*[count] * 4):
            pass
        over.set()
    found = figures.read()
    assert sum(found["seconds"]["counts"]) == 4 * each
    assert by_kind(figures) == {("GET", "2xx"): 4 * each}
    assert found["octets_out"] == 8 * each
    assert sums == sorted(sums)


def test_what_was_counted_is_not_kept_one_by_one() -> None:
    figures = Requests()
    for _ in range(3 * FOLD_AT):
        note(figures)
    assert len(figures._fresh) < FOLD_AT
    assert len(figures._fresh_seconds) < FOLD_AT


def mishaps(server: LiveServer) -> dict[str, dict[str, int]]:
    return dict(server.snapshot()["mishaps"])  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        (b"GET\r\n\r\n", "bad_request"),
        (b"GET /%s HTTP/1.1\r\n" % (b"x" * 100), "request_line_too_long"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX: %s\r\n\r\n" % (b"x" * 100), "fields_too_large"),
        (b"GET / HTTP/2.0\r\n\r\n", "version_not_supported"),
        (b"GET https://a/ HTTP/1.1\r\nHost: a\r\n\r\n", "misdirected"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\n", "body_too_large"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", "not_implemented"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: more\r\n\r\n", "expectation_failed"),
    ],
)
def test_a_request_that_cannot_be_read_is_counted_by_its_reason(
    live_server: LiveServers, octets: bytes, reason: str
) -> None:
    limits = {"limit_request_line": 60, "limit_request_field_size": 60, "limit_request_body": 60}
    server = live_server(lambda request: Response.text("never"), **limits)
    peer = server.connect()
    peer.send(octets)
    assert peer.reply().status >= 400
    assert mishaps(server) == {"parse_errors": {reason: 1}, "rejected": {}, "timeouts": {}}


def test_requests_for_which_there_is_no_thread_are_counted(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.text("done")

    server = live_server(handler, threads=1, queue_limit=1)
    peers = [server.connect() for _ in range(3)]
    peers[0].send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    peers[1].send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    server.await_queued(1)
    assert server.snapshot()["queue"]["length"] == 1
    assert peers[2].ask().status == 503
    line = server.lane.pool.line
    with server.lane.lock:
        line._line[0] = (line._line[0][0], 0.0)  # it has waited for too long
        line.expires = 0.0
    server.lane.wake()
    assert peers[1].reply().status == 503
    found = mishaps(server)
    assert found["rejected"] == {"queue_full": 1, "queue_timeout": 1}
    assert found["timeouts"] == {"queue": 1}
    gate.open()


@pytest.mark.parametrize(
    ("octets", "timeout", "kind"),
    [
        (b"GET / HT", "header_timeout", "header"),
        (b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nx", "body_timeout", "body"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "keep_alive_timeout", "keep_alive"),
    ],
)
def test_a_client_that_takes_too_long_is_counted(
    live_server: LiveServers, octets: bytes, timeout: str, kind: str
) -> None:
    server = live_server(lambda request: Response.text("done"), **{timeout: 0.05})
    peer = server.connect()
    peer.send(octets)
    peer.rest()
    assert mishaps(server)["timeouts"].get(kind) == 1


def test_a_handler_that_exceeds_its_deadline_is_counted(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.text("late")

    server = live_server(handler, request_timeout=0.05)
    assert server.connect().ask().status == 504
    assert mishaps(server)["timeouts"] == {"request": 1}
    gate.open()


def test_octets_of_bodies_are_counted_both_ways(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response.text("12345"), counts=True)
    peer = server.connect()
    peer.ask("/", method="POST", body=b"123")
    peer.ask("/")

    def both() -> tuple[int, int]:
        found = server.snapshot()["requests"]
        assert found is not None
        return found["octets_in"], found["octets_out"]

    come_true(lambda: both() == (3, 10))


def test_a_snapshot_tells_connections_by_their_state(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        if request.path == "/wait":
            gate.wait()
        return Response.text("done")

    server = live_server(handler, counts=True)
    idle, head, waits = server.connect(), server.connect(), server.connect()
    idle.ask("/")
    head.send(b"GET / HT")
    waits.send(b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    come_true(lambda: server.snapshot()["connections"]["head"] == 1)
    come_true(lambda: server.snapshot()["connections"]["handler"] == 1)
    come_true(lambda: server.snapshot()["connections"]["idle"] == server.snapshot()["threads"]["busy"] == 1)
    snapshot = server.snapshot("3")
    assert snapshot["connections"]["idle"] == 1
    assert snapshot["connections_total"] == 3
    assert (snapshot["worker"], snapshot["state"], snapshot["threads"]["busy"]) == ("3", "ready", 1)
    assert snapshot["requests"] is not None
    assert snapshot["process"]["rss"] > 1 << 20
    gate.open()


def test_a_server_says_how_ready_it_is() -> None:
    server = LiveServer(lambda request: Response.text("done"))
    assert server.snapshot()["state"] == "booting"
    assert not server.turns()
    with server:
        assert server.snapshot()["state"] == "ready"
        assert server.turns()
        server.drain()
        assert server.snapshot()["state"] == "draining"
        assert server.connect().ask().fields["connection"] == "close"
        server.hang_up()
    assert not server.turns()


def test_what_threads_do_is_told_with_their_requests_and_stacks(live_server: LiveServers, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.text("done")

    server = live_server(handler, threads=2)
    peer = server.connect()
    peer.send(b"GET /reports/2026?q=1 HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    come_true(lambda: {"serves", "leads"} <= {each["does"] for each in server.activities()})
    first, *others = server.activities()
    assert first["request"] == {"method": "GET", "target": "/reports/2026?q=1", "client": "127.0.0.1"}
    assert any(each["function"] == "handler" and each["file"] == __file__ for each in first["stack"])
    assert first["seconds"] >= 0
    assert threading.current_thread().name in {each["name"] for each in others}
    gate.open()
    assert peer.reply().status == 200
    come_true(lambda: all(each["request"] is None for each in server.activities()))


def test_the_collector_is_measured_while_a_server_counts(live_server: LiveServers) -> None:
    import gc

    server = live_server(lambda request: Response.text("done"), counts=True)
    before = server.snapshot()["process"]["gc_seconds"]
    gc.collect()
    assert server.snapshot()["process"]["gc_seconds"] > before
    assert time.time() - server.snapshot()["taken"] < 60
