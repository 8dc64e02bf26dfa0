"""Request targets: where their path is (RFC 9112 §3.2), and what percent-encoding stands for (RFC 3986 §2.1)."""

from __future__ import annotations


def path_of(target: str) -> str:
    """Return the path of a target as it was sent: ``"/"`` of ``"*"``, and their own of absolute ones."""
    path = target.partition("?")[0]
    if path.startswith("/"):
        return path
    return "/" + path.partition("://")[2].partition("/")[2]


def percent_decode(text: str) -> bytes:
    """Return the octets that percent-encoded text stands for (RFC 3986 §2.1). What is no valid encoding stays as it
    is.
    """
    first, *parts = text.encode("latin-1").split(b"%")
    pieces = [first]
    for part in parts:
        try:
            pieces.append(_OCTETS[part[:2]])
            pieces.append(part[2:])
        except KeyError:
            pieces.append(b"%" + part)
    return b"".join(pieces)


# b"4A", b"4a", … -> the octet. `urllib.parse` does the same and takes 2 ms to import.
_OCTETS = {
    (high + low).encode(): bytes([int(high + low, 16)])
    for high in "0123456789abcdefABCDEF"
    for low in "0123456789abcdefABCDEF"
}
