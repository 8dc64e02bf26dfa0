"""What a certificate says of itself: whose it is, and how long it is valid.

RFC 5280 and ITU-T X.690, as far as that. Trusts nobody less for it: what a client sends is OpenSSL's to verify.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from datetime import UTC, datetime

SEQUENCE, OCTET_STRING, OBJECT_IDENTIFIER, UTC_TIME = 0x30, 0x04, 0x06, 0x17
VERSION, EXTENSIONS = 0xA0, 0xA3
DNS_NAME, IP_ADDRESS = 0x82, 0x87  # RFC 5280 §4.2.1.6
SUBJECT_ALTERNATIVE_NAME = bytes((0x55, 0x1D, 0x11))  # 2.5.29.17
COMMON_NAME = bytes((0x55, 0x04, 0x03))  # 2.5.4.3


class Statement:
    """What a certificate says. ``names`` are hosts, in lower case, and addresses.

    Raises:
        ValueError: it is none.
    """

    def __init__(self, octets: bytes) -> None:
        try:
            (_, certificate), *_ = values(octets)
            (_, content), *_ = values(certificate)
            parts = [(tag, part) for tag, part in values(content) if tag != VERSION]
            # RFC 5280 §4.1: serialNumber, signature, issuer, validity, subject, subjectPublicKeyInfo
            self.not_before, self.not_after = (moment(tag, part) for tag, part in values(parts[3][1]))
            extensions = next((part for tag, part in parts if tag == EXTENSIONS), b"")
            # RFC 9110 §4.3.4: the common name is no host, but old tools make certificates with nothing else.
            self.names = tuple(alternative_names(extensions)) or tuple(common_names(parts[4][1]))
        except (IndexError, TypeError) as error:
            raise ValueError("not a certificate") from error


def values(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield tag and content of each value in a row. Raises IndexError, ValueError."""
    place = 0
    while place < len(octets):
        tag, length = octets[place], octets[place + 1]
        place += 2
        if length & 0x80:
            count = length & 0x7F
            length, place = int.from_bytes(octets[place : place + count], "big"), place + count
        if place + length > len(octets):
            raise ValueError("a value ends early")
        yield tag, octets[place : place + length]
        place += length


def moment(tag: int, content: bytes) -> datetime:
    """Return a time; two digits stand for 1950 to 2049 (RFC 5280 §4.1.2.5.1)."""
    text = content.decode("ascii")
    if tag == UTC_TIME:
        text = ("19" if text >= "5" else "20") + text
    return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)


def alternative_names(extensions: bytes) -> Iterator[str]:
    for _, row in values(extensions):
        for _, extension in values(row):
            parts = list(values(extension))
            if parts[0][1] == SUBJECT_ALTERNATIVE_NAME:
                for _, names in values(parts[-1][1]):
                    yield from filter(None, (general_name(tag, content) for tag, content in values(names)))


def general_name(tag: int, content: bytes) -> str:
    """Return a host or an address, nothing if it is neither."""
    if tag == DNS_NAME:
        return content.decode("ascii").lower()
    return str(ipaddress.ip_address(content)) if tag == IP_ADDRESS else ""


def common_names(subject: bytes) -> Iterator[str]:
    for _, part in values(subject):
        for _, attribute in values(part):
            (_, kind), (_, content) = values(attribute)
            if kind == COMMON_NAME:
                yield content.decode("utf-8", "replace").lower()
