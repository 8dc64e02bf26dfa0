"""A server's life: start, serve, drain, stop."""

from __future__ import annotations

import errno
import gc
import io
import os
import re
import signal
import socket
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from ehttpd.errors import SettingsError
from ehttpd.messages import Request, Response
from ehttpd.server.server import Server
from ehttpd.server.signals import run
from ehttpd.settings import Settings
from tests.server.conftest import LiveServers
from tests.server.live import PATIENCE, Gate, LiveServer, come_true, hello, in_parallel, serving, until

GET = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def waits_at(gate: Gate) -> Any:
    def handler(request: Request) -> Response:
        if request.target == "/wait":
            gate.wait()
        return hello(request)

    return handler


WAIT = b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n"


# Making one


def test_a_server_needs_one_handler() -> None:
    with pytest.raises(TypeError):
        Server()
    with pytest.raises(TypeError):
        Server(hello, connection=lambda source, sink: True)


def test_settings_are_given_whole_or_one_by_one() -> None:
    assert Server(hello, settings=Settings(threads=3)).settings.threads.maximum == 3
    assert Server(hello, threads=3).settings.threads.maximum == 3
    with pytest.raises(TypeError):
        Server(hello, settings=Settings(), threads=3)
    with pytest.raises(SettingsError, match="thread"):
        Server(hello, thread=3)


def test_threads_have_the_stack_that_is_wanted_of_any_server(live_server: LiveServers) -> None:
    before = threading.stack_size()
    try:
        server = live_server(lambda request: Response(b"%d" % threading.stack_size()), thread_stack_size="4m")
        assert server.connect().ask().body == b"4194304"
    finally:
        threading.stack_size(before)


def test_a_server_that_was_not_started_has_no_address() -> None:
    server = Server(hello)
    assert server.addresses == []
    with pytest.raises(RuntimeError):
        _ = server.url


def test_a_server_is_started_once() -> None:
    with LiveServer(hello) as server, pytest.raises(RuntimeError, match="already"):
        server.start()


def test_a_server_that_was_not_started_can_be_stopped() -> None:
    server = LiveServer(hello)
    server.listen()
    assert server.stop()
    assert server.stop()


# Serving


def test_two_files_are_a_connection(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response(request.target.encode()))
    source, sink = io.BytesIO(b"GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /b HTTP/1.1\r\nHost: h\r\n\r\n"), io.BytesIO()
    server.dispatch(source, sink)
    assert re.findall(rb"\r\n\r\n(/.)", sink.getvalue()) == [b"/a", b"/b"]
    with pytest.raises(TypeError, match="one to write to"):
        server.dispatch(source)


def test_serving_for_ever_ends_when_another_thread_stops_it() -> None:
    server = LiveServer(hello)
    server.listen()
    with in_parallel(server.serve_forever):
        assert server.connect().ask().body == b"hello"
        assert not server.wait(0)
        server.hang_up()
        server.stop()
        assert server.wait()


def test_the_operator_may_have_the_server_named(live_server: LiveServers) -> None:
    assert live_server(hello, server_header="ehttpd").connect().ask().fields["server"] == "ehttpd"
    assert "server" not in live_server(hello).connect().ask().fields


def test_no_signal_handler_is_installed_and_no_logging_configured(live_server: LiveServers) -> None:
    import logging
    import signal

    before = [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)]
    live_server(hello).connect().ask()
    assert [signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)] == before
    assert not logging.getLogger("ehttpd").handlers


# Stopping


def test_stopping_closes_the_listener_and_idle_connections(live_server: LiveServers) -> None:
    server = live_server(hello)
    fresh, used = server.connect(), server.connect()
    used.ask()
    assert server.stop()
    assert fresh.ended()
    assert used.ended()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def test_a_request_in_its_handler_is_answered_and_its_connection_closed(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate))
    peer = server.connect()
    peer.send(WAIT)
    gate.await_arrivals()
    with in_parallel(server.stop):
        gate.open()
        reply = peer.reply()
        assert (reply.body, reply.fields["connection"]) == (b"hello", "close")
        assert peer.ended()


def test_requests_in_the_queue_are_answered(live_server: LiveServers, gate: Gate) -> None:
    server = live_server(waits_at(gate), threads=1)
    first, *queued = [server.connect() for _ in range(4)]
    first.send(WAIT)
    gate.await_arrivals()
    for peer in queued:
        peer.send(GET)
    server.await_queued(3)
    with in_parallel(server.stop):
        gate.open()
        assert [peer.reply().status for peer in (first, *queued)] == [200] * 4


