"""The PROXY protocol: headers octet by octet, and connections of a real server that begin with one."""

from __future__ import annotations

import json
import logging
import socket
import struct
from typing import Any

import pytest

from ehttpd.errors import BadRequest
from ehttpd.messages import Request, Response
from ehttpd.messages.proxied import ALPN, AUTHORITY, CRC32C, NETNS, NOOP, SSL, UNIQUE_ID, ProxyHeader
from ehttpd.proxies.protocol import LONGEST_LINE, SIGNATURE, HeaderReader, crc32c
from ehttpd.wsgi import adapt
from tests.proxies.test_hearing import show
from tests.server.conftest import LiveServers, gate, live_server
from tests.server.live import Peer

__all__ = ["gate", "live_server"]

LINE = b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\r\n"
LINE6 = b"PROXY TCP6 2001:db8::9 2001:db8::1 4711 443\r\n"
# From nginx and HAProxy, where they listen on one socket for IPv4 and IPv6.
MAPPED = b"PROXY TCP6 ::ffff:203.0.113.9 ::ffff:192.0.2.1 4711 443\r\n"
REQUEST = b"GET / HTTP/1.1\r\nHost: here\r\n\r\n"


def pair(kind: int, value: bytes) -> bytes:
    return bytes([kind]) + struct.pack("!H", len(value)) + value


def block(addresses: bytes, family: int = 0x11, *pairs: bytes, command: int = 0x21) -> bytes:
    rest = addresses + b"".join(pairs)
    return SIGNATURE + bytes([command, family]) + struct.pack("!H", len(rest)) + rest


IPV4 = socket.inet_aton("203.0.113.9") + socket.inet_aton("192.0.2.1") + struct.pack("!HH", 4711, 443)
IPV6 = b"".join(socket.inet_pton(socket.AF_INET6, host) for host in ("2001:db8::9", "2001:db8::1")) + IPV4[-4:]
MAPPED6 = bytes(10) + b"\xff\xff" + IPV4[:4] + bytes(10) + b"\xff\xff" + IPV4[4:]
UNIX = b"/run/client".ljust(108, b"\0") + b"/run/server".ljust(108, b"\0")
BLOCK = block(IPV4)


def checked(addresses: bytes, *pairs: bytes) -> bytes:
    """Return a header with a checksum."""
    octets = block(addresses, 0x11, pair(CRC32C, bytes(4)), *pairs)
    place = len(SIGNATURE) + 4 + len(addresses) + 3
    return octets[:place] + struct.pack("!I", crc32c(octets)) + octets[place + 4 :]


def read(octets: bytes, step: int = 0, versions: frozenset[int] = frozenset([1, 2])) -> tuple[ProxyHeader | None, int]:
    """Return the header, and how many octets it took. ``step``: so many are seen at once."""
    reader, place = HeaderReader(versions), 0
    while reader.header is None and place < len(octets):
        place += reader.take(octets[place : place + (step or reader.wanted)])
    return reader.header, place


@pytest.mark.parametrize("step", [0, 1, 5, 17])
@pytest.mark.parametrize(
    ("octets", "remote", "local"),
    [
        (LINE, ("203.0.113.9", 4711), ("192.0.2.1", 443)),
        (MAPPED, ("203.0.113.9", 4711), ("192.0.2.1", 443)),
        (LINE6, ("2001:db8::9", 4711), ("2001:db8::1", 443)),
        (b"PROXY UNKNOWN\r\n", None, None),
        (b"PROXY UNKNOWN whatever comes here\r\n", None, None),
        (BLOCK, ("203.0.113.9", 4711), ("192.0.2.1", 443)),
        (block(IPV6, 0x21), ("2001:db8::9", 4711), ("2001:db8::1", 443)),
        (block(MAPPED6, 0x21), ("203.0.113.9", 4711), ("192.0.2.1", 443)),
        (block(UNIX, 0x31), ("", 0), ("/run/server", 0)),
        (block(b"", 0x00), None, None),
        (block(b"", 0x00, command=0x20), None, None),
        (block(IPV4, command=0x20), None, None),
        (block(b"whatever", 0xFF, command=0x20), None, None),
        (block(IPV4, 0x11, pair(0xEA, b"x" * 3000)), ("203.0.113.9", 4711), ("192.0.2.1", 443)),
    ],
)
def test_a_header_is_read_to_its_end_and_no_further(octets: bytes, remote: Any, local: Any, step: int) -> None:
    header, taken = read(octets + REQUEST, step)
    assert header is not None
    assert (header.remote, header.local, taken) == (remote, local, len(octets))


