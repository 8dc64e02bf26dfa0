"""Values in DER, the encoding of certificates.

ITU-T X.690. Writes what certificates.py needs, and reads nothing.
"""

from __future__ import annotations

import datetime


def value(tag: int, *contents: bytes) -> bytes:
    """Return a value: tag, length, contents (§8.1)."""
    content = b"".join(contents)
    length = len(content)
    if length < 128:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def sequence(*contents: bytes) -> bytes:
    return value(0x30, *contents)


def set_of(*contents: bytes) -> bytes:
    return value(0x31, *sorted(contents))


def boolean(truth: bool) -> bytes:
    return value(0x01, b"\xff" if truth else b"\0")


def integer(number: int) -> bytes:
    """Return an integer that is not negative, with the leading zero that says so (§8.3)."""
    return value(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def bit_string(octets: bytes, unused: int = 0) -> bytes:
    return value(0x03, bytes([unused]), octets)


def octet_string(octets: bytes) -> bytes:
    return value(0x04, octets)


def utf8_string(text: str) -> bytes:
    return value(0x0C, text.encode())


def object_identifier(dotted: str) -> bytes:
    """Return an object identifier: the first two numbers in one, each in base 128 (§8.19)."""
    first, second, *others = map(int, dotted.split("."))
    octets = b""
    for number in (40 * first + second, *others):
        group = [number & 0x7F]
        while number := number >> 7:
            group.append(0x80 | number & 0x7F)
        octets += bytes(reversed(group))
    return value(0x06, octets)


def time(moment: datetime.datetime) -> bytes:
    """Return a moment in UTC; from 2050 on years have four digits (RFC 5280 §4.1.2.5)."""
    if moment.year < 2050:
        return value(0x17, moment.strftime("%y%m%d%H%M%SZ").encode())
    return value(0x18, moment.strftime("%Y%m%d%H%M%SZ").encode())


def context(number: int, *contents: bytes, constructed: bool = True) -> bytes:
    """Return a value whose meaning depends on where it stands."""
    return value((0xA0 if constructed else 0x80) | number, *contents)
