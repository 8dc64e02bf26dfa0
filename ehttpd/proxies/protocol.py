"""The PROXY protocol: what a proxy says of a connection before anything else is sent on it. Versions 1 and 2.

HAProxy's specification (doc/proxy-protocol.txt), §2. Octets in, a `ProxyHeader` out; nothing here reads a socket.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from functools import lru_cache

from ehttpd.errors import BadRequest
from ehttpd.messages.proxied import CRC32C, LOCAL, NOOP, SSL, ProxyHeader, ProxySSL
from ehttpd.proxies.trust import number_of, unmapped

# §2.2: no other protocol begins like this.
SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
FIXED = len(SIGNATURE) + 4  # octets, up to the length of the rest
# §2.1: CRLF included.
LONGEST_LINE = 107
# §2.2 allows 65535. Certificates of clients are the longest that is sent.
LONGEST_REST = 16384
# Octets to look at in a first attempt: a header without certificates is there as a whole.
LOOK_AT = 536

# §2.1:  "PROXY" SP ("TCP4" / "TCP6") SP source SP destination SP source port SP destination port CRLF
_LINE = re.compile(r"PROXY TCP(4|6) ([0-9A-Fa-f.:]+) ([0-9A-Fa-f.:]+) (0|[1-9]\d{0,4}) (0|[1-9]\d{0,4})\r\n", re.ASCII)
PROXY = 1
CLIENT_SSL = 0x01
UNSPECIFIED, IPV4, IPV6, UNIX = range(4)
ADDRESS_LENGTHS = {UNSPECIFIED: 0, IPV4: 12, IPV6: 36, UNIX: 216}


class HeaderReader:
    """A header while it arrives. ``versions`` are those that are taken, of 1 and 2."""

    def __init__(self, versions: frozenset[int]) -> None:
        self._versions = versions
        self._octets = b""
        self._length = 0  # of the whole header of version 2, once it is known
        self.header: ProxyHeader | None = None  # when it is complete

    @property
    def wanted(self) -> int:
        """How many octets to look at next."""
        return max(LOOK_AT, self._length - len(self._octets))

    def take(self, seen: bytes) -> int:
        """Take of octets that follow those taken what belongs to the header; return how many that are.

        Raises:
            BadRequest: this is no header, or one that cannot be understood.
        """
        octets = self._octets + seen
        start = octets[: len(SIGNATURE)]
        if 2 in self._versions and SIGNATURE.startswith(start):
            end = self._end_of_block(octets)
        elif 1 in self._versions and b"PROXY ".startswith(start[:6]):
            end = self._end_of_line(octets)
        else:
            raise BadRequest(f"A connection must begin with the PROXY protocol here. Found {octets[:20]!r}.")
        taken = (len(octets) if end is None else end) - len(self._octets)
        self._octets = octets[:end]
        if end is not None:
            self.header = read_block(self._octets) if start[:1] == b"\r" else read_line(self._octets)
        return taken

    def _end_of_line(self, octets: bytes) -> int | None:
        end = octets.find(b"\n", 0, LONGEST_LINE)
        if end < 0 and len(octets) >= LONGEST_LINE:
            raise BadRequest(f"The line of the PROXY protocol may have {LONGEST_LINE} octets.")
        return end + 1 or None

    def _end_of_block(self, octets: bytes) -> int | None:
        if len(octets) < FIXED:
            return None
        self._length = FIXED + int.from_bytes(octets[FIXED - 2 : FIXED], "big")
        if self._length > FIXED + LONGEST_REST:
            raise BadRequest(f"A header of the PROXY protocol may have {LONGEST_REST} octets here.")
        return self._length if len(octets) >= self._length else None


def read_line(octets: bytes) -> ProxyHeader:
    """Return what a line of version 1 says. Raises BadRequest."""
    line = octets.decode("latin-1")
    if re.match(r"PROXY UNKNOWN[ \r]", line) and line.endswith("\r\n"):
        return ProxyHeader(1)  # §2.1: whatever comes after the word is ignored
    match = _LINE.fullmatch(line)
    if match is None:
        raise BadRequest(f"The line of the PROXY protocol is malformed: {octets!r}.")
    family, source, destination, port, local_port = match.groups()
    for host in (source, destination):
        if number_of(host) is None or (":" in host) != (family == "6"):
            raise BadRequest(f"The PROXY protocol must tell addresses of TCP{family}. Found {host!r}.")
    if int(port) > 65535 or int(local_port) > 65535:
        raise BadRequest("The ports of the PROXY protocol must be at most 65535.")
    return ProxyHeader(1, (unmapped(source), int(port)), (unmapped(destination), int(local_port)))


def read_block(octets: bytes) -> ProxyHeader:
    """Return what a whole header of version 2 says. Raises BadRequest."""
    version, command = octets[12] >> 4, octets[12] & 15
    family, transport = octets[13] >> 4, octets[13] & 15
    if version == 2 and command == LOCAL:
        # §2.2: the rest is ignored, the family too, and connections of the proxy's own need not have one.
        return ProxyHeader(2, local_command=True)
    if version != 2 or command != PROXY or family not in ADDRESS_LENGTHS or transport > 2:
        raise BadRequest(f"The PROXY protocol has no version, command or family {octets[12:14]!r}.")
    length = ADDRESS_LENGTHS[family]
    addresses, rest = octets[FIXED : FIXED + length], octets[FIXED + length :]
    if len(addresses) < length:
        raise BadRequest("The header of the PROXY protocol is shorter than its addresses.")
    tlvs = tuple(_pairs(rest))
    _check_sum(octets, FIXED + length, tlvs)
    remote, local = _ends(family, addresses) if transport else (None, None)
    return ProxyHeader(2, remote, local, tlvs, _secured(tlvs))


def _secured(tlvs: tuple[tuple[int, bytes], ...]) -> ProxySSL | None:
    """Return what is said of TLS (§2.2.5); None if the client does not speak it. Raises BadRequest."""
    value = next((value for kind, value in tlvs if kind == SSL), None)
    if value is None:
        return None
    if len(value) < 5:
        raise BadRequest("What the PROXY protocol says of TLS must have 5 octets at least.")
    pairs = tuple(_pairs(value[5:]))
    return ProxySSL(value[0], not any(value[1:5]), dict(reversed(pairs))) if value[0] & CLIENT_SSL else None


def _ends(family: int, octets: bytes) -> tuple[tuple[str, int] | None, tuple[str, int] | None]:
    if family == UNSPECIFIED:
        return None, None
    if family == UNIX:
        path = octets[108:].partition(b"\0")[0] if octets[108] else octets[108:].rstrip(b"\0").replace(b"\0", b"@", 1)
        return ("", 0), (path.decode("utf-8", "surrogateescape"), 0)
    kind, size = (socket.AF_INET, 4) if family == IPV4 else (socket.AF_INET6, 16)
    source, destination = (unmapped(socket.inet_ntop(kind, octets[start : start + size])) for start in (0, size))
    ports = octets[2 * size :]
    return (source, int.from_bytes(ports[:2], "big")), (destination, int.from_bytes(ports[2:4], "big"))


def _pairs(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield types and values (§2.2, "struct pp2_tlv"). Raises BadRequest."""
    place = 0
    while place < len(octets):
        end = place + 3 + int.from_bytes(octets[place + 1 : place + 3], "big")
        if place + 3 > len(octets) or end > len(octets):
            raise BadRequest("A value of the PROXY protocol is longer than the header.")
        if octets[place] != NOOP:
            yield octets[place], octets[place + 3 : end]
        place = end


