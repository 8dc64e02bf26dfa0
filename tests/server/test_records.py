"""Records of exchanges: what recorders are told, by whom, and that nothing hangs on them."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Sequence
from queue import SimpleQueue

import pytest

from ehttpd.errors import BadRequest, ConnectionLost
from ehttpd.messages import Request, Response
from ehttpd.records import Ledger, Record
from ehttpd.records.formats import AccessLog, format_of
from ehttpd.records.note import USUAL, Note, Noted
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


def test_a_response_that_its_application_wrote_and_broke_off_is_recorded_as_what_was_sent(
    live_server: LiveServers, records: Records
) -> None:
    def handler(request: Request) -> Response:
        request.client.start_response(request, 201, [("X-A", "b")])(b"begun")
        raise LookupError("on purpose")

    reply = live_server(handler, record=records).connect().ask()
    assert (reply.status, reply.body, reply.whole) == (201, b"begun", False)
    record = records.next()
    assert (record.status, record.body_octets) == (201, 5)


# Ledgers, which are told of several at once


class Notes(Ledger):
    """A ledger that a test can wait for."""

    def __init__(self, *, whole: bool = False) -> None:
        self.whole = whole
        self.queue = SimpleQueue[Note]()

    def enter(self, notes: Sequence[Noted]) -> None:
        for each in notes:
            self.queue.put(Note._make(each))

    def next(self) -> Note:
        return self.queue.get(timeout=PATIENCE)


@pytest.mark.parametrize("streams", [False, True])
def test_a_ledger_is_told_what_a_record_tells(live_server: LiveServers, records: Records, streams: bool) -> None:
    def handler(request: Request) -> Response:
        return Response([b"twelve ", b"bytes"] if streams else b"twelve bytes", 201)

    notes = Notes()
    server = LiveServer(handler, record=records)
    server.add_recorder(notes)
    with server:
        peer = server.connect()
        for method, body in [("POST", b"12345"), ("GET", b"")]:
            peer.ask("/a?b", method=method, body=body)
            record, note = records.next(), notes.next()
            assert note.line is not None
            assert (note.line.method, note.line.target, note.line.version) == (method, "/a?b", "HTTP/1.1")
            told = note.status, note.body_octets, note.client, note.thread, note.seconds, note.besides.received
            assert told == (201, 12, record.client, record.thread, record.seconds, len(body))
            assert (note.besides is USUAL) is (method == "GET")
        server.hang_up()


@pytest.mark.parametrize(
    ("method", "body", "octets"), [("GET", b"five!", 5), ("GET", [b"five", b"!"], 5), ("GET", b"", 0), ("GET", None, 0)]
)
def test_a_ledger_alone_is_told_all_that_it_may_want(
    method: str, body: bytes | list[bytes] | None, octets: int
) -> None:  # fmt: skip
    names: list[str] = []

    def handler(request: Request) -> Response:
        names.append(threading.current_thread().name)
        return Response(body, 201) if body is not None else Response(b"", 204)

    notes = Notes()
    before = time.time()
    with serving(handler, record=notes) as server:
        server.connect().ask("/a?b", method=method)
    note = notes.next()
    assert note.line is not None
    assert (note.line.method, note.line.target, note.body_octets) == (method, "/a?b", octets)
    assert (note.status, note.thread) == (204 if body is None else 201, names[0])
    assert note.besides is USUAL
    assert 0 <= note.seconds < PATIENCE
    assert 0 <= note.queue_seconds < PATIENCE
    assert before - 0.001 <= note.ended <= time.time() + 0.001


def test_requests_that_leave_together_are_told_of_in_their_order(live_server: LiveServers) -> None:
    notes = Notes()
    server = live_server(hello, record=notes)
    server.connect().send(b"".join(b"GET /%d HTTP/1.1\r\nHost: h\r\n\r\n" % number for number in range(20)))
    for number in range(20):
        line = notes.next().line
        assert line is not None
        assert line.target == f"/{number}"


def test_what_was_served_off_the_lead_is_told_of_by_its_thread(gate: Gate) -> None:
    names: dict[str, str] = {}

    def handler(request: Request) -> Response:
        names[request.target] = threading.current_thread().name
        if request.target == "/slow":
            gate.wait()
        return hello(request)

    notes = Notes()
    with serving(handler, threads=2, record=notes) as server:
        slow, quick = server.connect(), server.connect()
        slow.send(b"GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")
        gate.await_arrivals()
        assert quick.ask("/quick").status == 200
        first = notes.next()
        gate.open()
        second = notes.next()
    assert first.line is not None
    assert second.line is not None
    assert (first.line.target, second.line.target) == ("/quick", "/slow")
    assert (first.thread, second.thread) == (names["/quick"], names["/slow"])
    assert first.thread != second.thread


def test_nothing_is_untold_when_a_server_has_stopped() -> None:
    notes = Notes()
    with serving(hello, record=notes) as server:
        for peer in [server.connect() for _ in range(20)]:
            assert peer.ask().status == 200
    assert notes.queue.qsize() == 20


def test_a_ledger_that_fails_harms_nobody(caplog: pytest.LogCaptureFixture, records: Records) -> None:
    class Failing(Ledger):
        def enter(self, notes: Sequence[Noted]) -> None:
            raise ZeroDivisionError

    server = LiveServer(hello, record=Failing())
    server.add_recorder(records)
    with server:
        peer = server.connect()
        assert (peer.ask("/a").status, peer.ask("/b").status) == (200, 200)
        server.hang_up()
    assert [records.next().path, records.next().path] == ["/a", "/b"]
    assert "What is written of requests failed." in caplog.text


def test_a_ledger_may_want_to_see_requests_and_responses(live_server: LiveServers) -> None:
    notes = Notes(whole=True)
    live_server(hello, record=notes).connect().ask("/a")
    request, response = notes.next().besides[-2:]
    assert request is not None
    assert response is not None
    assert (request.target, response.body) == ("/a", b"hello")


def test_of_a_refused_head_a_ledger_is_told_its_beginning(live_server: LiveServers) -> None:
    notes = Notes()
    peer = live_server(hello, record=notes).connect()
    peer.ask("/before")
    peer.send(b"GET /a HTTP/1.1\r\nno colon\r\n\r\n")
    assert notes.next().besides is USUAL
    note = notes.next()
    assert (note.line, note.status) == (None, 400)
    assert (note.besides.first_line, note.besides.refusal) == ("GET /a HTTP/1.1", "BadRequest")


@pytest.mark.parametrize("written", ["json", '"%(r)s" "%(a)s"'])
def test_what_is_remembered_of_a_head_is_of_that_head(live_server: LiveServers, written: str) -> None:
    lines = SimpleQueue[str]()
    log = AccessLog(format_of(written), lines.put)
    peer = live_server(hello, record=log).connect()
    for target, agent in [("/a", "one"), ("/a", "one"), ("/b", "one"), ("/b", "two"), ("/b%25", "two"), ("/a", "one")]:
        peer.ask(target, f"User-Agent: {agent}")
        line = lines.get(timeout=PATIENCE)
        if written == "json":
            told = json.loads(line)
            assert (told["url.path"], told["user_agent.original"]) == (target, agent)
        else:
            assert line == f'"GET {target} HTTP/1.1" "{agent}"\n'


@pytest.mark.parametrize("name", ['"', 'a"b\\', "two words", "a=b", 'ends so"'])
def test_a_name_that_an_application_gives_can_be_read_back(live_server: LiveServers, name: str) -> None:
    def handler(request: Request) -> Response:
        request.state["request_id"] = name
        return Response.text("named\n")

    lines = SimpleQueue[str]()
    live_server(handler, record=AccessLog(format_of("json"), lines.put)).connect().ask("/")
    assert json.loads(lines.get(timeout=PATIENCE))["request_id"] == name


def test_messages_about_a_request_have_the_name_that_its_line_has(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    def handler(request: Request) -> Response:
        raise ZeroDivisionError

    notes = Notes()
    assert live_server(handler, record=notes).connect().ask("/a").status == 500
    name = notes.next().name
    assert name
    assert f"<Request GET '/a' HTTP/1.1 {name}>: the application failed" in caplog.text


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
