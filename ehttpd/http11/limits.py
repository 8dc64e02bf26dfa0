"""How large a head may be. RFC 9112 §3 and RFC 9110 §5.4 leave the figures to us."""

from __future__ import annotations


class Limits:
    """Octets of the request line, of the whole head and of one field line; the number of fields; octets of the body.

    ``body`` 0 means no limit.
    """

    __slots__ = ("body", "field_size", "fields", "head", "request_line")

    def __init__(
        self, request_line: int = 8190, head: int = 65536, fields: int = 100, field_size: int = 8190, body: int = 0
    ) -> None:
        self.request_line = request_line
        self.head = head
        self.fields = fields
        self.field_size = field_size
        self.body = body


DEFAULT_LIMITS = Limits()
