"""Who is believed: addresses, networks, everybody who connects, or whoever comes by a Unix socket."""

from __future__ import annotations

import socket
from collections.abc import Iterable

# How an address of IPv4 is written as one of IPv6 (RFC 4291 §2.5.5.2), and how long the two kinds are.
MAPPED = 0xFFFF
IPV4, IPV6 = 32, 128
# Peers whose standing is remembered.
MOST_PEERS = 1000


def number_of(host: str) -> tuple[int, int] | None:
    """Return how many bits an address has, and its value; None for what is none. A zone is not looked at."""
    try:
        return IPV4, int.from_bytes(socket.inet_pton(socket.AF_INET, host), "big")
    except (OSError, ValueError):
        pass
    try:
        number = int.from_bytes(socket.inet_pton(socket.AF_INET6, host.partition("%")[0]), "big")
    except (OSError, ValueError):
        return None
    return (IPV4, number & 0xFFFFFFFF) if number >> IPV4 == MAPPED else (IPV6, number)


def unmapped(host: str) -> str:
    """Return an address of IPv4 that is written as one of IPv6 as what it is, and any other as it is written."""
    found = number_of(host) if ":" in host else None
    return socket.inet_ntoa(found[1].to_bytes(4, "big")) if found is not None and found[0] == IPV4 else host


class Trusted:
    """Those whose word is believed: ``10.0.0.0/8``, ``::1``, ``unix`` for Unix sockets, ``*`` for whoever connects."""

    def __init__(self, entries: Iterable[str]) -> None:
        entries = set(entries)
        self._everybody = "*" in entries
        self._unix = "unix" in entries
        self._networks = [_network(entry) for entry in entries - {"*", "unix"}]
        self._peers: dict[str, bool] = {}

    def connects(self, host: str) -> bool:
        """Tell whether a peer with this address is believed; it has none if it comes by a Unix socket."""
        known = self._peers.get(host)
        if known is None:
            known = self._everybody or (self.includes(host) if host else self._unix)
            if len(self._peers) < MOST_PEERS:
                self._peers[host] = known
        return known

    def includes(self, host: str) -> bool:
        """Tell whether an address that somebody else names is one of those that were listed: ``*`` lists none."""
        found = number_of(host)
        if found is None:
            return False
        bits, number = found
        for kind, rest, prefix in self._networks:  # noqa: SIM110 - a generator would take twice as long
            if bits == kind and number >> rest == prefix:
                return True
        return False


def _network(entry: str) -> tuple[int, int, int]:
    """Return of a network: how many bits its addresses have, how many of them are not compared, and the others."""
    host, slash, length = entry.partition("/")
    found = number_of(host)
    assert found is not None  # the setting's unit has seen to that
    bits, number = found
    whole = IPV6 if ":" in host else IPV4  # what mapped addresses begin with counts, too
    rest = whole - int(length) if slash else 0
    return bits, rest, number >> rest
