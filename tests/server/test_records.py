"""Records of exchanges: what recorders are told, by whom, and that nothing hangs on them."""

from __future__ import annotations

import logging
import threading
from queue import SimpleQueue

import pytest

from ehttpd.errors import BadRequest, ConnectionLost
from ehttpd.messages import Request, Response
from ehttpd.records import Record
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, hello, serving


class Records(SimpleQueue[Record]):
    """A recorder that a test can wait for."""

    def __call__(self, record: Record) -> None:
        self.put(record)

    def next(self) -> Record:
        return self.get(timeout=PATIENCE)


@pytest.fixture
def records() -> Records:
    return Records()


def test_a_record_tells_all_that_is_known(live_server: LiveServers, records: Records) -> None:
    names: list[str] = []

    def handler(request: Request) -> Response:
        names.append(threading.current_thread().name)
        return Response(b"twelve bytes", 201)

    live_server(handler, record=records).connect().ask("/a?b", method="POST", body=b"12345")
    record = records.next()
    assert (record.request_line, record.status, record.refusal) == ("POST /a?b HTTP/1.1", 201, "")
    assert (record.received_octets, record.body_octets) == (5, 12)
    assert (record.remote, record.scheme, record.thread) == ("127.0.0.1", "http", names[0])
    assert 0 <= record.queue_seconds < PATIENCE
    assert record.started <= record.ended


def test_several_may_listen_and_one_that_fails_harms_nobody(records: Records, caplog: pytest.LogCaptureFixture) -> None:
    def failing(record: Record) -> None:
        raise ZeroDivisionError

    server = LiveServer(hello, record=failing)
    server.add_recorder(records)
    with server:
        assert server.connect().ask("/a").status == 200
        server.hang_up()
        with pytest.raises(RuntimeError):
            server.add_recorder(records)
    assert records.next().request_line == "GET /a HTTP/1.1"
    assert [each.levelno for each in caplog.records] == [logging.ERROR]
    assert "a recorder failed" in caplog.text


def test_the_time_that_a_request_waited_for_a_thread_is_told(gate: Gate, records: Records) -> None:
    def handler(request: Request) -> Response:
        if request.target == "/first":
            gate.wait()
        return hello(request)

    with serving(handler, threads=1, record=records) as server:
        first, second = server.connect(), server.connect()
        first.send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        gate.await_arrivals()
        second.send(b"GET /second HTTP/1.1\r\nHost: h\r\n\r\n")
        server.await_queued(1)
        threading.Event().wait(0.03)  # the time that is to be told
        gate.open()
        found = {record.request_line.split()[1]: record for record in (records.next(), records.next())}
    assert found["/second"].queue_seconds >= 0.03 > found["/first"].queue_seconds
    assert found["/first"].seconds >= 0.03


def test_who_was_pipelined_waits_since_the_answer_before(live_server: LiveServers, records: Records) -> None:
    def handler(request: Request) -> Response:
        if request.target == "/slow":
            threading.Event().wait(0.05)
        return hello(request)

    peer = live_server(handler, record=records).connect()
    peer.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /quick HTTP/1.1\r\nHost: h\r\n\r\n")
    slow, quick = records.next(), records.next()
    assert slow.seconds >= 0.05 > quick.queue_seconds


def test_a_refused_request_is_known_as_far_as_it_was_understood(live_server: LiveServers, records: Records) -> None:
    server = live_server(hello, record=records, limit_request_body=10)
    server.connect().ask("/long", method="POST", body=b"12345678901")
    record = records.next()
    assert (record.request_line, record.status, record.refusal) == ("POST /long HTTP/1.1", 413, "ContentTooLarge")
    assert record.request_id == record.request_id != ""


def test_a_request_that_waits_in_vain_is_known(gate: Gate, records: Records) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return hello(request)

    with serving(handler, threads=1, queue_limit=0, record=records) as server:
        server.connect().send(b"GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
        gate.await_arrivals()
        assert server.connect().ask("/second").status == 503
        record = records.next()
        gate.open()
    assert (record.request_line, record.refusal) == ("GET /second HTTP/1.1", "QueueFull")


@pytest.mark.parametrize(
    ("octets", "line"),
    [
        (b"GET /a HTTP/1.1\r\nno colon\r\n\r\n", "GET /a HTTP/1.1"),
        (b"GET  /a\xff\n\r\n", "GET  /a\xff\n"),
        (b"\0" * 10_000, "\0" * 200),
    ],
)
def test_of_a_head_that_was_refused_the_beginning_is_known(
    live_server: LiveServers, records: Records, octets: bytes, line: str
) -> None:
    peer = live_server(hello, record=records).connect()
    assert peer.ask("/before").status == 200
    records.next()
    peer.send(octets)
    record = records.next()
    assert (record.request, record.request_line, record.status, record.refusal) == (None, line, 400, "BadRequest")


def test_what_an_application_refuses_is_no_refusal_of_the_server(live_server: LiveServers, records: Records) -> None:
    def handler(request: Request) -> Response:
        raise BadRequest("no")

    live_server(handler, record=records).connect().ask(method="HEAD")
    record = records.next()
    assert (record.status, record.refusal, record.body_octets) == (400, "", 0)


def test_a_client_that_left_before_there_was_an_answer_is_recorded(live_server: LiveServers, records: Records) -> None:
    def handler(request: Request) -> Response:
        raise ConnectionLost("it has left")

    live_server(handler, record=records).connect().send(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\n")
    record = records.next()
    assert (record.request_line, record.status, record.response) == ("GET /a HTTP/1.1", 499, None)


# The name of a request


@pytest.mark.parametrize(
    ("trusted", "given", "taken"),
    [("X-Request-ID", "abc-1", True), ("", "abc-1", False), ("X-Request-ID", "a b", False), ("x-id", "abc", False)],
)
def test_a_name_is_taken_only_from_the_field_that_the_operator_trusts(
    live_server: LiveServers, records: Records, trusted: str, given: str, taken: bool
) -> None:
    server = live_server(lambda request: Response.text(request.id), record=records, request_id_header=trusted)
    name = server.connect().ask("/", f"X-Request-ID: {given}").body.decode()
    assert (name == given) is taken
    assert records.next().request_id == name
