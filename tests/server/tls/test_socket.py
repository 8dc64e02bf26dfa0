"""Connections that speak TLS do all that plain ones do, and end so that nobody takes a part for the whole."""

from __future__ import annotations

import contextlib
import io
import os
import queue
import re
import select
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.errors import ConnectionLost
from ehttpd.http11.state import State
from ehttpd.messages import FileBody, Request, Response
from ehttpd.server.output import FILE_AT_ONCE
from ehttpd.server.tls.socket import TLSSocket
from ehttpd.server.tunnel import Tunnel
from tests.server.live import PATIENCE, Peer, come_true, hello
from tests.server.tls.conftest import SecureServer, SecureServers, echo

LARGE = os.urandom(1 << 16) * 64  # 4 MiB


class Wire:
    """A client of TLS that shows its records, and decides when they leave."""

    def __init__(self, connected: socket.socket, context: ssl.SSLContext) -> None:
        connected.settimeout(PATIENCE)
        self.socket = connected
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.incoming, self.outgoing, server_hostname="localhost")
        self.shake_hands()

    def shake_hands(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.incoming.write(self.socket.recv(1 << 16))
            else:
                return self.flush()

    def records(self, *pieces: bytes) -> bytes:
        """Return what is to be sent, each piece in a record of its own."""
        for piece in pieces:
            self.tls.write(piece)
        return self.outgoing.read()

    def flush(self, octets: bytes = b"") -> None:
        self.socket.sendall(self.outgoing.read() + octets)

    def read(self, count: int) -> bytes:
        """Read so many octets, fewer at the end that the server has said. Raises SSLEOFError at one that it has not."""
        data = b""
        while len(data) < count:
            try:
                piece = self.tls.read(count - len(data))
            except ssl.SSLWantReadError:
                octets = self.socket.recv(1 << 16)
                if not octets:
                    raise ssl.SSLEOFError("cut") from None
                self.incoming.write(octets)
                continue
            except ssl.SSLZeroReturnError:  # when we have said farewell ourselves
                break
            if not piece:
                break
            data += piece
        return data

    def ended(self) -> bool:
        """Wait for the end that the server says."""
        return self.read(1) == b""


class OpenSSL:
    """``openssl s_client``, which speaks TLS in ways that Python does not offer."""

    def __init__(self, served: SecureServer, *more: str) -> None:
        program = shutil.which("openssl")
        if program is None:
            pytest.skip("there is no openssl")
        place = f"127.0.0.1:{served.server.port}"
        command = [program, "s_client", "-connect", place, "-CAfile", served.authority.pem, "-quiet", "-no_ign_eof"]
        self._process = subprocess.Popen(
            [*command, *more], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        self._heard = b""

    def say(self, octets: bytes) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(octets)
        self._process.stdin.flush()

    def hears(self, octets: bytes) -> bool:
        assert self._process.stdout is not None
        while octets not in self._heard:
            data = os.read(self._process.stdout.fileno(), 1 << 16)
            if not data:
                return False
            self._heard += data
        return True

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@pytest.fixture
def wire(secure_server: SecureServers, context: ssl.SSLContext) -> Iterator[Wire]:
    """A connection to a server that echoes bodies."""
    served = secure_server(echo)
    yield Wire(served.server.connect().socket, context)


def request(body: bytes = b"", target: str = "/") -> bytes:
    return f"POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def body_of(wire: Wire) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += wire.read(1)
    (length,) = re.findall(rb"(?i)\r\ncontent-length: (\d+)\r\n", head)
    return wire.read(int(length))


# Requests and responses


@pytest.mark.parametrize("size", [0, 1, 1 << 14, (1 << 14) + 1, 100_000, 1 << 20, 3 << 20])
def test_a_body_comes_and_goes(secure_server: SecureServers, context: ssl.SSLContext, size: int) -> None:
    peer = secure_server(echo).connect(context)
    assert peer.ask(method="POST", body=LARGE[:size]).body == LARGE[:size]
    assert peer.ask(method="POST", body=LARGE[-size:][:size]).body == LARGE[-size:][:size]


def test_requests_in_one_record_are_all_answered(wire: Wire) -> None:
    wire.flush(wire.records(request(b"one") + request(b"two") + request(b"three")))
    assert [body_of(wire) for _ in range(3)] == [b"one", b"two", b"three"]


def test_a_request_in_many_records_is_one(wire: Wire) -> None:
    octets = request(b"body")
    wire.flush(wire.records(*(octets[place : place + 1] for place in range(len(octets)))))
    assert body_of(wire) == b"body"


def test_a_record_may_arrive_octet_by_octet(wire: Wire) -> None:
    wire.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for octet in wire.records(request(b"body")):
        wire.socket.send(bytes([octet]))
    assert body_of(wire) == b"body"


@pytest.mark.parametrize("length", [70_000, 200_000])
def test_what_a_record_has_behind_a_long_body_is_the_next_request(wire: Wire, length: int) -> None:
    first = request(LARGE[:length])
    begun = [first[place : place + 16000] for place in range(0, len(first) - 1000, 16000)]
    end = first[sum(map(len, begun)) :]
    wire.flush(wire.records(*begun, end + request(b"next")))
    assert body_of(wire) == LARGE[:length]
    assert body_of(wire) == b"next"


def test_a_new_key_is_followed(secure_server: SecureServers) -> None:
    process = OpenSSL(secure_server(echo))
    try:
        process.say(request(b"before\n"))
        assert process.hears(b"before\n")
        process.say(b"K\n")  # have the key updated, and the server's too
        assert process.hears(b"KEYUPDATE")
        process.say(request(b"after\n"))
        assert process.hears(b"after\n")
    finally:
        process.close()


def test_renegotiation_is_refused(secure_server: SecureServers) -> None:
    process = OpenSSL(secure_server(echo), "-tls1_2")
    try:
        process.say(request(b"before\n"))
        assert process.hears(b"before\n")
        process.say(b"R\n")
        assert process.hears(b"no renegotiation")
    finally:
        process.close()


@pytest.mark.parametrize("size", [10, 100_000, FILE_AT_ONCE * 5 + 1])
def test_a_file_is_sent(secure_server: SecureServers, tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(LARGE[:size])
    peer = secure_server(lambda request: Response(FileBody(path.open("rb")))).connect()
    for _ in range(2):
        assert peer.ask().body == LARGE[:size]


def test_a_client_that_takes_little_gets_everything(secure_server: SecureServers) -> None:
    served = secure_server(lambda request: Response(LARGE))
    peer = served.connect(receive_buffer=4096)
    peer.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    come_true(lambda: any(each.state is State.RESPONSE for each in served.server.lane.table.resting.values()))
    assert served.connect().ask().status == 200, "nobody else waits"
    assert peer.reply().body == LARGE


def test_a_stream_that_is_not_taken_waits(secure_server: SecureServers) -> None:
    pieces = [LARGE[begin : begin + 50_000] for begin in range(0, len(LARGE), 50_000)]
    served = secure_server(lambda request: Response(iter(pieces)), output_buffer=100_000)
    assert served.connect(receive_buffer=4096).ask().body == LARGE


def test_a_request_that_expects_100_is_told_to_continue(wire: Wire) -> None:
    head, body = request(b"body")[:-4], b"body"
    wire.flush(wire.records(head.replace(b"\r\n\r\n", b"\r\nExpect: 100-continue\r\n\r\n")))
    assert wire.read(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    wire.flush(wire.records(body))
    assert body_of(wire) == b"body"


# The end


def test_a_body_that_the_end_of_the_connection_ends_is_ended_with_a_farewell(
    secure_server: SecureServers, context: ssl.SSLContext
) -> None:
    served = secure_server(lambda request: Response(iter([b"whole"])))
    wire = Wire(served.server.connect().socket, context)
    wire.flush(wire.records(b"GET / HTTP/1.0\r\n\r\n"))
    assert wire.read(10_000).endswith(b"\r\n\r\nwhole")


def test_a_body_that_breaks_is_not_ended_with_a_farewell(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    def broken() -> Iterator[bytes]:
        yield b"part"
        raise RuntimeError("on purpose")

    served = secure_server(lambda request: Response(broken()))
    wire = Wire(served.server.connect().socket, context)
    wire.flush(wire.records(b"GET / HTTP/1.0\r\n\r\n"))
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        wire.read(10_000)


def test_a_response_that_the_client_does_not_take_is_cut_without_a_farewell(
    secure_server: SecureServers, context: ssl.SSLContext
) -> None:
    served = secure_server(lambda request: Response(iter([LARGE])), send_timeout=0.2, output_buffer=len(LARGE))
    wire = Wire(served.server.connect(receive_buffer=4096).socket, context)
    wire.flush(wire.records(b"GET / HTTP/1.0\r\n\r\n"))
    come_true(lambda: served.server.lane.open_connections == 0)
    with pytest.raises((ssl.SSLEOFError, ConnectionResetError)):
        wire.read(len(LARGE))


def test_an_idle_connection_is_closed_with_a_farewell(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    served = secure_server(hello, keep_alive_timeout=0.1)
    wire = Wire(served.server.connect().socket, context)
    wire.flush(wire.records(request()))
    assert body_of(wire) == b"hello"
    assert wire.ended()


def test_a_farewell_is_answered_at_once(wire: Wire) -> None:
    wire.flush(wire.records(request(b"x")))
    assert body_of(wire) == b"x"
    with pytest.raises(ssl.SSLWantReadError):
        wire.tls.unwrap()
    wire.flush()
    assert wire.ended()


def test_a_request_with_a_farewell_behind_it_is_answered_and_the_connection_closed(wire: Wire) -> None:
    octets = wire.records(request(b"last"))
    with pytest.raises(ssl.SSLWantReadError):
        wire.tls.unwrap()
    wire.socket.sendall(octets + wire.outgoing.read())
    assert body_of(wire) == b"last"
    assert wire.ended()


@pytest.mark.parametrize("begun", [b"GET / HTTP/1.1\r\nHo", request()[:-2], request(b"body")[:-1]])
def test_a_request_with_a_farewell_inside_is_refused(wire: Wire, begun: bytes) -> None:
    octets = wire.records(begun)
    with pytest.raises(ssl.SSLWantReadError):
        wire.tls.unwrap()
    wire.socket.sendall(octets + wire.outgoing.read())
    assert wire.read(12) == b"HTTP/1.1 400"


def test_a_handler_learns_that_its_client_has_said_farewell(secure_server: SecureServers) -> None:
    began, left = threading.Event(), threading.Event()

    def waits(request: Request) -> Response:
        request.disconnected.add_callback(left.set)
        began.set()
        assert left.wait(PATIENCE)
        return hello(request)

    served = secure_server(waits)
    peer = served.connect()
    peer.send(request())
    assert began.wait(PATIENCE)
    with pytest.raises(OSError, match=r"."):  # the server has not said farewell
        peer.socket.settimeout(0)
        peer.socket.unwrap()  # type: ignore[attr-defined]
    peer.close()
    assert left.wait(PATIENCE)


def test_a_refused_request_gets_its_answer_while_the_client_goes_on_sending(
    secure_server: SecureServers, context: ssl.SSLContext
) -> None:
    served = secure_server(echo, limit_request_body=1000)
    peer = served.connect(context)
    peer.send(b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 400000\r\n\r\n", LARGE[:400_000])
    assert peer.reply().status == 413
    assert peer.ended()


# Those that leave HTTP


def test_a_tunnel_is_encrypted_both_ways(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    def talk(tunnel: Tunnel) -> None:
        while line := tunnel.readline():
            tunnel.write(line * 1000)

    served = secure_server(lambda request: Response.upgrade("echo", talk))
    peer = served.connect(context)
    assert peer.ask("/", "Upgrade: echo", "Connection: upgrade").status == 101
    for line in (b"one\n", b"two\n"):
        peer.send(line)
        assert peer.read(4000) == line * 1000


@pytest.mark.parametrize("size", [100, 4096, 16384])
def test_what_a_tunnel_has_decrypted_and_not_given_is_told_by_its_descriptor(
    secure_server: SecureServers, context: ssl.SSLContext, size: int
) -> None:
    def talk(tunnel: Tunnel) -> None:
        while select.select([tunnel], [], [], PATIENCE)[0] and (data := tunnel.recv(size)):
            assert len(data) <= size
            tunnel.write(data)

    served = secure_server(lambda request: Response.upgrade("echo", talk))
    peer = served.connect(context)
    assert peer.ask("/", "Upgrade: echo", "Connection: upgrade").status == 101
    for length in (3, 20_000, 16_384, 1, 100_000):
        message = LARGE[:length]
        peer.send(message)
        assert peer.read(len(message)) == message


def test_a_tunnel_reads_on_behind_a_part_of_a_record(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    def talk(tunnel: Tunnel) -> None:
        while data := tunnel.recv(1):
            tunnel.write(data + tunnel.read(19_999))

    served = secure_server(lambda request: Response.upgrade("echo", talk))
    peer = served.connect(context)
    assert peer.ask("/", "Upgrade: echo", "Connection: upgrade").status == 101
    for begin in (0, 20_000, 40_000):
        peer.send(LARGE[begin : begin + 20_000])
        assert peer.read(20_000) == LARGE[begin : begin + 20_000]


def test_a_tunnel_that_is_cut_has_not_ended(secure_server: SecureServers) -> None:
    ends: list[object] = []
    done = threading.Event()

    def talk(tunnel: Tunnel) -> None:
        try:
            ends.append(tunnel.read())
        except ConnectionLost as error:
            ends.append(error)
        done.set()

    served = secure_server(lambda request: Response.upgrade("echo", talk))
    peer = served.connect()
    assert peer.ask("/", "Upgrade: echo", "Connection: upgrade").status == 101
    peer.send(b"part")
    socket.socket.shutdown(peer.socket, socket.SHUT_WR)  # TCP's end alone
    assert done.wait(PATIENCE)
    assert "close_notify" in str(ends[0])


def test_a_tunnel_that_is_cut_off_here_gives_nothing_that_is_encrypted(secure_server: SecureServers) -> None:
    ends: queue.Queue[bytes | ConnectionLost] = queue.Queue()

    def talk(tunnel: Tunnel) -> None:
        select.select([tunnel], [], [], PATIENCE)
        served.server.lane.tunnels.cut_off()
        try:
            ends.put(tunnel.recv())
        except ConnectionLost as error:
            ends.put(error)

    served = secure_server(lambda request: Response.upgrade("echo", talk))
    peer = served.connect()
    assert peer.ask("/", "Upgrade: echo", "Connection: upgrade").status == 101
    peer.send(b"too late")
    assert isinstance(ends.get(timeout=PATIENCE), ConnectionLost)


def test_a_connection_handler_speaks_tls(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    def lines(source: io.BufferedReader, sink: io.RawIOBase) -> bool:
        line = source.readline()
        sink.write(line.upper())
        return line != b"bye\n"

    served = secure_server(connection=lines)
    peer: Peer = served.connect(context)
    peer.send(b"one\ntwo\n" + b"x" * 20_000 + b"\n")
    assert peer.read(8) == b"ONE\nTWO\n"
    assert peer.read(20_001) == b"X" * 20_000 + b"\n"
    peer.send(b"bye\n")
    assert peer.rest() == b"BYE\n"


# What nobody asks for


class Talkative:
    """Stands for OpenSSL and a client that has an alert sent for all that it sends itself."""

    session_reused = False

    def __init__(self, outgoing: ssl.MemoryBIO) -> None:
        self._outgoing = outgoing
        self.do_handshake = self.selected_alpn_protocol = self.cipher = self.version = lambda: None

    def getpeercert(self, binary_form: bool = False) -> None:
        return None

    def read(self, size: int) -> bytes:
        self._outgoing.write(bytes(1000))
        raise ssl.SSLWantReadError


def test_alerts_that_nobody_takes_are_not_kept_without_end() -> None:
    class Identity:
        def engine(self, incoming: ssl.MemoryBIO, outgoing: ssl.MemoryBIO) -> ssl.SSLObject:
            return Talkative(outgoing)  # type: ignore[return-value]

        def reload(self) -> None:
            raise AssertionError

    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        secured = TLSSocket(ours, Identity())
        theirs.sendall(b"\x16")
        assert secured.shake_hands() == 0
        with pytest.raises(ConnectionAbortedError):
            for _ in range(100_000):
                theirs.sendall(b"\x17")
                with contextlib.suppress(BlockingIOError):
                    secured.recv(1000)
