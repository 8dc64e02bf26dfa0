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
from ehttpd.proxies.nodes import read_node
from ehttpd.proxies.origin import FOR, FORWARDED, KNOWN, Origin, read_origin
from ehttpd.proxies.trust import Trusted
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Literal, TypeAlias

# Field values whose meaning is remembered: for the process, and for a connection.
MOST_ORIGINS = 5000
MOST_CLIENTS = 500
_KNOWN = frozenset(KNOWN)
NOTHING: Mapping[str, str] = {}

# What is seen of the fields that tell something, and who asked.
Told: TypeAlias = "tuple[Mapping[str, str], Client]"


def says_how(name: str) -> bool:
    """Tell whether a field of this name, in lower case, says how a request was forwarded."""
    return name == "forwarded" or name.startswith("x-forwarded-")


class Standing:
    """What stays of a section in those that follow it on a connection and differ in some values.

    ``base`` are its fields without those that say how it was forwarded; ``said`` are the values of those that are
    believed. ``names`` are the fields that vary of those that say how, ``others`` those that vary besides.
    """

    __slots__ = ("base", "names", "others", "rest", "said", "told", "trusts", "whole")

    def __init__(self, fields: Fields, trusts: bool, believed: frozenset[str]) -> None:
        values = fields.values
        self.trusts = trusts
        kept = {name: value for name, value in values.items() if not self.concerns(name)}
        self.base = SeenFields(fields, self, NOTHING, kept)
        self.said = {name: value for name, value in values.items() if trusts and name in believed}
        self.names: tuple[str, ...] | None = None
        self.others: tuple[str, ...] = ()
        self.told: dict[tuple[str, ...], Told] = {}
        self.rest: Origin | Literal[False] | None = None  # see `Hearing`; None: not known yet
        self.whole: tuple[Fields, Client] | None = None

    def concerns(self, name: str) -> bool:
        """Tell whether a field is left out, or believed: of who is not trusted all that say how, else those we know."""
        return name in _KNOWN if self.trusts else says_how(name)

    def learn(self, changes: Mapping[str, str]) -> tuple[str, ...]:
        """Take note of which fields vary; they are the same in all sections that have this one to stand on."""
        self.names = tuple(name for name in changes if self.concerns(name))
        self.others = tuple(name for name in changes if not self.concerns(name))
        return self.names


class KeptLines:
    """The lines of a section without those that say how it was forwarded, and others in their place."""

    __slots__ = ("_changes", "_lines", "_standing")

    def __init__(self, lines: Iterable[FieldLine], standing: Standing, changes: Mapping[str, str]) -> None:
        self._lines = lines
        self._standing = standing
        self._changes = changes

    def __iter__(self) -> Iterator[FieldLine]:
        left = dict(self._changes)
        for name, value in self._lines:
            key = name.lower()
            if key in self._changes:
                if key in left:
                    yield name, left.pop(key)
            elif not self._standing.concerns(key):
                yield name, value
        yield from left.items()


class SeenFields(Fields):
    """The fields of a section that differs in nothing from what stands. ``received`` has those that are left out."""

    __slots__ = ("received",)

    def __init__(
        self, received: Fields, standing: Standing, changes: Mapping[str, str], values: dict[str, str]
    ) -> None:  # fmt: skip
        super().__init__(KeptLines(received, standing, changes), values)
        self.received = received


class HeardFields(Fields):
    """The fields of a section that differs in ``changes`` from what stands, ``earlier``."""

    __slots__ = ("_standing", "_told", "changes", "earlier", "received")

    earlier: Fields

    def __init__(
        self, received: Fields, standing: Standing, changes: Mapping[str, str], told: Mapping[str, str]
    ) -> None:  # fmt: skip
        self.received = received
        self._standing = standing
        self._told = told
        self._combined = None
        self.derived = None
        self.earlier = standing.base
        self.changes = changes

    def _list(self) -> list[FieldLine]:
        return list(KeptLines(self.received, self._standing, self._told))

    @property
    def values(self) -> Mapping[str, str]:
        if self._combined is None:
            self._combined = {**self.earlier.values, **self.changes}
        return self._combined


def as_received(fields: Fields) -> Fields:
    """Return the fields of a request with those that were left out."""
    return fields.received if isinstance(fields, SeenFields | HeardFields) else fields


