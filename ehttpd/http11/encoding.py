"""Body encoders: data to octets on the wire.

RFC 9112 §7.1.
"""

from __future__ import annotations

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLines, Fields
from ehttpd.http11.decoding import FORBIDDEN_TRAILERS
from ehttpd.http11.sections import encode_field_lines

LAST_CHUNK = b"0\r\n\r\n"


def encode_chunk(data: bytes) -> bytes:
    """Return one chunk. ``data`` must not be empty: an empty chunk ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_last_chunk(trailers: FieldLines = ()) -> bytes:
    """Return the end of a chunked body with its trailer section. Raises HandlerError for a field that cannot be
    sent, or not there.
    """
    if not trailers:
        return LAST_CHUNK
    fields = Fields(trailers)
    for name, _ in fields:
        if name.lower() in FORBIDDEN_TRAILERS:  # RFC 9110 §6.5.1
            raise HandlerError(f"The field {name!r} must not be in a trailer section.")
    return b"0\r\n" + encode_field_lines(fields) + b"\r\n"
