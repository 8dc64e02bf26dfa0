"""Faults, as a client without a library sees them: the octets that come, and how they end."""

from __future__ import annotations

import itertools
import re
import socket
from collections.abc import Callable, Iterator
from random import Random

import pytest

from ehttpd.messages import Request, Response
from ehttpd.testing import MockServer, TestServer, faults
from ehttpd.testing.faults import STAGES, Fault, drawn

ASK = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"
POST = b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 10\r\n\r\n0123456789"
DATE = re.compile(rb"Date: .*?\r\n")
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 5\r\n\r\n"
CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nTransfer-Encoding: chunked\r\n\r\n"


def hello(request: Request) -> Response:
    return Response.text("hello")


QUIET = 0.1  # Seconds. Who has said nothing for so long, after all that was expected of it, has stalled.


def conversation(server: TestServer, *requests: bytes, enough: int | None = None) -> tuple[bytes, str]:
    """Send requests, each after an answer to the one before, with the connection left open; return what comes, and
    how the connection ends. After ``enough`` octets, the field Date not counted, nothing more is expected.
    """
    received = b""
    with socket.socket() as connected:
        try:
            connected.connect(("127.0.0.1", server.port))
            waiting = list(requests)
            connected.sendall(waiting.pop(0))
            while True:
                done = enough is not None and len(DATE.sub(b"", received)) >= enough
                connected.settimeout(QUIET if done else 10.0)
                data = connected.recv(65536)
                if not data:
                    return received, "close"
                received += data
                if waiting and received.endswith(b"hello"):
                    connected.sendall(waiting.pop(0))
        except ConnectionResetError:
            return received, "reset"
        except TimeoutError:
            return received, "stall"


@pytest.mark.parametrize(
    ("fault", "sent"),
    [
        (faults.truncate(2), HEAD + b"hel"),
        (faults.truncate(99), HEAD),
        (faults.wrong_length(3), HEAD.replace(b"5", b"8") + b"hello"),
        (faults.wrong_length(-2), HEAD.replace(b"5", b"3") + b"hello"),
        (faults.malformed_chunk(), CHUNKED + b"3\r\nhel\r\nno chunk\r\n\r\n"),
        (faults.no_answer(), b""),
        (faults.close(at="response-head", after=4), b"HTTP"),
        (faults.close(at="response-body", after=3), HEAD + b"hel"),
        (faults.close(at="response-end"), HEAD + b"hello"),
    ],
    ids=str,
)
def test_a_response_goes_wrong_and_the_connection_is_closed(fault: Fault, sent: bytes) -> None:
    with TestServer(hello) as server:
        server.fail(fault)
        assert conversation(server, ASK) == (sent, "close")
        assert server.exchanges[0].fault == repr(fault)


@pytest.mark.parametrize(
    ("stage", "after", "octets", "sent"),
    [
        ("accept", 0, b"", b""),
        ("request-head", 5, b"GET /", b""),
        ("request-head", 0, ASK, b""),
        ("request-body", 4, POST[:-6], b""),
        ("request-body", 10, POST, b""),
        ("response-head", 4, ASK, b"HTTP"),
        ("response-body", 3, ASK, HEAD + b"hel"),
        ("response-body", 3, POST, HEAD + b"hel"),
        ("response-end", 0, ASK, HEAD + b"hello"),
    ],
)
@pytest.mark.parametrize("ending", ["reset", "close", "stall"])
def test_a_connection_ends_at_every_stage(stage: str, after: int, octets: bytes, sent: bytes, ending: str) -> None:
    with TestServer(hello) as server:
        server.fail(getattr(faults, ending)(at=stage, after=after))
        assert conversation(server, octets, enough=len(sent) if ending == "stall" else None) == (sent, ending)


# Each fault but those that only end the connection, at each stage where it may be: what a client that asks twice
# receives, and how many octets of garbage behind that.
ONCE, TWICE = HEAD + b"hello", (HEAD + b"hello") * 2
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
SCENES: list[tuple[Fault, bytes, int, str]] = [
    (faults.garbage(10, at="accept"), b"", 10, "close"),
    (faults.garbage(10, at="request-head", after=5), b"", 10, "close"),
    (faults.garbage(10, at="request-body", after=4), b"", 10, "close"),
    (faults.garbage(10, at="between-requests"), ONCE, 10, "close"),
    (faults.garbage(10, after=4), b"HTTP", 10, "close"),
    (faults.garbage(10, at="response-body", after=3), HEAD + b"hel", 10, "close"),
    (faults.garbage(10, at="response-end"), ONCE, 10, "close"),
    *((faults.latency(0.001, at=stage, after=3), TWICE, 0, "stall") for stage in STAGES if stage != "tls"),
    (faults.drip(3, 0.0001, at="response-head", after=7), TWICE, 0, "stall"),
    (faults.drip(3, 0.0001, at="response-body", after=1), TWICE, 0, "stall"),
    (faults.truncate(1, at="response-head"), HEAD[:-1], 0, "close"),
    (faults.truncate(1, at="response-body"), HEAD + b"hell", 0, "close"),
    (faults.malformed_chunk(after=4), CHUNKED + b"4\r\nhell\r\nno chunk\r\n\r\n", 0, "close"),
    (faults.duplicate_response(), TWICE * 2, 0, "stall"),
    (faults.informational(103, {"Link": "</a>"}), HINTS + ONCE + HINTS + ONCE, 0, "stall"),
]


