"""What becomes of a request that says how it was forwarded: fields of those who are not trusted are left out, and what
trusted proxies say takes the place of what the connection shows.

A proxy sends requests of many clients on one connection, and a field or two differ from one to the next. So what stays
is kept with the fields that it belongs to (`Fields.derived`), and what the others tell is remembered by their values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ehttpd.fields import FieldLine, Fields
from ehttpd.logs import log
from ehttpd.messages import Client
from ehttpd.proxies.client import ClientBehindProxy
from ehttpd.proxies.origin import KNOWN, Origin, read_origin
from ehttpd.proxies.trust import Trusted

# Field values whose meaning is remembered.
MOST_ORIGINS = 1000
_KNOWN = frozenset(KNOWN)


def says_how(name: str) -> bool:
    """Tell whether a field of this name, in lower case, says how a request was forwarded."""
    return name == "forwarded" or name.startswith("x-forwarded-")


class KeptLines:
    """The lines of a section without some fields, and others in their place; made when somebody asks for them."""

    __slots__ = ("_all", "_changes", "_lines")

    def __init__(self, lines: Iterable[FieldLine], changes: Mapping[str, str], all_left_out: bool) -> None:
        self._lines = lines
        self._changes = changes
        self._all = all_left_out

    def __iter__(self) -> Iterator[FieldLine]:
        left = dict(self._changes)
        for name, value in self._lines:
            key = name.lower()
            if key in self._changes:
                if key in left:
                    yield name, left.pop(key)
            elif not (says_how(key) if self._all else key in _KNOWN):
                yield name, value
        yield from left.items()


class HeardFields(Fields):
    """Fields that are those of ``earlier`` and ``changes``."""

    __slots__ = ("changes", "earlier")

    earlier: Fields

    def __init__(self, lines: KeptLines, earlier: Fields, changes: Mapping[str, str]) -> None:
        self._lines = lines
        self._combined = None
        self.derived = None
        self.earlier = earlier
        self.changes = changes

    @property
    def values(self) -> Mapping[str, str]:
        if self._combined is None:
            self._combined = {**self.earlier.values, **self.changes}
        return self._combined


class Hearing:
    """Hears requests. Any thread: the mappings are changed by single steps only."""

    def __init__(self, trusted: Trusted, hops: int, believed: Iterable[str]) -> None:
        self._trusted = trusted
        self._hops = hops
        self._believed = frozenset(believed)
        self._origins: dict[tuple[str, ...], Origin] = {}
        self._warned = False

    def hear(self, connection: Client, fields: Fields) -> tuple[Fields, Client]:
        """Return the fields that the application may see, and who asked.

        Raises:
            BadRequest: a trusted proxy says what cannot be understood, or two things at once.
        """
        trusts = self._trusted.connects(connection.remote[0])
        earlier = fields if fields.earlier is None else fields.earlier
        standing = earlier.derived
        if standing is None:
            standing = earlier.derived = self._standing(earlier, trusts)
            if not trusts:
                self._warn(connection, earlier)
        base, said = standing
        changes = dict(fields.changes)
        if not trusts:
            for name in [name for name in changes if says_how(name)]:
                del changes[name]
            return (self._heard(fields, base, changes, {}, True) if changes else base), connection
        for name in _KNOWN.intersection(changes):
            value = changes.pop(name)
            if name in self._believed:
                said = {**said, name: value}
        origin = self._origin(said, base.values.get("host", "")) if said else None
        if origin is None or not origin.fields:
            return (self._heard(fields, base, changes, {}, False) if changes else base), connection
        changes.update(origin.fields)
        return self._heard(fields, base, changes, origin.fields, False), ClientBehindProxy(connection, origin)

    def _standing(self, fields: Fields, trusts: bool) -> tuple[Fields, dict[str, str]]:
        """Return fields without those that say how they were forwarded, and of these the ones that are believed."""
        values = fields.values
        if not trusts:
            kept = {name: value for name, value in values.items() if not says_how(name)}
            return Fields(KeptLines(fields, {}, True), kept), {}
        kept = {name: value for name, value in values.items() if name not in _KNOWN}
        said = {name: value for name, value in values.items() if name in self._believed}
        return Fields(KeptLines(fields, {}, False), kept), said

    def _heard(
        self, fields: Fields, base: Fields, changes: dict[str, str], told: Mapping[str, str], all_left_out: bool
    ) -> Fields:  # fmt: skip
        return HeardFields(KeptLines(fields, told, all_left_out), base, changes)

    def _origin(self, said: dict[str, str], host: str) -> Origin:
        key = (host, *said, *said.values())
        origin = self._origins.get(key)
        if origin is None:
            origin = read_origin(said, host, self._trusted, self._hops)
            if origin.host is not None:
                origin.fields["host"] = origin.host
            if len(self._origins) >= MOST_ORIGINS:
                self._origins = {}
            self._origins[key] = origin
        return origin

    def _warn(self, connection: Client, fields: Fields) -> None:
        """Say once that something was left out: the proxy may be ours."""
        if not self._warned:
            self._warned = True
            names = ", ".join(name for name in fields.values if says_how(name))
            peer = connection.remote[0] or "unix"
            log.warning(
                "From %s came %s, and nobody trusts it: left out, here and from now on. If that is your proxy: "
                "--forwarded-allow-ips %s", peer, names, peer,
            )  # fmt: skip
