"""Body decoders: one generator per framing. Where a generator stands is its state.

RFC 9112 §6 and §7. A decoder yields data as it arrives, ``None`` when it needs more octets, and returns the trailer
section.
"""

from __future__ import annotations

from collections.abc import Generator

from ehttpd.errors import BadRequest, ContentTooLarge, FieldsTooLarge
from ehttpd.fields import Fields
from ehttpd.http11 import grammar
from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.fieldlines import parse_field_line
from ehttpd.http11.limits import Limits

Decoder = Generator[bytes | None, None, Fields]

# A chunk head with its extensions and CRLF. Nobody sends longer ones in good faith.
LONGEST_CHUNK_HEAD = 4096

# RFC 9110 §6.5.1: what frames, routes, modifies or authenticates a request must not come after its content.
FORBIDDEN_TRAILERS = frozenset(
    [
        "transfer-encoding",
        "content-length",
        "trailer",
        "te",
        "host",
        "connection",
        "keep-alive",
        "upgrade",
        "expect",
        "max-forwards",
        "forwarded",
        "if-match",
        "if-none-match",
        "if-modified-since",
        "if-unmodified-since",
        "if-range",
        "pragma",
        "authorization",
        "proxy-authorization",
        "proxy-connection",
        "cookie",
        "set-cookie",
        "content-encoding",
        "content-type",
        "content-range",
        "cache-control",
        "range",
    ]
)


def decode_length(buffer: ReceiveBuffer, remaining: int) -> Decoder:
    """Yield the next ``remaining`` octets as they arrive."""
    while remaining:
        data = buffer.take(remaining)
        remaining -= len(data)
        yield data or None
    return Fields()


def decode_chunked(buffer: ReceiveBuffer, limits: Limits) -> Decoder:
    """Yield the data of each chunk as it arrives (RFC 9112 §7.1); return the trailer section.

    Raises BadRequest for broken framing, ContentTooLarge beyond ``limits.body`` and, for extensions, ``limits.head``.
    """
    total = extended = 0
    while True:
        size, extensions = yield from _chunk_head(buffer)
        extended += extensions
        if extended > limits.head:  # RFC 9112 §7.1.1: of all chunks
            raise ContentTooLarge(f"The extensions of all chunks may have {limits.head} octets.")
        if not size:
            break
        total += size
        if limits.body and total > limits.body:
            raise ContentTooLarge(f"The body is longer than {limits.body} octets.")
        while size:
            data = buffer.take(size)
            size -= len(data)
            yield data or None
        yield from _line_end(buffer)
    return (yield from _trailer_section(buffer, limits))


def _chunk_head(buffer: ReceiveBuffer) -> Generator[None, None, tuple[int, int]]:
    """Return the size of a chunk, and how many octets its extensions have."""
    head = grammar.CHUNK_HEAD.match(buffer.octets, buffer.start, buffer.start + LONGEST_CHUNK_HEAD)
    if head:
        buffer.start = head.end()
        return int(head[1], 16), head.end() - head.end(1) - len(b"\r\n")
    # Not whole yet, or broken. Who sends it octet by octet must not have it matched from its start each time.
    line = yield from _line(buffer, LONGEST_CHUNK_HEAD)
    head = grammar.CHUNK_HEAD.fullmatch(line)
    if not head:
        raise BadRequest(
            "A chunk must begin with its size in hexadecimal digits, extensions after semicolons, and CRLF. "
            f"Found {line[:40]!r}."
        )
    return int(head[1], 16), head.end() - head.end(1) - len(b"\r\n")


def _line(buffer: ReceiveBuffer, limit: int) -> Generator[None, None, bytes]:
    """Return the next line with its CRLF; without it, as much as may be there of a longer one. Raises BadRequest."""
    while (line := buffer.take_line(limit)) is None:
        # Without a CRLF an LF is a bare one: who ends lines with those would wait for us, and we for him.
        _refuse_bare_lf(buffer.octets[buffer.start :])
        yield None
    _refuse_bare_lf(line.removesuffix(b"\r\n"))
    return line


def _refuse_bare_lf(octets: bytes) -> None:
    # RFC 9112 §2.2 lets a recipient take LF for the end of a line; §7.1 does not, and not everybody would.
    if b"\n" in octets:
        raise BadRequest(
            f"A line of a chunked body must end with CR and LF, and have no LF besides. Found {octets[:40]!r}."
        )


def _line_end(buffer: ReceiveBuffer) -> Generator[None, None, None]:
    while not buffer.octets.startswith(b"\r\n", buffer.start):
        if len(buffer) >= 2 or (len(buffer) == 1 and buffer.octets[-1:] != b"\r"):
            raise BadRequest(f"The data of a chunk must end with CRLF. Found {buffer.take(2)!r}.")
        yield None
    buffer.take(2)


def _trailer_section(buffer: ReceiveBuffer, limits: Limits) -> Generator[None, None, Fields]:
    lines: list[str] = []
    octets = 0
    while True:
        line = yield from _line(buffer, limits.field_size + 2)
        if line == b"\r\n":
            break
        octets += len(line)
        if not line.endswith(b"\r\n") or octets > limits.head or len(lines) >= limits.fields:
            raise FieldsTooLarge("The trailer section is larger than this server takes.")
        lines.append(line[:-2].decode("latin-1"))
    if not lines:
        return Fields()
    trailers = Fields(map(parse_field_line, lines))
    for name, _ in trailers:
        if name.lower() in FORBIDDEN_TRAILERS:
            raise BadRequest(f"The field {name!r} must not be in a trailer section.")
    return trailers
