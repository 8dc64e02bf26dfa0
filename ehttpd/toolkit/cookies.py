"""Cookies: those that a request brings, and the field that sets one.

RFC 6265, and its successor where browsers have moved on (SameSite, Partitioned, the prefixes of names). We read as
tolerantly as browsers write, and write what every browser takes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal, TypeAlias

from ehttpd.errors import HandlerError
from ehttpd.http11.grammar import TOKEN
from ehttpd.server.clock import imf_fixdate
from ehttpd.toolkit.query import TextMap

SameSite: TypeAlias = Literal["Strict", "Lax", "None"]

# RFC 6265 §4.1.1:  cookie-value = *cookie-octet / ( DQUOTE *cookie-octet DQUOTE )
#   cookie-octet = %x21 / %x23-2B / %x2D-3A / %x3C-5B / %x5D-7E
VALUE = re.compile(r"[\x21\x23-\x2B\x2D-\x3A\x3C-\x5B\x5D-\x7E]*")
# RFC 6265 §4.1.1:  path-value = <any CHAR except CTLs or ";">
PATH = re.compile(r"/[\x20-\x3A\x3C-\x7E]*")
# RFC 6265 §4.1.2.3. A leading dot is ignored by browsers, so it says nothing.
DOMAIN = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?\.)*[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
LONGEST = 4096  # RFC 6265 §6.1: name, value and attributes that every browser keeps


class Cookies(TextMap):
    """The cookies of a request. Of those with one name, the first counts: its path is the most specific."""

    __slots__ = ()

    @classmethod
    def parse(cls, field: str) -> Cookies:
        """Read a Cookie field (RFC 6265 §5.4). Whatever it holds, each pair that is one is found."""
        cookies = cls(_pairs(field))
        cookies._values = dict(reversed(cookies._pairs))
        return cookies


def _pairs(field: str) -> Iterator[tuple[str, str]]:
    for pair in field.split(";"):
        name, equals, value = pair.partition("=")
        name, value = name.strip(" \t"), value.strip(" \t")
        if not (name and equals):
            continue
        if len(value) >= 2 and value[0] == value[-1] == '"':
            value = value[1:-1]
        yield _text(name), _text(value)


def _text(sent: str) -> str:
    """Return what octets outside of ASCII were meant as: browsers send UTF-8."""
    if sent.isascii():
        return sent
    try:
        return sent.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return sent


def set_cookie(
    name: str,
    value: str,
    *,
    max_age: int | None = None,
    expires: datetime | float | None = None,
    domain: str | None = None,
    path: str | None = "/",
    secure: bool = False,
    http_only: bool = True,
    same_site: SameSite | None = "Lax",
    partitioned: bool = False,
) -> str:
    """Return the value of a Set-Cookie field (RFC 6265 §4.1).

    Raises:
        HandlerError: a browser would not keep the cookie, or would read it differently.
    """
    _check(bool(TOKEN.fullmatch(name)), f"The name of a cookie must be a token. Found {name!r}.")
    _check(
        bool(VALUE.fullmatch(value)),
        "The value of a cookie is visible ASCII without quotation marks, commas, semicolons and backslashes; "
        f"percent-encode others. Found {value[:60]!r}.",
    )
    attributes = [f"{name}={value}"]
    if max_age is not None:
        attributes.append(f"Max-Age={int(max_age)}")
    if expires is not None:
        attributes.append(f"Expires={imf_fixdate(_seconds(expires))}")
    if domain is not None:
        _check(bool(DOMAIN.fullmatch(domain)), f"The domain of a cookie must be the name of a host. Found {domain!r}.")
        attributes.append(f"Domain={domain}")
    if path is not None:
        _check(bool(PATH.fullmatch(path)), f"The path of a cookie begins with '/' and has no ';'. Found {path!r}.")
        attributes.append(f"Path={path}")
    attributes += [word for word, wanted in (("Secure", secure), ("HttpOnly", http_only)) if wanted]
    if same_site is not None:
        _check(same_site in ("Strict", "Lax", "None"), f"SameSite is Strict, Lax or None. Found {same_site!r}.")
        attributes.append(f"SameSite={same_site}")
    if partitioned:
        attributes.append("Partitioned")
    _check_security(name, domain, path, secure, same_site == "None" or partitioned)
    field = "; ".join(attributes)
    _check(len(field) <= LONGEST, f"A cookie with its attributes may have {LONGEST} octets. Found {len(field)}.")
    return field


def _check_security(name: str, domain: str | None, path: str | None, secure: bool, crosses_sites: bool) -> None:
    _check(secure or not crosses_sites, "A cookie with SameSite=None or Partitioned must be secure.")
    lowered = name.lower()  # browsers compare the prefixes in any case
    _check(secure or not lowered.startswith(("__secure-", "__host-")), f"{name!r} says that the cookie is secure.")
    if lowered.startswith("__host-"):
        _check(domain is None and path == "/", f"{name!r} says that the cookie has the path '/' and no domain.")


def _check(holds: bool, message: str) -> None:
    if not holds:
        raise HandlerError(message)


def _seconds(moment: datetime | float) -> float:
    if not isinstance(moment, datetime):
        return moment
    _check(moment.tzinfo is not None, f"When a cookie expires must have a time zone. Found {moment!r}.")
    return moment.timestamp()
