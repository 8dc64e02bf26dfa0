"""Handshakes are made by the lane: nobody waits for a client that is slow, silent or no client of TLS."""

from __future__ import annotations

import socket
import ssl
import sys
import time

import pytest
import requests

from ehttpd.http11.state import State
from ehttpd.messages import Request, Response
from ehttpd.testing.certificates import Authority
from tests.server.live import PATIENCE, come_true, hello
from tests.server.tls.conftest import VERSIONS, SecureServers
from tests.server.tls.test_socket import Wire, request


def test_a_client_shakes_hands_and_asks(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    peer = secure_server(hello).connect(context)
    assert isinstance(peer.socket, ssl.SSLSocket)
    assert peer.socket.version() == {"TLSv1_2": "TLSv1.2", "TLSv1_3": "TLSv1.3"}[context.maximum_version.name]
    assert peer.ask().body == b"hello"


def test_a_client_that_asks_for_a_name_that_is_no_text_fills_no_log(
    secure_server: SecureServers, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[object] = []
    monkeypatch.setattr(sys, "unraisablehook", reports.append)
    served = secure_server(hello)
    outgoing = ssl.MemoryBIO()
    client = authority.client_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname="wwwwwwww.example")
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    peer = served.server.connect()
    peer.socket.sendall(outgoing.read().replace(b"wwwwwwww", b"\xff" * 8))
    assert peer.socket.recv(100) == b"\x15\x03\x03\x00\x02\x02\x50"  # an alert: internal_error
    assert reports == []
    assert served.connect().ask().body == b"hello"


def test_silent_clients_delay_nobody(secure_server: SecureServers) -> None:
    served = secure_server(hello, threads="1:2", handshake_timeout=3600)
    silent = [served.server.connect() for _ in range(200)]
    assert served.connect().ask().body == b"hello"
    assert len(silent) == 200


def test_a_client_that_sends_its_hello_octet_by_octet_is_answered(secure_server: SecureServers) -> None:
    served = secure_server(hello)
    plain = served.server.connect().socket
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = served.authority.client_context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    done = False
    while not done:
        try:
            tls.do_handshake()
            done = True
        except ssl.SSLWantReadError:
            pass
        for octet in outgoing.read():
            plain.send(bytes([octet]))
        if not done:
            incoming.write(plain.recv(1 << 16))
    tls.write(request())
    plain.sendall(outgoing.read())
    incoming.write(plain.recv(1 << 16))
    with pytest.raises(ssl.SSLWantReadError):  # tickets, and nothing else
        tls.read(1)
        tls.read(1 << 16)
        tls.read(1)


@pytest.mark.parametrize("said", [b"", b"\x16", b"\x16\x03\x01\x02\x00\x01"])
def test_a_handshake_that_takes_too_long_ends(secure_server: SecureServers, said: bytes) -> None:
    served = secure_server(hello, handshake_timeout=0.1)
    peer = served.server.connect()
    peer.send(said)
    assert peer.ended()
    come_true(lambda: served.server.lane.open_connections == 0)


def test_who_shakes_hands_and_is_silent_then_has_as_long_as_others(secure_server: SecureServers) -> None:
    served = secure_server(hello, handshake_timeout=0.5, header_timeout=0.8, keep_alive_timeout=0.1)
    came = time.monotonic()
    assert served.connect().ended()
    assert time.monotonic() - came >= 0.8


def test_who_shakes_hands_and_is_silent_then_has_no_longer_than_others(
    secure_server: SecureServers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ehttpd.server.lane.RESTS_AFTER", 3600)
    assert secure_server(hello, header_timeout=0.05, keep_alive_timeout=3600).connect().ended()


def test_a_server_that_stops_waits_for_nobody_who_is_silent(secure_server: SecureServers) -> None:
    served = secure_server(hello, handshake_timeout=3600)
    silent = served.server.connect()
    come_true(lambda: served.server.lane.open_connections == 1)
    assert served.server.stop(PATIENCE)
    assert silent.ended()


def test_a_server_that_stops_answers_who_has_just_shaken_hands(secure_server: SecureServers) -> None:
    served = secure_server(hello)
    wire = Wire(served.server.connect().socket, served.authority.client_context())
    come_true(lambda: [each.state for each in served.server.lane.table.resting.values()] == [State.HANDSHAKE])
    served.server._service.ends_connections = True  # type: ignore[union-attr]
    served.server.lane.stop(time.monotonic() + PATIENCE)
    wire.flush(wire.records(request()))
    assert b"\r\nConnection: close\r\n" in wire.read(10_000)


@pytest.mark.parametrize("asked", [b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"G", b"options"])
def test_who_speaks_plain_http_is_told_so(secure_server: SecureServers, asked: bytes) -> None:
    peer = secure_server(hello).server.connect()
    peer.send(asked)
    reply = peer.reply()
    assert reply.status == 400
    assert b"https://" in reply.body
    assert peer.ended()


def test_who_speaks_something_else_is_hung_up_on(secure_server: SecureServers) -> None:
    peer = secure_server(hello).server.connect()
    peer.send(b"\0\1\2\3" * 10)
    assert b"HTTP" not in peer.rest()


@pytest.mark.parametrize("behind", [b"\x17\x03\x03\0\x20" + bytes(32), b"GET / HTTP/1.1\r\n"], ids=["forged", "plain"])
def test_what_is_no_record_behind_the_handshake_ends_that_connection_only(
    secure_server: SecureServers, authority: Authority, behind: bytes
) -> None:
    class Broken(Wire):
        def flush(self, octets: bytes = b"") -> None:
            done = self.tls.version() is not None
            super().flush(behind if done else b"")

    served = secure_server(hello)
    wire = Broken(served.server.connect().socket, authority.client_context())
    with pytest.raises(ssl.SSLError):  # the alert that says why
        wire.read(1)
    come_true(lambda: served.server.lane.open_connections == 0)
    assert served.connect().ask().body == b"hello"


def test_a_plain_port_beside_it_stays_plain(secure_server: SecureServers) -> None:
    served = secure_server(hello, bind=["https://127.0.0.1:0", "http://127.0.0.1:0"])
    assert [address.partition(":")[0] for address in served.server.addresses] == ["https", "127.0.0.1"]
    assert served.server.connect(1).ask().body == b"hello"
    assert served.connect().ask().body == b"hello"


# Sessions


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_resumed(secure_server: SecureServers, authority: Authority, version: str) -> None:
    context = authority.client_context()
    context.maximum_version = VERSIONS[version]
    served = secure_server(lambda request: Response.text(str(request.tls.resumed)))
    first = served.connect(context)
    assert first.ask().body == b"False"
    assert isinstance(first.socket, ssl.SSLSocket)
    for _ in range(3):
        again = served.connect(context, session=first.socket.session)
        assert again.ask().body == b"True"


# What a handler learns


def test_a_handler_learns_what_tls_tells(secure_server: SecureServers, context: ssl.SSLContext) -> None:
    seen: list[Request] = []

    def notes(request: Request) -> Response:
        seen.append(request)
        return hello(request)

    context.set_alpn_protocols(["h2", "http/1.1"])
    served = secure_server(notes)
    peer = served.connect(context)
    peer.ask()
    (asked,) = seen
    tls = asked.tls
    assert tls is not None
    assert tls is asked.client.tls
    assert asked.scheme == asked.client.scheme == "https"
    assert isinstance(peer.socket, ssl.SSLSocket)
    assert (tls.protocol, tls.cipher, tls.bits) == (peer.socket.version(), *(peer.socket.cipher() or ())[::2])
    assert (tls.server_name, tls.application_protocol, tls.certificate) == ("localhost", "http/1.1", None)
    seen.clear()


def test_a_plain_connection_has_no_tls(secure_server: SecureServers) -> None:
    served = secure_server(lambda request: Response.text(f"{request.scheme} {request.tls}"), bind="http://127.0.0.1:0")
    assert served.server.connect().ask().body == b"http None"


def test_requests_and_its_pool_are_served(secure_server: SecureServers) -> None:
    served = secure_server(hello)
    with requests.Session() as session:
        session.verify, session.trust_env = served.authority.pem, False
        url = f"https://localhost:{served.server.port}/"
        assert [session.get(url, timeout=PATIENCE).text for _ in range(3)] == ["hello"] * 3


def test_a_ticket_is_sent_before_anything_is_asked(secure_server: SecureServers, authority: Authority) -> None:
    """A client without TCP_NODELAY sends its request when what it sent before is acknowledged: with the ticket at once,
    without it 40 ms later.
    """
    wire = Wire(secure_server(hello).server.connect().socket, authority.client_context())
    wire.incoming.write(wire.socket.recv(1 << 16))
    with pytest.raises(ssl.SSLWantReadError):
        wire.tls.read(1)
    assert wire.tls.session is not None
    assert wire.tls.session.has_ticket