class Hearing:
    """Hears requests. Any thread: what is shared is changed by single steps only."""

    def __init__(self, trusted: Trusted, hops: int, believed: Iterable[str]) -> None:
        self._trusted = trusted
        self._hops = hops
        self._believed = frozenset(believed)
        self._origins: dict[tuple[tuple[str, str], ...], Origin] = {}
        self._warned = False

    def trusts(self, connection: Client) -> bool:
        """Tell whether who is connected is a trusted proxy."""
        return self._trusted.connects(connection.remote[0])

    def hear(self, connection: Client, fields: Fields) -> tuple[Fields, Client]:
        """Return the fields that the application may see, and who asked.

        Raises:
            BadRequest: a trusted proxy says what cannot be understood, or two things at once.
        """
        earlier = fields if fields.earlier is None else fields.earlier
        standing: Standing | None = earlier.derived
        if standing is None:
            standing = earlier.derived = self._standing(connection, earlier)
        changes = fields.changes
        if not changes:
            if standing.whole is None:
                standing.whole = self._whole(connection, standing, earlier)
            return standing.whole
        names = standing.learn(changes) if standing.names is None else standing.names
        values = tuple([changes[name] for name in names])
        told = standing.told.get(values)
        if told is None:
            told = self._tell(connection, standing, values)
        shown, client = told
        if standing.others:
            changes = {name: changes[name] for name in standing.others}
            changes.update(shown)
        elif not shown and standing.trusts:
            return standing.base, client
        else:
            changes = shown
        return HeardFields(fields, standing, changes, shown), client

    def _standing(self, connection: Client, fields: Fields) -> Standing:
        standing = Standing(fields, self.trusts(connection), self._believed)
        if not standing.trusts:
            self._warn(connection, fields)
        return standing

    def _whole(self, connection: Client, standing: Standing, fields: Fields) -> tuple[Fields, Client]:
        """Return what is heard of a request that differs in nothing from what stands."""
        shown, client = self._told(connection, standing, standing.said)
        if not shown:
            return standing.base, client
        return SeenFields(fields, standing, shown, {**standing.base.values, **shown}), client

    def _tell(self, connection: Client, standing: Standing, values: tuple[str, ...]) -> Told:
        """Return what is told by ``values`` of the fields that vary, and by what stands."""
        rest = self._rest(standing) if standing.rest is None else standing.rest
        if rest and values[0] and "," not in values[0]:
            # One proxy, and many clients: an address is new, and what is told besides stands.
            remote = read_node(values[0], "X-Forwarded-For")
            told: Told = {FOR: values[0], **rest.fields}, ClientBehindProxy(connection, rest, remote)
        else:
            pairs = zip(standing.names or (), values, strict=True)
            said = {**standing.said, **{name: value for name, value in pairs if name in self._believed}}
            told = self._told(connection, standing, said)
        if len(standing.told) >= MOST_CLIENTS:
            standing.told.clear()
        standing.told[values] = told
        return told

    def _rest(self, standing: Standing) -> Origin | Literal[False]:
        """Return what is told besides the address of the client, if that alone varies, and one proxy tells it."""
        said = {name: value for name, value in standing.said.items() if name != FOR}
        simple = standing.names == (FOR,) and FOR in standing.said and FORWARDED not in said
        if simple and not any("," in value for value in said.values()):
            standing.rest = read_origin(said, standing.base.values.get("host", ""), self._trusted, self._hops)
        else:
            standing.rest = False
        return standing.rest

    def _told(self, connection: Client, standing: Standing, said: dict[str, str]) -> Told:
        if not (standing.trusts and said):
            return NOTHING, connection
        host = standing.base.values.get("host", "")
        key = (("host", host), *said.items())
        origin = self._origins.get(key)
        if origin is None:
            origin = read_origin(said, host, self._trusted, self._hops)
            if len(self._origins) >= MOST_ORIGINS:
                self._origins.clear()
            self._origins[key] = origin
        if not origin.fields:
            return NOTHING, connection
        return origin.fields, ClientBehindProxy(connection, origin, origin.remote)

    def _warn(self, connection: Client, fields: Fields) -> None:
        """Say once that something was left out: the proxy may be ours."""
        if not self._warned:
            self._warned = True
            names = ", ".join(name for name in fields.values if says_how(name))
            peer = connection.remote[0] or "unix"
            log.warning(
                "From %s came %s, and nobody trusts it: left out, here and from now on. If that is your proxy, "
                "forwarded_allow_ips is to name %s.", peer, names, peer,
            )  # fmt: skip
