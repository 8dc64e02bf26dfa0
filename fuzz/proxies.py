"""Targets: what proxies say of the clients behind them, in fields and before the first request."""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import NamedTuple

from ehttpd.errors import BadRequest, RequestRefused
from ehttpd.fields import FieldLine, Fields
from ehttpd.http11.head import check_host
from ehttpd.http11.reader import RequestReader
from ehttpd.messages import Client
from ehttpd.messages.proxied import CRC32C, NOOP, ProxyHeader
from ehttpd.proxies.hearing import Hearing, says_how
from ehttpd.proxies.origin import FOR, FORWARDED, KNOWN, read_origin
from ehttpd.proxies.protocol import SIGNATURE, HeaderReader, crc32c
from ehttpd.proxies.trust import Trusted, number_of
from fuzz.inputs import Choices

Address = tuple[str, int]

# Fields

CONNECTION = Client(("10.0.0.9", 4711), ("192.0.2.1", 8000))
BELIEVED = [Trusted(["10.0.0.0/8", "fd00::/8", "unix"]), Trusted(["*"]), Trusted([])]
# What a client may have sent to the first proxy, which has appended its own.
LIES = {FOR: "nonsense, 6.6.6.6", FORWARDED: "for=6.6.6.6;proto=https;host=evil"}


class Heard(NamedTuple):
    """What an application learns of a request."""

    lines: list[FieldLine]
    values: dict[str, str]
    remote: Address
    local: Address
    scheme: str
    prefix: str


def fuzz_forwarded(data: bytes) -> None:
    """Whatever proxies say is refused, or means something; the same beside other requests of the connection.

    What lies beyond the first who is not trusted has no weight, and what the application sees means what was heard.
    """
    choices = Choices(data[:1])
    trusted, hops = BELIEVED[choices.number(3)], data[0] // 3 % 4 if data else 0
    reader, hearing = RequestReader(), Hearing(trusted, hops, KNOWN)
    for section in data[1:].split(b"\n\n"):
        lines = [line for line in section.split(b"\n") if line]
        request = b"\r\n".join([b"GET / HTTP/1.1", b"Host: here", *lines, b"", b""])
        heard = _hear(reader, hearing, request)
        assert heard == _hear(RequestReader(), Hearing(trusted, hops, KNOWN), request)
        if heard is None:
            return
        _check(heard, trusted, hops)


def _hear(reader: RequestReader, hearing: Hearing, octets: bytes) -> Heard | None:
    """Return what is heard of a request; None if it is refused, or none without a body."""
    try:
        request = reader.next_request(CONNECTION, octets)
        if request is None or reader.in_body or reader.pending:
            return None
        fields, client = request.headers, CONNECTION
        if reader.section.forwarded:
            fields, client = hearing.hear(client, fields)
    except RequestRefused:
        return None
    return Heard(list(fields), dict(fields.values), client.remote, client.local, client.scheme, client.prefix)


def _check(heard: Heard, trusted: Trusted, hops: int) -> None:
    said = {name: value for name, value in heard.values.items() if says_how(name)}
    assert Fields(heard.lines).values == heard.values
    if not trusted.connects(CONNECTION.remote[0]):
        assert not said
        assert (heard.remote, heard.local) == (CONNECTION.remote, CONNECTION.local)
        return
    _check_address(heard.remote)
    assert heard.scheme in ("http", "https")
    assert not heard.prefix or (heard.prefix[0] == "/" and heard.prefix[:2] != "//" and heard.prefix[-1] != "/")
    assert 0 <= heard.local[1] < 65536
    check_host(heard.values["host"])
    _check_again(heard, {name: said[name] for name in KNOWN if name in said}, trusted, hops)


def _check_again(heard: Heard, said: Mapping[str, str], trusted: Trusted, hops: int) -> None:
    """Fail unless what the application sees tells the same once more, whatever somebody claimed before."""
    if not said:
        return
    host = heard.values["host"]
    origin = read_origin(said, host, trusted, hops)
    for name, value in origin.fields.items():
        assert heard.values[name] == value
    assert origin.remote is None or origin.remote == heard.remote
    assert (origin.scheme or CONNECTION.scheme, origin.prefix) == (heard.scheme, heard.prefix)
    # Where everybody is trusted, or may be, the lie is believed of the first of them.
    ended_early = origin.remote is not None and origin.remote[0] and not trusted.includes(origin.remote[0])
    if hops == 0 and ended_early:
        lied = {name: f"{LIES[name]}, {value}" if name in LIES else value for name, value in said.items()}
        assert read_origin(lied, host, trusted, hops).told == origin.told


# Before the first request

VERSIONS = [frozenset([1, 2]), frozenset([1]), frozenset([2])]
FAMILIES = {0x11: (socket.AF_INET, 4), 0x21: (socket.AF_INET6, 16)}
UNIX_SOCKET = 0x31

# What a header says, and how many octets it took; None where it is refused.
Said = tuple[object, ...]
Read = tuple[Said | None, int] | None


