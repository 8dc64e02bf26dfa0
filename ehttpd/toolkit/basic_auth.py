"""A middleware that lets pass who knows a password: the Basic scheme, RFC 7617.

The password travels as it is. So this is for connections that nobody listens to.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from collections.abc import Callable, Mapping
from hashlib import sha256

from ehttpd.errors import HandlerError
from ehttpd.messages import Handler, Request, Response, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.pipeline import Middleware
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

Check: TypeAlias = Callable[[str, str], bool]


def basic_auth(users: Mapping[str, str] | Check, realm: str = "here") -> Middleware:
    """Answer 401 to whoever has no password from ``users``: a mapping of names to passwords, or a function of both.

    How long the comparison with a mapping takes tells nothing, not even whether there is such a name. Handlers find the
    name as ``request.state["user"]``.

    Raises:
        HandlerError: ``realm`` cannot be written between quotes.
    """
    if not realm.isascii() or not realm.isprintable() or '"' in realm or "\\" in realm:
        raise HandlerError(f"A realm must be printable ASCII with no quotes or backslashes. Found {realm!r}.")
    known = users if callable(users) else _comparison(users)
    # RFC 7617 §2.1: names and passwords are in UTF-8.
    challenge = {"WWW-Authenticate": f'Basic realm="{realm}", charset="UTF-8"'}

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            credentials = _credentials(request)
            if credentials is None or not known(*credentials):
                return HTTPError(401, headers=challenge).response(request)
            request.state["user"] = credentials[0]
            return answer_of(view, request)

        return streaming_as(view, handler)

    return middleware


def _comparison(users: Mapping[str, str]) -> Check:
    nobody = secrets.token_hex()

    def known(name: str, password: str) -> bool:
        right = users.get(name, nobody)
        # Digests are all of one length, and that of the password stays unknown.
        return hmac.compare_digest(sha256(password.encode()).digest(), sha256(right.encode()).digest())

    return known


def _credentials(request: Request) -> tuple[str, str] | None:
    """Return name and password, if there are some that can be read."""
    scheme, _, encoded = (request.headers.get("authorization") or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).decode().partition(":")
    except ValueError:  # no Base64, no ASCII, no UTF-8
        return None
    return (name, password) if colon else None
