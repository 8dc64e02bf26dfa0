"""What the toolkit refuses on a handler's behalf: the classes of `ehttpd.errors`, for what only it looks at.

RFC 9110 §15.5.
"""

from __future__ import annotations

from ehttpd.errors import RequestRefused


class NotFound(RequestRefused):
    """There is nothing to be served under that name (RFC 9110 §15.5.5)."""

    status = 404


class UnsupportedMediaType(RequestRefused):
    """The body is of a type that the handler does not take (RFC 9110 §15.5.16)."""

    status = 415