def fuzz_proxy_protocol(data: bytes) -> None:
    """Any octets are refused, or a header and no more than that; the same in any pieces. What is written is read."""
    choices = Choices(data[:2])
    size, versions = choices.number(64), VERSIONS[choices.number(3)]
    _check_header(data[2:], size, versions)
    _check_built(Choices(data[2:]), size)


def _check_header(stream: bytes, size: int, versions: frozenset[int]) -> None:
    whole = _read(stream, 0, versions)
    assert _read(stream, size, versions) == whole
    if whole is None or whole[0] is None:
        return
    taken = whole[1]
    assert _read(stream[:taken] + b"\r\n\r\n\0", size, versions) == whole
    assert _read(stream[: taken - 1], size, versions) == (None, taken - 1)


def _read(stream: bytes, size: int, versions: frozenset[int]) -> Read:
    """Read a header as a greeting does: look at octets, then take some of them. ``size``: so many arrive at once."""
    reader, place = HeaderReader(versions), 0
    try:
        while reader.header is None and place < len(stream):
            seen = stream[place : place + min(reader.wanted, size or reader.wanted)]
            place += (taken := reader.take(seen))
            assert 0 < taken <= len(seen)
    except BadRequest:
        return None
    return None if reader.header is None else _said(reader.header), place


def _said(header: ProxyHeader) -> Said:
    for address in (header.remote, header.local):
        assert address is None or (header.version == 2 and not address[1]) or ip_address(address[0])
    if header.remote is not None:
        _check_address(header.remote)
    secured = header.ssl and tuple(vars(header.ssl).items())
    named = header.application_protocol, header.authority, header.unique_id, header.namespace
    return header.version, header.local_command, header.remote, header.local, header.tlvs, secured, named


def _check_address(address: Address) -> None:
    host, port = address
    assert 0 <= port < 65536
    assert not host or number_of(host) is not None


def _check_built(choices: Choices, size: int) -> None:
    """Fail unless a header that somebody may write is read as it is meant."""
    write: Callable[[Choices], tuple[bytes, Said]] = (_line, _block)[choices.number(2)]
    octets, meant = write(choices)
    found = _read(octets + b"GET / HTTP/1.1\r\n", size, VERSIONS[0])
    assert found is not None and found[0] is not None, octets
    assert (found[0][:5], found[1]) == (meant, len(octets))


def _line(choices: Choices) -> tuple[bytes, Said]:
    kind, length = FAMILIES[(0x11, 0x21)[choices.number(2)]]
    ends = [choices.exactly(length) for _ in range(2)]
    hosts = [socket.inet_ntop(kind, end) for end in ends]
    ports = [int.from_bytes(choices.exactly(2), "big") for _ in range(2)]
    line = f"PROXY TCP{4 if length == 4 else 6} {hosts[0]} {hosts[1]} {ports[0]} {ports[1]}\r\n"
    return line.encode(), (1, False, (_meant(kind, ends[0]), ports[0]), (_meant(kind, ends[1]), ports[1]), ())


def _meant(kind: int, octets: bytes) -> str:
    """Return an address; one of IPv4 that is written as one of IPv6 is one of IPv4."""
    return str(getattr(ip_address(octets), "ipv4_mapped", None) or socket.inet_ntop(kind, octets))


def _block(choices: Choices) -> tuple[bytes, Said]:
    family, addresses = (0x11, 0x21, UNIX_SOCKET)[choices.number(3)], b""
    remote: Address = ("", 0)
    local: Address = ("", 0)
    if family == UNIX_SOCKET:
        path = choices.octets().replace(b"\0", b"/") or b"/"
        addresses, local = bytes(108) + path.ljust(108, b"\0"), (path.decode("utf-8", "surrogateescape"), 0)
    else:
        kind, length = FAMILIES[family]
        ends, ports = choices.exactly(2 * length), choices.exactly(4)
        addresses = ends + ports
        numbers = struct.unpack("!HH", ports)
        remote = _meant(kind, ends[:length]), numbers[0]
        local = _meant(kind, ends[length:]), numbers[1]
    # No value of TLS, which has a structure of its own; a checksum, and padding that says nothing.
    tlvs = [(0xE0 + choices.number(16), choices.octets()) for _ in range(choices.number(4))]
    pairs = b"".join(map(_pair, [*tlvs, (NOOP, choices.octets())])) + _pair((CRC32C, bytes(4)))
    head = SIGNATURE + bytes([0x21, family]) + struct.pack("!H", len(addresses) + len(pairs)) + addresses + pairs
    sum_of_all = struct.pack("!I", crc32c(head))
    return head[:-4] + sum_of_all, (2, False, remote, local, (*tlvs, (CRC32C, sum_of_all)))


def _pair(tlv: tuple[int, bytes]) -> bytes:
    kind, value = tlv
    return bytes([kind]) + struct.pack("!H", len(value)) + value