def test_a_request_that_is_half_there_is_waited_for(live_server: LiveServers) -> None:
    server = live_server(lambda request: Response(request.body.read()))
    heading, bodying = server.connect(), server.connect()
    heading.send(b"GET / HT")
    bodying.send(b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n")
    assert bodying.reply().status == 100
    listener = server._listeners[0]
    with in_parallel(server.stop):
        assert until(lambda: listener.fileno() == -1)
        heading.send(b"TP/1.1\r\nHost: here\r\n\r\n")
        bodying.send(b"12345")
        assert heading.reply().status == 200
        assert bodying.reply().body == b"12345"
        assert heading.ended()
        assert bodying.ended()


def test_what_waits_to_be_accepted_is_answered() -> None:
    server = LiveServer(hello)
    server.listen()
    peers = [server.connect() for _ in range(50)]
    for peer in peers:
        peer.send(GET)
    server.start()
    with in_parallel(server.stop):
        assert [peer.reply().status for peer in peers] == [200] * 50
    server.hang_up()


def test_output_that_is_not_taken_yet_is_finished(live_server: LiveServers) -> None:
    body = b"x" * 3_000_000
    server = live_server(lambda request: Response(body))
    peer = server.connect(receive_buffer=4096)
    peer.send(GET)
    assert peer.line() == "HTTP/1.1 200 OK"
    with in_parallel(server.stop):
        assert peer.rest().endswith(body)


def test_with_patience_connections_that_were_used_a_moment_ago_get_one_more_answer(live_server: LiveServers) -> None:
    server = live_server(hello)
    fresh, used = server.connect(), server.connect()
    used.ask()
    listener = server._listeners[0]
    with in_parallel(lambda: server.stop(patience=PATIENCE)):
        assert until(lambda: listener.fileno() == -1)
        for peer in (fresh, used):
            assert peer.ask().fields["connection"] == "close"
            assert peer.ended()


def test_with_patience_connections_that_stay_silent_are_closed_in_the_end(live_server: LiveServers) -> None:
    server = live_server(hello)
    fresh, used, long_silent = server.connect(), server.connect(), server.connect()
    long_silent.ask()
    began = time.monotonic()
    used.ask()
    until(lambda: len(server.lane.table.resting) == 3)
    name = long_silent.socket.getsockname()
    next(each for each in server.lane.table.resting.values() if each.remote == name).deadline -= 9
    with in_parallel(lambda: server.stop(patience=0.2)):
        assert long_silent.ended()
        assert fresh.ended()
        assert used.ended()
    assert time.monotonic() - began >= 0.2


@pytest.mark.skipif(sys.platform != "linux", reason="others have no filter for sockets")
def test_whoever_connects_to_a_sealed_listener_is_neither_taken_nor_reset() -> None:
    server = LiveServer(hello)
    server.listen()
    early = server.connect()
    early.send(GET)
    listener = server._listeners[0]
    listener.seal()
    with socket.socket() as late:
        late.setblocking(False)
        assert late.connect_ex(("127.0.0.1", server.port)) == errno.EINPROGRESS
        server.start()
        assert early.reply().status == 200
        assert server.lane.open_connections == 1
        server.hang_up()
        server.stop()
        assert late.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="others have no filter for sockets")
def test_where_no_filter_may_be_had_a_stop_answers_what_waits_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.server.listener.SO_ATTACH_FILTER", 9999)  # refused, as to the unprivileged elsewhere
    server = LiveServer(hello)
    server.listen()
    early = server.connect()
    early.send(GET)
    server.start()
    assert server.stop(patience=0.1)
    assert early.reply().status == 200
    assert early.ended()
    server.hang_up()


def test_after_the_grace_time_connections_are_closed(live_server: LiveServers) -> None:
    server = live_server(hello)
    peer = server.connect()
    peer.send(b"GET / HT")
    other = server.connect()
    other.ask()
    began = time.monotonic()
    assert not server.stop(grace=0.1)
    assert time.monotonic() - began >= 0.1
    assert peer.ended()


@pytest.mark.usefixtures("no_last_moment")
def test_a_handler_that_never_ends_is_left_to_itself_and_its_connection_closed_later(gate: Gate) -> None:
    with serving(waits_at(gate), threads=1) as server:
        peer, queued = server.connect(), server.connect()
        peer.send(WAIT)
        gate.await_arrivals()
        queued.send(GET)
        server.await_queued(1)
        assert not server.stop(grace=0)
        assert queued.ended()
        gate.open()
        peer.rest()
        assert server.lane.pool.join(time.monotonic() + PATIENCE)
        assert server.lane.open_connections == 0


