"""WebSockets: the opening handshake, messages, limits and how it closes, with a real client and octet by octet.

The cases are those of RFC 6455, and of the suite that servers are usually held to: fragments, control frames between
them, bad UTF-8, frames that break a rule, closing.
"""

from __future__ import annotations

import io
import pickle
import queue
import select
import struct
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosedError, ConnectionClosedOK, InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from ehttpd.errors import ConnectionLost, HandlerError
from ehttpd.messages import Request, Response
from ehttpd.native import WebSocket, WebSocketClosed
from ehttpd.toolkit.websocket import Limits
from tests.server.live import PATIENCE, LiveServer, Peer, in_parallel, serving, until
from tests.server.test_departure import reset

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # RFC 6455 §1.3, and what has to be answered to it:
ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
ASKED = ("Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13")
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10


def echo(websocket: WebSocket) -> None:
    for message in websocket:
        websocket.send(message)


@contextmanager
def talking(talk: Callable[[WebSocket], object] = echo, **options: Any) -> Iterator[LiveServer]:
    settings = {name: options.pop(name) for name in ("max_upgrades", "threads") if name in options}
    with serving(lambda request: Response.websocket(talk, **options), **settings) as server:
        yield server


@contextmanager
def connected(server: LiveServer, **options: Any) -> Iterator[ClientConnection]:
    """Connect with somebody else's client."""
    with connect(f"ws://127.0.0.1:{server.port}/", open_timeout=PATIENCE, proxy=None, **options) as client:
        yield client


def opened(server: LiveServer) -> Peer:
    """Connect, to speak frames."""
    peer = server.connect()
    reply = peer.ask("/", *ASKED)
    assert (reply.status, reply.fields["sec-websocket-accept"]) == (101, ACCEPT)
    return peer


def frame(kind: int, payload: bytes = b"", *, last: bool = True, masked: bool = True, reserved: int = 0) -> bytes:
    """Write a frame as a client does (RFC 6455 §5.2); its mask is 1, 2, 3, 4."""
    head = bytes([kind | (0x80 if last else 0) | reserved])
    size, bit = len(payload), 0x80 if masked else 0
    if size < 126:
        head += bytes([bit | size])
    elif size < 1 << 16:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    if not masked:
        return head + payload
    return head + b"\1\2\3\4" + bytes(octet ^ (1 + place % 4) for place, octet in enumerate(payload))


def read_frame(peer: Peer) -> tuple[int, bytes]:
    """Read a whole, short frame of the server; return its kind and payload."""
    head, size = peer.read(2)
    assert head & 0xF0 == 0x80
    assert size < 126
    return head & 0x0F, peer.read(size)


def closing(code: int, reason: str = "") -> bytes:
    return struct.pack("!H", code) + reason.encode()


def test_messages_of_both_kinds_come_back() -> None:
    with talking() as server, connected(server) as client:
        for message in ("hello", "é€\U0001f600", "", b"", bytes(range(256)), "x" * 70_000, b"y" * 300_000):
            client.send(message)
            assert client.recv(timeout=PATIENCE) == message


def test_a_message_may_come_in_fragments_with_pings_between() -> None:
    with talking() as server:
        peer = opened(server)
        peer.send(frame(TEXT, b"a\xc3", last=False), frame(PING, b"there?"), frame(CONTINUATION, b"", last=False))
        peer.send(frame(CONTINUATION, b"\xa9b"))
        assert read_frame(peer) == (PONG, b"there?")
        assert read_frame(peer) == (TEXT, b"a\xc3\xa9b")


class Fed:
    """Stands for a `Tunnel` on which some octets have arrived, and then nothing."""

    timeout = 0.0

    def __init__(self, octets: bytes) -> None:
        self._octets = io.BytesIO(octets)

    def recv(self) -> bytes:
        data = self._octets.read(1 << 16)
        if not data:
            raise TimeoutError
        return data


def test_a_message_in_many_fragments_takes_hardly_more_memory_than_it_is_long() -> None:
    """Else `max_message_size` would bound a thirtieth of what a client can have us keep."""
    fragments = 5000
    tunnel: Any = Fed(frame(BINARY, b"ab", last=False) + frame(CONTINUATION, b"ab", last=False) * fragments)
    websocket = WebSocket(tunnel, Request("GET", "/"), None, Limits(1 << 20, 0, 0))
    tracemalloc.start()
    try:
        with pytest.raises(TimeoutError):
            websocket.receive(timeout=0)
        assert tracemalloc.get_traced_memory()[0] < 4 * 2 * fragments + 50_000  # which is what the rest takes
    finally:
        tracemalloc.stop()