@pytest.mark.parametrize(
    "octets",
    [
        REQUEST,
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY",
        b"PROXX TCP4",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711\r\n",
        b"PROXY  TCP4 203.0.113.9 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 65536\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 04711 443\r\n",
        b"PROXY TCP4 203.0.113.256 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 2001:db8::9 2001:db8::1 4711 443\r\n",
        b"PROXY TCP6 203.0.113.9 192.0.2.1 4711 443\r\n",
        b"PROXY TCP4 203.0.113.9 192.0.2.1 4711 443 \r\n",
        b"PROXY TCP5 203.0.113.9 192.0.2.1 4711 443\r\n",
        b"PROXY UNKNOWNS\r\n",
        b"PROXY UNKNOWN\n",
        b"PROXY UNKNOWN " + b"x" * LONGEST_LINE + b"\r\n",
        SIGNATURE[:-1] + b"X",
        block(IPV4, command=0x11),
        block(IPV4, command=0x22),
        block(IPV4, 0x41),
        block(IPV4, 0x13),
        block(IPV4[:-1]),
        block(IPV4, 0x21),
        block(IPV4, 0x11, b"\x05"),
        block(IPV4, 0x11, pair(UNIQUE_ID, b"abc")[:-1]),
        block(IPV4, 0x11, pair(SSL, b"\x01\0\0\0")),
        block(IPV4, 0x11, pair(SSL, b"\x01\0\0\0\0\x21\0\x09TLS")),
        block(IPV4, 0x11, pair(CRC32C, b"1234")),
        block(IPV4, 0x11, pair(CRC32C, b"")),
        checked(IPV4).replace(b"\xcb", b"\xcc"),
        block(IPV4, 0x11, pair(0xEA, b"x" * 20000)),
    ],
)
@pytest.mark.parametrize("step", [0, 1])
def test_what_is_no_header_is_refused(octets: bytes, step: int) -> None:
    try:
        header, _ = read(octets, step)
    except BadRequest:
        return
    assert header is None
    assert b"PROXY".startswith(octets)  # too short to tell


def test_one_version_may_be_wanted() -> None:
    with pytest.raises(BadRequest):
        read(LINE, versions=frozenset([2]))
    with pytest.raises(BadRequest):
        read(BLOCK, versions=frozenset([1]))


def test_the_checksum_is_that_of_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283
    header, _ = read(checked(IPV4, pair(UNIQUE_ID, b"7")))
    assert header is not None
    assert header.unique_id == b"7"


def test_what_the_proxy_knows_besides_has_names() -> None:
    texts = (b"TLSv1.3", b"anna", b"AES", b"SHA256", b"EC")
    inside = b"".join(pair(kind, text) for kind, text in enumerate(texts, 0x21))
    secured = pair(SSL, b"\x07\0\0\0\0" + inside)
    others = [pair(ALPN, b"http/1.1"), pair(AUTHORITY, b"shop.example"), pair(NOOP, b"xx"), pair(NETNS, b"blue")]
    header, _ = read(block(IPV4, 0x11, *others, secured, pair(0xEA, b"\x01vpce")))
    assert header is not None
    assert header.ssl is not None
    assert (header.application_protocol, header.authority, header.namespace) == ("http/1.1", "shop.example", "blue")
    assert (header.ssl.protocol, header.ssl.cipher, header.ssl.common_name) == ("TLSv1.3", "AES", "anna")
    assert (header.ssl.signature_algorithm, header.ssl.key_algorithm, header.ssl.verified) == ("SHA256", "EC", True)
    assert header.get(0xEA) == b"\x01vpce"
    assert NOOP not in dict(header.tlvs)


@pytest.mark.parametrize("value", [b"\x01\0\0\0\0", b"\x07\0\0\0\x01"])
def test_a_certificate_that_was_not_shown_or_not_verified_is_none(value: bytes) -> None:
    header, _ = read(block(IPV4, 0x11, pair(SSL, value)))
    assert header is not None
    assert header.ssl is not None
    assert not header.ssl.verified


# Connections


def tell(request: Request) -> Response:
    client = request.client
    header = client.proxy_protocol
    assert header is not None
    return Response.json(
        {"remote": client.remote, "local": client.local, "scheme": request.scheme, "version": header.version}
    )


def told(peer: Peer) -> Any:
    reply = peer.reply()
    assert reply.status == 200, reply
    return json.loads(reply.body)


@pytest.mark.parametrize("octets", [LINE, BLOCK])
@pytest.mark.parametrize("step", [0, 1, 20])
def test_a_connection_is_the_clients(live_server: LiveServers, octets: bytes, step: int) -> None:
    peer = live_server(tell, proxy_protocol="on").connect()
    all_of_it = octets + REQUEST
    for start in range(0, len(all_of_it), step or len(all_of_it)):
        peer.send(all_of_it[start : start + (step or len(all_of_it))])
    first = told(peer)
    assert (first["remote"], first["local"]) == (["203.0.113.9", 4711], ["192.0.2.1", 443])
    peer.send(REQUEST)
    assert told(peer) == first