def test_a_second_stop_cuts_the_first_short(live_server: LiveServers) -> None:
    server = live_server(hello)
    peer = server.connect()
    peer.send(b"GET / HT")
    with in_parallel(lambda: server.stop(grace=3600)):
        assert until(lambda: server._listeners[0].fileno() == -1)
        assert not server.stop(grace=0)
    assert peer.ended()


def test_a_server_that_has_stopped_takes_no_connections(live_server: LiveServers) -> None:
    server = live_server(hello)
    server.stop()
    ours, theirs = socket.socketpair()
    with ours, theirs, pytest.raises(RuntimeError, match="not running"):
        server.dispatch(theirs)


def test_connections_that_come_while_it_stops_leave_nothing(live_server: LiveServers) -> None:
    server = live_server(hello)
    stop = threading.Event()

    def knock() -> None:
        while not stop.is_set():
            try:
                peer = server.connect()
                peer.ask()
            except (OSError, AssertionError):
                pass

    with in_parallel(knock, knock):
        server.connect().ask()
        assert server.stop(grace=PATIENCE)
        stop.set()
    assert server.lane.open_connections == 0


def test_starting_and_stopping_leaves_no_thread_and_no_descriptor() -> None:
    def descriptors() -> int:
        return len(os.listdir("/dev/fd"))

    gc.collect()
    before, threads = descriptors(), threading.active_count()
    for _ in range(300):
        with LiveServer(hello) as server:
            assert server.connect().ask().body == b"hello"
            server.hang_up()
    assert threading.active_count() == threads
    assert descriptors() == before


def test_stopping_wakes_a_server_that_rests() -> None:
    with LiveServer(hello) as server:
        server.connect().ask()
        come_true(lambda: server.lane.pool.relief.rests and server.lane.pool.polling)
        server.stop()  # nobody would look by himself: there is no deadline within the time of a test
        server.hang_up()


def test_a_handler_that_cannot_be_called_is_refused_at_once() -> None:
    with pytest.raises(TypeError, match="Found 5"):
        Server(5)  # type: ignore[arg-type]


def test_a_handler_may_return_less_than_a_response() -> None:
    with serving(lambda request: {"path": request.path}) as server:
        assert server.connect().ask("/x").body == b'{"path": "/x"}'


def test_a_stopped_server_says_that_it_does_not_start_again() -> None:
    server = Server(hello, bind="127.0.0.1:0")
    for ask in (lambda: server.url, lambda: server.port, server.fileno):
        with pytest.raises(RuntimeError, match="has not been started"):
            ask()
    server.stop()
    with pytest.raises(RuntimeError, match="does not start again"):
        server.start()


def test_a_stop_finds_all_of_a_server_that_another_thread_starts_or_nothing() -> None:
    for _ in range(100):
        server = Server(hello, bind="127.0.0.1:0")
        server.listen()
        with in_parallel(server.serve_forever):
            assert server.stop()


def test_a_handler_that_would_wait_for_itself_is_told(live_server: LiveServers) -> None:
    told: list[str] = []

    def handler(request: Request) -> Response:
        try:
            server.stop()
        except RuntimeError as error:
            told.append(str(error))
        return hello(request)

    server = live_server(handler)
    assert server.connect().ask().body == b"hello"
    assert "another thread" in told[0]
    assert server.stop()


def test_only_the_main_thread_hears_signals() -> None:
    failures: list[str] = []

    def serve() -> None:
        try:
            run(Server(hello, bind="127.0.0.1:0"))
        except RuntimeError as error:
            failures.append(str(error))

    thread = threading.Thread(target=serve)
    thread.start()
    thread.join(PATIENCE)
    assert "main thread" in failures[0]


def test_a_signal_is_heeded_though_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch) -> None:
    start, gate = threading.Thread.start, Gate()
    server = LiveServer(waits_at(gate))
    statuses: list[int] = []

    def fail(thread: threading.Thread) -> None:
        if thread.name == "ehttpd-stop":
            raise RuntimeError("can't start new thread")
        start(thread)

    def ask() -> None:
        come_true(lambda: server._lane is not None)
        peer = server.connect()
        peer.send(WAIT)
        gate.await_arrivals()
        os.kill(os.getpid(), signal.SIGTERM)
        come_true(lambda: not server.healthy)
        gate.open()
        statuses.append(peer.reply().status)

    monkeypatch.setattr("ehttpd.server.signals.own_process", lambda: None)  # it is the tests'
    monkeypatch.setattr(threading.Thread, "start", fail)
    with in_parallel(ask):
        run(server)
    server.hang_up()
    assert statuses == [200]


def test_a_key_without_a_certificate_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key.pem").touch()
    with pytest.raises(SettingsError, match="0 certificates and 1 keys"):
        Server(hello, bind="127.0.0.1:0", keyfile=str(tmp_path / "key.pem")).start()
