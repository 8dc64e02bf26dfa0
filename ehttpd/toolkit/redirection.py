"""Sending a client elsewhere.

RFC 9110 §10.2.2 and §15.4, RFC 3986.
"""

from __future__ import annotations

from urllib.parse import quote

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLines
from ehttpd.messages import Response

STATUSES = (301, 302, 303, 307, 308)
# RFC 3986 §2.2 and §2.3; and the percent sign, for what is encoded already.
STANDS_FOR_ITSELF = "%:/?#[]@!$&'()*+,;=-._~"


def redirection(location: str, status: int, headers: FieldLines | None) -> Response:
    """Return a response that names another URI. Raises HandlerError for a status that does not redirect."""
    if status not in STATUSES:
        raise HandlerError(f"A redirection has one of the statuses {', '.join(map(str, STATUSES))}. Found {status}.")
    response = Response(b"", status, headers)
    response.headers["Location"] = quote(location, safe=STANDS_FOR_ITSELF)
    return response
