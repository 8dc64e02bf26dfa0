"""Who may speak for a client, and what the application is told of the way.

The operator's. Each setting is declared here and nowhere else; what it is used for is not known.
"""

from __future__ import annotations

from ehttpd.settings.declaration import Group, setting
from ehttpd.settings.units import Choice, Count, Path, Several
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import ClassVar, Self


class Networks(Several):
    """Who is believed: addresses and networks with commas or blanks between them, ``unix``, ``*``; or ``none``."""

    __slots__ = ()
    metavar = "ADDRESSES"
    meaning = "addresses and networks such as 10.0.0.0/8, unix (who comes by a Unix socket), * (everybody), or none"

    @classmethod
    def read(cls, value: object) -> Self:
        entries = cls.words(value)
        if entries in (["none"], ("none",)):
            return cls(())
        if not isinstance(entries, (list, tuple)) or not all(isinstance(entry, str) for entry in entries):
            raise ValueError(cls.meaning)
        from ipaddress import ip_network  # dear, and seldom needed

        try:
            networks = {entry: str(ip_network(entry)) for entry in entries if entry not in ("*", "unix")}
            return cls(networks[entry] if "/" in entry else entry for entry in entries)
        except ValueError as error:
            raise ValueError(f"{cls.meaning} ({error})") from None


class ForwardingFields(Several):
    """Which fields that say how a request was forwarded are believed."""

    __slots__ = ()
    metavar = "FIELDS"
    NAMES = ("forwarded", *(f"x-forwarded-{name}" for name in ("for", "proto", "host", "port", "prefix")))
    meaning = "some of " + ", ".join(NAMES)

    @classmethod
    def read(cls, value: object) -> Self:
        names = cls.words(value)
        if not isinstance(names, (list, tuple)):
            raise ValueError(cls.meaning)
        if not all(isinstance(name, str) and name.lower() in cls.NAMES for name in names):
            raise ValueError(cls.meaning)
        return cls(name.lower() for name in names)


class ProxyProtocol(Choice):
    """Which versions of the PROXY protocol connections begin with."""

    __slots__ = ()
    metavar = "VERSION"
    CHOICES = ("off", "v1", "v2", "on")
    SYNONYMS: ClassVar = {"auto": "on", "true": "on", "": "off", "false": "off"}
    meaning = "off, v1, v2 or on (both)"


class Scheme(Choice):
    """The scheme of URLs, or nothing."""

    __slots__ = ()
    metavar = "SCHEME"
    CHOICES = ("", "http", "https")
    meaning = "http or https"


class ProxySettings(Group, section="Proxies"):
    """What is believed of those who speak for clients."""

    forwarded_allow_ips: Networks = setting(
        Networks(()),
        "Believe these proxies what they say of clients in Forwarded and X-Forwarded-*; leave it out from others. "
        "unix: who comes by a Unix socket; *: everybody.",
        flags=("--forwarded-allow-ips", "--trusted-proxy"),
        aliases={"--no-proxy-headers": ""},
        platform={"FORWARDED_ALLOW_IPS": "{}"},
    )
    forwarded_hops: Count = setting(
        Count(0),
        "Believe so many entries from the end of these fields, one for each proxy; 0: as long as they are trusted.",
        flags=("--forwarded-hops", "--trusted-proxy-count"),
        at_least=0,
    )
    forwarded_fields: ForwardingFields = setting(
        ForwardingFields(ForwardingFields.NAMES),
        "Believe these fields only, which the proxies set in every request; leave the others out.",
        flags=("--forwarded-fields", "--trusted-proxy-headers"),
    )
    proxy_protocol: ProxyProtocol = setting(
        ProxyProtocol("off"),
        "Expect the PROXY protocol at the beginning of each connection: v1, v2, on (either) or off.",
        alone="on",
    )
    proxy_allow_ips: Networks = setting(
        Networks(("127.0.0.1", "::1", "unix")),
        "Take the PROXY protocol from these addresses, and refuse other connections. unix and * as above.",
        flags=("--proxy-allow-ips", "--proxy-allow-from"),
    )
    url_prefix: Path = setting(
        Path(""),
        "Serve the application below this path: it is SCRIPT_NAME, and cut off from paths that begin with it.",
        flags=("--url-prefix", "--root-path", "--url-path-prefix"),
    )
    url_scheme: Scheme = setting(
        Scheme(""),
        "Tell the application this scheme, http or https, of connections without TLS; nothing: http.",
    )