def test_a_wsgi_application_sees_it(live_server: LiveServers) -> None:
    def application(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        assert environ["ehttpd.proxy_protocol"].authority == "shop.example"
        return list(show(environ, start_response))

    peer = live_server(adapt(application), proxy_protocol="v2").connect()
    octets = block(IPV4, 0x11, pair(AUTHORITY, b"shop.example"), pair(SSL, b"\x01\0\0\0\0"))
    for number in range(3):
        peer.send((b"" if number else octets) + REQUEST)
        shown = told(peer)
        assert (shown["REMOTE_ADDR"], shown["REMOTE_PORT"]) == ("203.0.113.9", "4711")
        assert shown["wsgi.url_scheme"] == "https"
        assert (shown["SERVER_NAME"], shown["SERVER_PORT"]) == ("192.0.2.1", "443")


@pytest.mark.parametrize("octets", [b"PROXY UNKNOWN\r\n", block(b"", 0, command=0x20)])
def test_a_proxy_that_speaks_for_itself_is_the_client(live_server: LiveServers, octets: bytes) -> None:
    peer = live_server(tell, proxy_protocol="on").connect()
    peer.send(octets + REQUEST)
    assert told(peer)["remote"] == list(peer.socket.getsockname())


def test_fields_are_believed_of_whom_the_header_names_and_not_of_the_proxy(live_server: LiveServers) -> None:
    server = live_server(adapt(show), proxy_protocol="on", forwarded_allow_ips="127.0.0.1, 10.0.0.0/8")
    for source, client in (("203.0.113.9", "203.0.113.9"), ("10.1.1.1", "6.6.6.6")):
        peer = server.connect()
        peer.send(f"PROXY TCP4 {source} 192.0.2.1 4711 443\r\n".encode())
        reply = peer.ask("/", "X-Forwarded-For: 6.6.6.6")
        assert json.loads(reply.body)["REMOTE_ADDR"] == client


def test_who_does_not_begin_with_it_is_refused_and_logged_once(
    live_server: LiveServers, caplog: pytest.LogCaptureFixture
) -> None:
    server = live_server(tell, proxy_protocol="on")
    with caplog.at_level(logging.WARNING):
        for octets in (REQUEST, b"GET", LINE.replace(b"TCP4", b"TCP5"), b"\x16\x03\x01"):
            peer = server.connect()
            peer.send(octets)
            reply = peer.reply()
            assert (reply.status, b"PROXY protocol" in reply.body) == (400, True)
            assert peer.ended()
    assert caplog.text.count("was refused, since it must begin with the PROXY protocol") == 1


def test_a_header_comes_once(live_server: LiveServers) -> None:
    peer = live_server(tell, proxy_protocol="on").connect()
    peer.send(LINE + LINE + REQUEST)
    assert peer.reply().status == 400


def test_who_is_not_trusted_is_refused(live_server: LiveServers) -> None:
    peer = live_server(tell, proxy_protocol="on", proxy_allow_ips="10.0.0.0/8").connect()
    reply = peer.reply()
    assert (reply.status, reply.body) == (400, b"Only a proxy that is trusted may connect here.\n")
    assert peer.ended()


def test_without_the_setting_a_header_is_a_bad_request(live_server: LiveServers) -> None:
    peer = live_server(tell).connect()
    peer.send(LINE + REQUEST)
    assert peer.reply().status == 400


def test_a_header_that_does_not_come_ends_with_the_deadline_of_a_head(live_server: LiveServers) -> None:
    server = live_server(tell, proxy_protocol="on", header_timeout=0.1)
    silent, slow = server.connect(), server.connect()
    slow.send(LINE[:10])
    assert silent.ended()
    assert slow.ended()


def test_a_connection_that_ends_before_the_header_is_no_matter(live_server: LiveServers) -> None:
    server = live_server(tell, proxy_protocol="on")
    for octets in (b"", BLOCK[:20]):
        peer = server.connect()
        peer.send(octets)
        peer.half_close()
        assert peer.ended()


def test_connections_without_http_begin_with_it_too(live_server: LiveServers) -> None:
    def echo(source: Any, sink: Any) -> bool:
        sink.write(source.readline())
        return True

    peer = live_server(connection=echo, proxy_protocol="on").connect()
    peer.send(BLOCK + b"tea\r\n")
    assert peer.line() == "tea"


def test_a_unix_socket_may_begin_with_it(live_server: LiveServers, tmp_path: Any) -> None:
    server = live_server(tell, proxy_protocol="on", bind=f"unix:{tmp_path}/s")
    peer = server.connect()
    peer.send(LINE + REQUEST)
    assert told(peer)["remote"] == ["203.0.113.9", 4711]