@pytest.mark.parametrize(("fault", "sent", "garbage", "ending"), SCENES, ids=repr)
def test_a_fault_happens_at_every_stage_where_it_makes_sense(
    fault: Fault, sent: bytes, garbage: int, ending: str
) -> None:
    with TestServer(hello) as server:
        server.fail(fault)
        received, ended = conversation(server, POST, POST, enough=len(sent) if ending == "stall" else None)
        received = DATE.sub(b"", received)  # of what is not rewritten
        assert (received[: len(sent)], len(received) - len(sent), ended) == (sent, garbage, ending)
        assert repr(fault) in [exchange.fault for exchange in server.exchanges]


@pytest.mark.parametrize("at", ["response-head", "response-body"])
def test_corruption_keeps_to_its_place(at: str) -> None:
    with TestServer(hello) as server:
        server.fail(faults.corrupt(1.0, at=at, after=4))
        received, _ = conversation(server, ASK, enough=len(ONCE))
    changed = [place for place, (one, other) in enumerate(zip(received, ONCE, strict=True)) if one != other]
    assert changed == (list(range(4, len(HEAD))) if at == "response-head" else [len(ONCE) - 1])


@pytest.mark.parametrize(
    "make",
    [
        lambda: faults.latency(1, at="tls"),
        lambda: faults.drip(1, 1, at="request-body"),
        lambda: faults.truncate(1, at="response-end"),
        lambda: faults.wrong_length(1, at="accept"),
        lambda: faults.no_answer(at="response-end"),
        lambda: faults.duplicate_response(at="accept"),
        lambda: faults.malformed_chunk(at="response-head"),
        lambda: faults.informational(at="response-body"),
    ],
)
def test_a_stage_where_a_fault_makes_no_sense_is_refused(make: Callable[[], Fault]) -> None:
    with pytest.raises(ValueError, match="makes no sense at"):
        make()


def test_a_pause_before_the_response_of_a_rule_counts_it_once() -> None:
    with MockServer() as server:
        server.on("POST /").fail(faults.latency(0.001, at="request-body")).reply(text="hello").times(2)
        client = server.client()
        assert [client.post("/", body=b"whole").text for _ in range(2)] == ["hello", "hello"]


@pytest.mark.parametrize("ending", ["reset", "close", "stall"])
def test_a_persistent_connection_ends_when_the_next_request_comes(ending: str) -> None:
    with TestServer(hello) as server:
        server.fail(getattr(faults, ending)(at="between-requests"))
        with socket.create_connection(("127.0.0.1", server.port), 30) as connected:
            connected.sendall(ASK)
            assert connected.recv(1000).endswith(b"hello")
            connected.settimeout(QUIET if ending == "stall" else 30)
            connected.sendall(ASK)
            if ending == "close":
                assert connected.recv(1000) == b""
            else:
                with pytest.raises(ConnectionResetError if ending == "reset" else TimeoutError):
                    connected.recv(1000)


def test_a_stalled_connection_lives_until_the_server_stops() -> None:
    server = TestServer(hello).start()
    server.fail(faults.stall(at="response-body", after=1))
    with socket.create_connection(("127.0.0.1", server.port), 5) as connected:
        connected.sendall(ASK)
        assert connected.recv(1000).endswith(b"h")
        connected.sendall(ASK)
        assert server.stop()
        assert connected.recv(1000) == b""


@pytest.mark.parametrize("stage", ["request-head", "response-head"])
def test_a_stalled_connection_outlives_every_timeout(stage: str) -> None:
    with TestServer(hello, header_timeout=0.02, keep_alive_timeout=0.02) as server:
        server.fail(faults.stall(at=stage))
        assert conversation(server, ASK, enough=0) == (b"", "stall")


def test_garbage_is_no_response_and_repeats_itself_with_its_seed() -> None:
    with TestServer(hello) as server:
        server.fail(faults.garbage(50, seed=7))
        first, ending = conversation(server, ASK)
        server.heal()
        server.fail(faults.garbage(50, seed=7))
        assert (first, ending) == conversation(server, ASK)
        assert (len(first), ending) == (50, "close")
        assert not first.startswith(b"HTTP")


def test_corruption_leaves_the_length_and_changes_the_body() -> None:
    with TestServer(hello) as server:
        server.fail(faults.corrupt(0.5, seed=1))
        answer = server.client().get("/")
        assert len(answer.body) == 5
        assert answer.body != b"hello"


