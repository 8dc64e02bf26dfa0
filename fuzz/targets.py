"""What is fuzzed: functions that take any octets, and fail an assertion where a promise is broken.

Know nothing of the engine that finds the octets; tests/test_fuzz.py calls them with those that were kept. The first
octets of an input are choices: how a stream is cut, what is answered. What proxies say is in proxies.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from ehttpd.errors import HandlerError, RequestRefused
from ehttpd.fields import FieldLine
from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.decoding import decode_chunked
from ehttpd.http11.encoding import encode_chunk, encode_last_chunk
from ehttpd.http11.framing import Framing
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from ehttpd.http11.serialize import serialize
from ehttpd.http11.writer import Head, encode_head
from ehttpd.messages import Request, Response, Status
from ehttpd.server.stream import BodyStream
from fuzz.inputs import Choices, pieces_of
from fuzz.proxies import fuzz_forwarded, fuzz_proxy_protocol
from tests.http11.peers import Received, agree, read_response_with_h11, read_response_with_http_client
from tests.http11.reading import chunked, read

REFUSALS = (None, 400, 413, 414, 417, 421, 431, 501, 505)
# So small that a few octets more or less are on the other side.
TIGHT = Limits(request_line=24, head=90, fields=3, field_size=30, body=20)


# Requests


def fuzz_reader(data: bytes) -> None:
    """Any octets give requests or a refusal; the same in any pieces, and with nothing remembered of the last request.

    What h11 accepts as well, it reads the same.
    """
    cut, stream = data[:1], data[1:]
    size, limits = (cut[0] % 128, TIGHT if cut[0] >= 128 else DEFAULT_LIMITS) if cut else (0, DEFAULT_LIMITS)
    whole = read([stream], limits)
    assert whole.refused in REFUSALS
    whole.check()
    assert read(pieces_of(stream, size), limits) == whole
    assert read([stream], limits, forgetting=True) == whole
    if limits is DEFAULT_LIMITS:
        agree(stream)


# Chunks

Decoded = tuple[bytes, "list[FieldLine] | None", int, "int | None"]


def decode(pieces: Iterable[bytes], limits: Limits) -> Decoded:
    """Return the data, the trailers if the body has ended, how much is left, and the status of a refusal."""
    buffer, data, waiting = ReceiveBuffer(), b"", iter(pieces)
    decoder = decode_chunked(buffer, limits)
    try:
        while True:
            piece = next(decoder)
            if piece is None:
                arrived = next(waiting, None)
                if arrived is None:
                    return data, None, len(buffer), None
                buffer.append(arrived)
            else:
                data += piece
    except StopIteration as end:
        return data, list(end.value), len(buffer) + sum(map(len, waiting)), None
    except RequestRefused as refusal:
        return data, None, 0, refusal.status


def fuzz_chunks(data: bytes) -> None:
    """Any octets give data or a refusal; the same in any pieces; what was decoded can be encoded and decoded again."""
    cut, stream = data[:1], data[1:]
    size, limits = (cut[0] % 128, TIGHT if cut[0] >= 128 else DEFAULT_LIMITS) if cut else (0, DEFAULT_LIMITS)
    whole = decode([stream], limits)
    body, trailers, _, refused = whole
    assert refused in (None, 400, 413, 431)
    assert decode(pieces_of(stream, size), limits) == whole
    if trailers is not None:
        again = b"".join(map(encode_chunk, pieces_of(body, 7))) if body else b""
        assert decode([again + encode_last_chunk(trailers)], DEFAULT_LIMITS)[:2] == (body, trailers)
    if limits is DEFAULT_LIMITS:
        agree(chunked(stream))


# Responses

METHODS = ("GET", "HEAD", "POST")
VERSIONS = ("HTTP/1.1", "HTTP/1.0", "HTTP/1.2")
NAMES = ("Content-Length", "Connection", "Transfer-Encoding", "Set-Cookie", "Date", "Server", "Trailer", "X-Name")
TOKEN = "!#$%&'*+-.^_`|~09azAZ"
VALUE = TOKEN + '0123456789 \t,;:="\\()/close\xa0\xe9\xff'
# What the writer leaves out of a section, or puts there.
OURS = frozenset(
    ("content-length", "transfer-encoding", "connection", "keep-alive", "proxy-connection", "te", "trailer", "upgrade")
)


def chosen_fields(choices: Choices) -> list[FieldLine]:
    return [(_chosen_name(choices), choices.text(VALUE)) for _ in range(choices.number(5))]


def _chosen_name(choices: Choices) -> str:
    kind = choices.number(len(NAMES) * 2)
    return NAMES[kind] if kind < len(NAMES) else choices.text(TOKEN)


class Recorder:
    """As much of a connection as `BodyStream` needs: what it would send."""

    def __init__(self) -> None:
        self.octets = b""

    def write_soon(self, octets: bytes) -> None:
        self.octets += octets

    write = write_held = write_soon


def fuzz_response(data: bytes) -> None:
    """Any response is refused as the handler's mistake, or read by h11 and `http.client` as it was meant.

    Whole and piece by piece, the same octets leave.
    """
    choices = Choices(data)
    method, version = METHODS[choices.number(3)], VERSIONS[choices.number(3)]
    persistent, streamed = bool(choices.number(2)), bool(choices.number(2))
    code = (200, 204, 205, 304, 404, choices.number(256) * 4)[choices.number(6)]
    status: int = Status(code, choices.text(VALUE)) if choices.number(2) else code
    fields, trailers = chosen_fields(choices), chosen_fields(choices)
    pieces = [choices.octets() for _ in range(choices.number(4))]
    response = Response(pieces if streamed else b"".join(pieces), status, fields)
    response.trailers = (lambda: trailers) if streamed else None
    try:
        octets = serialize(response, Request(method, "/", version), persistent=persistent)
    except HandlerError:
        return

    def head(length: int | None) -> Head:
        known = length if streamed else sum(map(len, pieces))
        return encode_head(status, fields, known, method, version, persistent, trailers=streamed)

    assert sent_piece_by_piece(head, pieces, trailers if streamed else []) == octets
    ours, theirs = read_response_with_h11(octets, method), read_response_with_http_client(octets, method)
    body = b"" if method == "HEAD" or status in (204, 205, 304) else b"".join(pieces)
    assert ours.body == theirs.body == body
    assert own_fields(ours) == own_fields(theirs) == as_read(fields)
    assert ours.trailers == (as_read(trailers) if streamed and head(None)[1] is Framing.CHUNKED else [])
    # `http.client` takes every octet that Unicode calls whitespace from the ends of a reason phrase.
    assert (ours.status, ours.reason.strip(), ours.persistent) == (theirs.status, theirs.reason, theirs.persistent)


def as_read(fields: list[FieldLine]) -> list[FieldLine]:
    """Return what a client learns of the fields of an application."""
    return [(name.lower(), value.strip(" \t")) for name, value in fields if name.lower() not in OURS]


def own_fields(reading: Received) -> list[FieldLine]:
    return [line for line in reading.fields if line[0] not in OURS]


def sent_piece_by_piece(head: Callable[[int | None], Head], pieces: list[bytes], trailers: list[FieldLine]) -> bytes:
    recorder = Recorder()
    stream = BodyStream(recorder, head)  # type: ignore[arg-type]
    for piece in pieces:
        stream.write(piece)
    stream.end(trailers)
    assert stream.surplus == 0
    return recorder.octets


TARGETS: dict[str, Callable[[bytes], None]] = {
    "reader": fuzz_reader,
    "chunks": fuzz_chunks,
    "response": fuzz_response,
    "forwarded": fuzz_forwarded,
    "proxy_protocol": fuzz_proxy_protocol,
}