def test_octet_by_octet_it_is_the_same() -> None:
    with talking() as server:
        peer = opened(server)
        for octet in frame(TEXT, b"slow") + frame(PONG, b"unasked") + frame(PING) + frame(BINARY, b"\xff"):
            peer.send(bytes([octet]))
        # A ping is answered when it arrives, messages when the talk comes to them.
        assert sorted(read_frame(peer) for _ in range(3)) == [(TEXT, b"slow"), (BINARY, b"\xff"), (PONG, b"")]


def test_frames_that_come_with_the_request_are_not_lost() -> None:
    with talking() as server:
        peer = server.connect()
        peer.send("\r\n".join(["GET / HTTP/1.1", "Host: h", *ASKED, "", ""]).encode() + frame(TEXT, b"early"))
        assert peer.reply().status == 101
        assert read_frame(peer) == (TEXT, b"early")


@pytest.mark.parametrize(
    ("octets", "code"),
    [
        (frame(TEXT, b"\xff"), 1007),
        (frame(TEXT, b"\xed\xa0\x80"), 1007),  # a surrogate
        (frame(TEXT, b"\xc3", last=False) + frame(CONTINUATION, b"("), 1007),
        (frame(TEXT, b"x", masked=False), 1002),
        (frame(TEXT, b"x", reserved=0x40), 1002),
        (frame(3), 1002),
        (frame(11), 1002),
        (frame(CONTINUATION, b"x"), 1002),
        (frame(TEXT, b"x", last=False) + frame(TEXT, b"y"), 1002),
        (frame(PING, b"x", last=False), 1002),
        (frame(PING, b"x" * 126), 1002),
        (b"\x82\xfe\0\x7d\1\2\3\4", 1002),  # a length in more octets than it takes
        (b"\x82\xff\x80\0\0\0\0\0\0\0\1\2\3\4", 1002),  # a length of 2**63
        (frame(CLOSE, b"\x03"), 1002),
        (frame(CLOSE, closing(999)), 1002),
        (frame(CLOSE, closing(1005)), 1002),
        (frame(CLOSE, closing(1000) + b"\xff"), 1007),
        (frame(BINARY, bytes(1001)), 1009),
        (frame(BINARY, bytes(600), last=False) + frame(CONTINUATION, bytes(600)), 1009),
        (frame(TEXT, "é".encode() * 501), 1009),
    ],
)
def test_what_breaks_a_rule_closes_with_its_code(
    octets: bytes, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:  # fmt: skip
    monkeypatch.setattr("ehttpd.toolkit.websocket.CLOSING", 2 * PATIENCE)
    ends: queue.Queue[WebSocketClosed] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        try:
            websocket.receive()
        except WebSocketClosed as closed:
            ends.put(closed)
            raise

    with talking(talk, max_message_size=1000) as server:
        peer = opened(server)
        peer.send(octets)
        kind, payload = read_frame(peer)
        assert (kind, payload[:2]) == (CLOSE, closing(code))
        assert ends.get(timeout=PATIENCE).code == code
        if code == 1009:
            peer.send(frame(CLOSE, closing(code)))
        assert peer.ended()  # an answer is waited for only where it could be read


def test_the_largest_message_that_may_be_sent_can_be() -> None:
    with talking(max_message_size=1000) as server, connected(server) as client:
        client.send(bytes(1000))
        assert client.recv(timeout=PATIENCE) == bytes(1000)


@pytest.mark.parametrize(("sent", "code", "reason"), [(closing(1000, "bye"), 1000, "bye"), (b"", 1005, ""),
                                                      (closing(4242), 4242, "")])  # fmt: skip
def test_a_client_that_closes_is_answered_the_same(sent: bytes, code: int, reason: str) -> None:
    ends: queue.Queue[WebSocketClosed] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        assert websocket.receive() == "last"
        with pytest.raises(WebSocketClosed) as closed:
            websocket.receive()
        ends.put(closed.value)
        assert websocket.closed
        with pytest.raises(WebSocketClosed):
            websocket.send("too late")

    with talking(talk) as server:
        peer = opened(server)
        peer.send(frame(TEXT, b"last") + frame(CLOSE, sent) + frame(TEXT, b"behind it"))
        assert read_frame(peer) == (CLOSE, sent)
        closed = ends.get(timeout=PATIENCE)
        assert (closed.code, closed.reason) == (code, reason)
        assert peer.ended()


def test_a_server_that_closes_waits_for_the_answer() -> None:
    returned = threading.Event()

    def talk(websocket: WebSocket) -> None:
        websocket.close(4000, "enough")
        websocket.close()  # that is too late
        returned.set()

    with talking(talk) as server:
        peer = opened(server)
        assert read_frame(peer) == (CLOSE, closing(4000, "enough"))
        assert returned.wait(PATIENCE)
        peer.send(frame(TEXT, b"on its way"))
        assert len(server.lane.tunnels) == 1
        peer.send(frame(CLOSE, closing(4000)))
        assert peer.ended()


def test_a_client_that_sends_on_instead_of_answering_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.toolkit.websocket.CLOSING", 0.1)
    with talking(lambda websocket: None) as server:
        peer = opened(server)
        frames, gives_up = frame(PING) * 10_000, time.monotonic() + PATIENCE
        with pytest.raises(ConnectionError):
            while time.monotonic() < gives_up:
                peer.send(frames)


def test_a_client_that_breaks_a_rule_instead_of_answering_is_given_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.toolkit.websocket.CLOSING", 10 * PATIENCE)
    with talking(lambda websocket: None) as server:
        peer = opened(server)
        assert read_frame(peer) == (CLOSE, closing(1000))
        peer.send(frame(TEXT, b"reserved bits", reserved=0x70))
        assert peer.ended()


def test_iterating_ends_when_the_client_has_closed_in_order_only() -> None:
    ends: queue.Queue[object] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        try:
            ends.put(list(websocket))
        except WebSocketClosed as closed:
            ends.put(closed.code)

    with talking(talk) as server:
        for code in (1000, 1001, 4000):
            with connected(server) as client:
                client.send("one")
                client.close(code)
        peer = opened(server)
        peer.half_close()
        assert [ends.get(timeout=PATIENCE) for _ in range(4)] == [["one"], ["one"], 4000, 1006]


def test_the_end_of_a_talk_closes_normally() -> None:
    with talking(lambda websocket: websocket.send("hi")) as server, connected(server) as client:
        assert client.recv(timeout=PATIENCE) == "hi"
        with pytest.raises(ConnectionClosedOK):
            client.recv(timeout=PATIENCE)


def test_a_talk_that_fails_closes_with_1011_and_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def talk(websocket: WebSocket) -> None:
        raise KeyError("talk")

    with talking(talk) as server, connected(server) as client:
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1011
    assert "KeyError: 'talk'" in caplog.text


def test_a_stop_tells_the_clients_that_the_server_goes_away() -> None:
    with talking() as server, connected(server) as client:
        client.send("hello")
        assert client.recv(timeout=PATIENCE) == "hello"
        with in_parallel(lambda: server.stop(grace=PATIENCE)):
            with pytest.raises(ConnectionClosedOK) as closed:
                client.recv(timeout=PATIENCE)
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == 1001


def test_a_stop_waits_for_the_clients_answer() -> None:
    with talking() as server:
        peer = opened(server)
        with in_parallel(lambda: server.stop(grace=PATIENCE)):
            assert read_frame(peer) == (CLOSE, closing(1001, "the server stops"))
            assert not select.select([peer.socket], [], [], 0.1)[0]
            peer.send(frame(TEXT, b"on its way") + frame(CLOSE, closing(1001)))
            assert peer.ended()
            peer.close()


def test_nothing_is_received_once_it_was_closed() -> None:
    sockets: queue.Queue[WebSocket] = queue.Queue()
    ends: queue.Queue[object] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        sockets.put(websocket)
        try:
            ends.put(websocket.receive())
        except WebSocketClosed as closed:
            ends.put(closed.code)

    with talking(talk) as server:
        peer = opened(server)
        sockets.get(timeout=PATIENCE).close(4001)
        assert read_frame(peer) == (CLOSE, closing(4001))
        peer.send(frame(TEXT, b"late"))
        assert ends.get(timeout=PATIENCE) == 4001
        peer.send(frame(PING) + frame(CLOSE, closing(4000)))
        assert peer.ended()


def test_a_silent_client_is_pinged_and_given_up(caplog: pytest.LogCaptureFixture) -> None:
    ends: queue.Queue[WebSocketClosed] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        with pytest.raises(WebSocketClosed) as closed:
            websocket.receive()
        ends.put(closed.value)

    with talking(talk, ping_interval=0.05, ping_timeout=0.5) as server:
        peer = opened(server)
        assert read_frame(peer) == (PING, b"")
        peer.send(frame(PONG))  # a sign of life, and then another is wanted
        assert read_frame(peer) == (PING, b"")
        assert read_frame(peer)[0] == CLOSE
        assert ends.get(timeout=PATIENCE).code == 1011
        assert peer.ended()
    assert caplog.text == ""


def test_a_client_that_answers_pings_stays() -> None:
    pings = threading.Semaphore(0)
    with talking(ping_interval=0.01, ping_timeout=PATIENCE) as server:
        peer = opened(server)
        for _ in range(3):
            assert read_frame(peer) == (PING, b"")
            peer.send(frame(PONG))
            pings.release()


def test_a_receive_may_give_up_waiting() -> None:
    def talk(websocket: WebSocket) -> None:
        with pytest.raises(TimeoutError):
            websocket.receive(timeout=0.01)
        websocket.send("nothing yet")
        websocket.send(websocket.receive(timeout=PATIENCE))

    with talking(talk) as server, connected(server) as client:
        assert client.recv(timeout=PATIENCE) == "nothing yet"
        client.send("now")
        assert client.recv(timeout=PATIENCE) == "now"


def test_any_thread_may_send_and_ping_and_close() -> None:
    sockets: queue.Queue[WebSocket] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        sockets.put(websocket)
        echo(websocket)

    def send() -> None:
        for _ in range(20):
            websocket.send("x" * 10_000)

    with talking(talk) as server, connected(server) as client:
        websocket = sockets.get(timeout=PATIENCE)
        with in_parallel(send, send, send):
            assert [client.recv(timeout=PATIENCE) for _ in range(60)] == ["x" * 10_000] * 60
        websocket.ping(b"there?")
        websocket.close(4001)
        with pytest.raises(ConnectionClosedError) as closed:
            client.recv(timeout=PATIENCE)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 4001


def test_what_is_no_message_or_no_reason_is_the_applications_mistake() -> None:
    raised: queue.Queue[BaseException] = queue.Queue()

    def talk(websocket: WebSocket) -> None:
        with pytest.raises(HandlerError) as wrong_kind:
            websocket.send(5)  # type: ignore[arg-type]
        with pytest.raises(HandlerError) as too_long:
            websocket.close(1000, "é" * 62)
        raised.put(wrong_kind.value)
        raised.put(too_long.value)

    with talking(talk) as server, connected(server):
        assert [type(raised.get(timeout=PATIENCE)) for _ in range(2)] == [HandlerError] * 2


def test_the_first_subprotocol_of_the_client_that_is_ours_is_agreed_upon() -> None:
    def talk(websocket: WebSocket) -> None:
        websocket.send(f"{websocket.subprotocol} {websocket.request.target}")

    with talking(talk, subprotocols=("chat.1", "chat.2")) as server:
        for offered, agreed in ((["x", "chat.2", "chat.1"], "chat.2"), (["x"], None), (None, None)):
            wanted = None if offered is None else [Subprotocol(each) for each in offered]
            with connected(server, subprotocols=wanted) as client:
                assert client.recv(timeout=PATIENCE) == f"{agreed} /"
                assert client.subprotocol == agreed


def without(name: str) -> tuple[str, ...]:
    return tuple(line for line in ASKED if not line.startswith(name + ":"))


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", (), 426),
        ("GET", without("Upgrade"), 426),
        ("GET", without("Connection"), 426),
        ("GET", without("Sec-WebSocket-Version"), 426),
        ("GET", (*without("Sec-WebSocket-Version"), "Sec-WebSocket-Version: 8"), 426),
        ("GET", without("Sec-WebSocket-Key"), 400),
        ("GET", (*ASKED, f"Sec-WebSocket-Key: {KEY}"), 400),
        ("GET", (*without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: short"), 400),
        ("GET", (*without("Sec-WebSocket-Key"), "Sec-WebSocket-Key: YWJj"), 400),
        ("POST", ASKED, 405),
        ("GET", ASKED, 403),
        ("GET", (*ASKED, "Origin: https://evil.example"), 403),
        ("GET", (*ASKED, "Origin: https://good.example"), 101),
    ],
)
def test_a_request_that_is_none_for_a_websocket_is_refused(method: str, fields: tuple[str, ...], status: int) -> None:
    with talking(origins={"https://good.example"}) as server:
        peer = server.connect()
        reply = peer.ask("/", *fields, method=method)
        assert reply.status == status
        if status == 426:
            assert (reply.fields["upgrade"], reply.fields["connection"]) == ("websocket", "upgrade")
        if "Sec-WebSocket-Version: 8" in fields:
            assert reply.fields["sec-websocket-version"] == "13"


def test_a_single_name_is_as_good_as_a_list_of_one_and_no_piece_of_it_is() -> None:
    with talking(origins="https://good.example", subprotocols="chat.1") as server:
        for origin, status in (("https://good", 403), ("https://good.example", 101)):
            reply = server.connect().ask("/", *ASKED, f"Origin: {origin}", "Sec-WebSocket-Protocol: chat, chat.1")
            assert reply.status == status
        assert reply.fields["sec-websocket-protocol"] == "chat.1"
        assert server.connect().ask("/", *ASKED).status == 403


def test_who_sends_to_the_closed_websocket_of_another_has_failed_and_not_lost_his_own_client(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def talk(websocket: WebSocket) -> None:
        if not there:
            there.append(websocket)
            gone.wait(PATIENCE)  # meanwhile the other one tries
        websocket.receive()
        there[0].send("to the other")

    def handler(request: Request) -> Response:
        if request.method == "GET":
            return Response.websocket(talk)
        there[0].send("to the other")
        return Response.text("sent")

    there: list[WebSocket] = []
    gone = threading.Event()
    with serving(handler) as server:
        first = opened(server)
        assert until(lambda: there)
        there[0].close()
        second = opened(server)
        second.send(frame(TEXT, b"say it"))
        assert read_frame(second) == (CLOSE, closing(1011))
        assert server.connect().ask(method="POST").status == 500
        gone.set()
        first.socket.close()
    assert caplog.text.count("the WebSocket was closed with 1000") == 2


def test_a_broken_connection_is_a_websocket_that_was_closed_without_a_word() -> None:
    def talk(websocket: WebSocket) -> None:
        for use in (websocket.receive, lambda: websocket.send("x"), lambda: websocket.send("x")):
            with pytest.raises(WebSocketClosed) as closed:
                use()
            told.put((closed.value.code, len(closed.traceback)))

    told: queue.SimpleQueue[tuple[int, int]] = queue.SimpleQueue()
    with talking(talk) as server:
        reset(opened(server))
        codes, depths = zip(*(told.get(timeout=PATIENCE) for _ in range(3)), strict=True)
    assert codes == (1006, 1006, 1006)
    assert depths[1] == depths[2]  # each time it is raised anew


def test_a_client_learns_that_there_are_too_many() -> None:
    with talking(max_upgrades=1) as server, connected(server):
        with pytest.raises(InvalidStatus) as refused, connected(server):
            pass
        assert refused.value.response.status_code == 503


def test_without_the_extra_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wsproto", None)
    with pytest.raises(HandlerError, match=r"ehttpd\[ws\]"):
        Response.websocket(echo)


def test_a_closed_websocket_is_a_lost_connection() -> None:
    assert str(WebSocketClosed(1001, "away")) == "the WebSocket was closed with 1001: away"
    assert issubclass(WebSocketClosed, ConnectionLost)


@pytest.mark.parametrize("code", [0, 999, 1004, 1005, 1006, 1015, 2000, 5000, 99999, "1000"])
def test_a_code_that_no_endpoint_may_send_is_an_error(code: Any) -> None:
    failures: queue.SimpleQueue[str] = queue.SimpleQueue()

    def talk(websocket: WebSocket) -> None:
        try:
            websocket.close(code)
        except HandlerError as error:
            failures.put(str(error))

    with talking(talk) as server, connected(server):
        assert repr(code) in failures.get(timeout=PATIENCE)


def test_who_receives_is_told_that_another_thread_has_closed_it_even_where_nobody_is_pinged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("ehttpd.toolkit.websocket.CLOSING", 0.01)
    told: queue.SimpleQueue[int] = queue.SimpleQueue()

    def talk(websocket: WebSocket) -> None:
        threading.Thread(target=websocket.close, args=(4000,)).start()
        try:
            websocket.receive()
        except WebSocketClosed as closed:
            told.put(closed.code)

    with talking(talk, ping_interval=0) as server:
        peer = server.connect()
        peer.ask("/", *ASKED)
        assert told.get(timeout=PATIENCE) == 4000


def test_what_closed_it_can_be_sent_to_another_process() -> None:
    other = pickle.loads(pickle.dumps(WebSocketClosed(4000, "enough")))
    assert (other.code, other.reason, str(other)) == (4000, "enough", "the WebSocket was closed with 4000: enough")