def _check_sum(octets: bytes, start: int, tlvs: tuple[tuple[int, bytes], ...]) -> None:
    """Compare the checksum with the header, if there is one (§2.2.3). Raises BadRequest."""
    given = [value for kind, value in tlvs if kind == CRC32C]
    if not given:
        return
    place = start
    while octets[place] != CRC32C:
        place += 3 + int.from_bytes(octets[place + 1 : place + 3], "big")
    if len(given) > 1 or len(given[0]) != 4:
        raise BadRequest("The PROXY protocol must have one checksum of 4 octets.")
    if crc32c(octets[: place + 3] + bytes(4) + octets[place + 7 :]) != int.from_bytes(given[0], "big"):
        raise BadRequest("The checksum of the PROXY protocol is wrong.")


@lru_cache(1)
def _table() -> tuple[int, ...]:
    def remainder(octet: int) -> int:
        for _ in range(8):
            octet = octet >> 1 ^ (0x82F63B78 if octet & 1 else 0)
        return octet

    return tuple(map(remainder, range(256)))


def crc32c(octets: bytes) -> int:
    """Return the checksum of Castagnoli (RFC 9260, appendix A)."""
    table, remainder = _table(), 0xFFFFFFFF
    for octet in octets:
        remainder = table[(remainder ^ octet) & 255] ^ remainder >> 8
    return remainder ^ 0xFFFFFFFF