@pytest.mark.parametrize("fault", [faults.drip(10, every=0.0001), faults.latency(0.001)], ids=str)
def test_a_slow_response_is_whole_and_the_connection_persists(fault: Fault) -> None:
    with TestServer(hello) as server:
        server.fail(fault)
        client = server.client()
        assert [client.get("/").text, client.get("/").text] == ["hello", "hello"]
        assert [request.connection.index for request in server.requests] == [0, 0]


def test_a_duplicate_response_answers_the_next_request() -> None:
    with TestServer(hello) as server:
        server.fail(faults.duplicate_response(nth=1))
        assert server.wire(ASK) == (HEAD + b"hello") * 2


def test_pauses_end_when_the_server_stops() -> None:
    server = TestServer(hello).start()
    server.fail(faults.latency(3600))
    with socket.create_connection(("127.0.0.1", server.port), 5) as connected:
        connected.sendall(ASK)
        server.take()
        assert server.stop()


def test_large_output_is_taken_whole_before_a_reset() -> None:
    large = b"x" * 3_000_000
    with TestServer(lambda request: Response(large)) as server:
        server.fail(faults.reset(at="response-body", after=2_000_000))
        received, ending = conversation(server, ASK)
        assert (received.partition(b"\r\n\r\n")[2], ending) == (large[:2_000_000], "reset")


def test_a_body_that_never_ends_is_broken_off() -> None:
    def events() -> Iterator[str]:
        while True:
            yield "tick"

    with TestServer(lambda request: Response.sse(events())) as server:
        server.fail(faults.close(at="response-body", after=30))
        received, ending = conversation(server, ASK)
        head, _, body = received.partition(b"\r\n\r\n")
        assert (b"text/event-stream" in head, len(body), ending) == (True, 30, "close")


def test_a_fault_of_a_rule_strikes_as_often_as_the_rule_says() -> None:
    with MockServer() as server:
        server.on("GET /items/{id}").fail(faults.reset(at="response-body", after=10)).times(1)
        server.on("GET /items/{id}").reply(json={"id": 7})
        client = server.client()
        with pytest.raises(ConnectionResetError):
            client.get("/items/7")
        assert client.get("/items/7").json() == {"id": 7}
        assert [request.path for request in server.requests] == ["/items/7", "/items/7"]


def test_a_fault_of_a_rule_breaks_the_body_of_its_request() -> None:
    with MockServer() as server:
        server.on("POST /").fail(faults.reset(at="request-body", after=4)).times(1)
        server.on("POST /").reply(204)
        assert conversation(server, POST[:-6]) == (b"", "reset")
        assert server.client().post("/", body=b"whole").status == 204


def test_a_fault_of_a_rule_waits_for_the_next_request() -> None:
    with MockServer() as server:
        server.on("GET /").reply(text="hello").fail(faults.reset(at="between-requests"))
        client = server.client()
        assert client.get("/").text == "hello"
        with pytest.raises(ConnectionResetError):
            client.get("/")


def test_a_rule_has_no_say_before_its_request_is_known() -> None:
    with MockServer(strict=False) as server, pytest.raises(ValueError, match=r"server\.fail"):
        server.on("GET /").fail(faults.reset(at="accept"))


def test_tls_cannot_fail_where_there_is_none() -> None:
    with TestServer(hello) as server, pytest.raises(ValueError, match="tls=True"):
        server.fail(faults.reset(at="tls"))


def test_a_fault_strikes_the_nth_time() -> None:
    fault = faults.no_answer(nth=3)
    assert [fault.strikes() for _ in range(5)] == [False, False, True, False, False]


def test_a_fault_strikes_with_its_probability_the_same_way_each_time() -> None:
    one, same = (faults.no_answer(p=0.3, seed=5) for _ in range(2))
    struck = [one.strikes() for _ in range(200)]
    assert struck == [same.strikes() for _ in range(200)]
    assert 30 < sum(struck) < 90
    assert not any(faults.no_answer(p=0).strikes() for _ in range(100))


@pytest.mark.parametrize("wrong", [{"at": "later"}, {"p": 2}, {"nth": 0}, {"after": -1}])
def test_a_fault_that_makes_no_sense_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=r"no stage|between 0 and 1"):
        Fault("wrong", **wrong)  # type: ignore[arg-type]


def test_durations_are_drawn_where_they_should_lie() -> None:
    random = Random(1)
    evenly = [drawn(faults.uniform(0.1, 0.3), random) for _ in range(500)]
    assert 0.1 <= min(evenly) < 0.12 < 0.28 < max(evenly) <= 0.3
    longtailed = sorted(drawn(faults.lognormal(0.1), random) for _ in range(501))
    assert 0.08 < longtailed[250] < 0.12
    assert drawn(2, random) == 2.0


def test_every_ending_has_every_stage() -> None:
    for ending, stage in itertools.product((faults.reset, faults.close, faults.stall), STAGES):
        assert re.fullmatch(rf"faults\.\w+\(at='{stage}', after=0\)", repr(ending(at=stage)))
