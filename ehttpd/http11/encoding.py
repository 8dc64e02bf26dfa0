"""Body encoders: data to octets on the wire.

RFC 9112 §7.1.
"""

from __future__ import annotations

from ehttpd.fields import FieldLines, Fields
from ehttpd.http11.sections import encode_field_lines

LAST_CHUNK = b"0\r\n\r\n"


def encode_chunk(data: bytes) -> bytes:
    """Return one chunk. ``data`` must not be empty: an empty chunk ends the body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


def encode_last_chunk(trailers: FieldLines = ()) -> bytes:
    """Return the end of a chunked body with its trailer section. Raises HandlerError for a field that cannot be
    sent.
    """
    return b"0\r\n" + encode_field_lines(Fields(trailers)) + b"\r\n" if trailers else LAST_CHUNK
