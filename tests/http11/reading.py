"""Reads a stream of requests in any pieces, and says what it amounts to.

What does not depend on how the octets arrived: two readings of the same stream must be equal.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from ehttpd.errors import RequestRefused
from ehttpd.fields import FieldLine
from ehttpd.http11 import grammar
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from ehttpd.http11.reader import RequestReader


@dataclass
class Message:
    """One request, as far as it has been read."""

    method: str
    target: str
    version: str
    fields: list[FieldLine]
    persistent: bool
    expects_continue: bool
    values: dict[str, str] = field(default_factory=dict)
    data: bytes = b""
    trailers: list[FieldLine] = field(default_factory=list)
    ended: bool = False


@dataclass
class Reading:
    """What was read: requests, and the status of the refusal that ended it, if one did.

    The sentence of the answer is not compared: it shows as much of the octets as had arrived.
    """

    messages: list[Message] = field(default_factory=list)
    refused: int | None = None
    answer: str = field(default="", compare=False)
    left: int = 0  # octets that were received and not read

    def check(self) -> None:
        """Fail if a request was read that nobody may send, whatever the octets were."""
        for message in self.messages:
            assert grammar.METHOD.fullmatch(message.method), message
            assert message.target and not message.target.encode().translate(None, grammar.TARGET_OCTETS), message
            assert message.version.startswith("HTTP/1."), message
            assert message.version == "HTTP/1.0" or "host" in message.values, message
            assert all(grammar.TOKEN.fullmatch(name) for name, _ in message.fields + message.trailers), message
            assert all(grammar.FIELD_VALUE.fullmatch(value) for _, value in message.fields + message.trailers), message

    @property
    def complete(self) -> bool:
        """Whether nothing is missing and nothing is left over."""
        return self.refused is None and self.left == 0 and all(message.ended for message in self.messages)


def read(pieces: Iterable[bytes], limits: Limits = DEFAULT_LIMITS, *, forgetting: bool = False) -> Reading:
    """Read requests until the pieces run out or one is refused; with nothing remembered of the last, if wanted."""
    reader, reading = RequestReader(limits), Reading()
    try:
        for piece in pieces:
            reader.receive(piece)
            _read_on(reader, reading.messages, forgetting)
        reading.left = reader.pending
    except RequestRefused as refusal:
        reading.refused, reading.answer = refusal.status, str(refusal)
    return reading


def _read_on(reader: RequestReader, messages: list[Message], forgetting: bool) -> None:
    while _read_body(reader, messages):
        if forgetting:
            reader.forget()
        request = reader.next_request()
        if request is None:
            return
        section = reader.section
        try:
            fields = list(request.headers)
        except RequestRefused as late:
            raise AssertionError("Nothing may be refused once there is a request.") from late
        message = Message(request.method, request.target, request.version, fields,
                          section.persistent, section.expects_continue, dict(request.headers.values),
                          ended=not reader.in_body)  # fmt: skip
        messages.append(message)


def _read_body(reader: RequestReader, messages: list[Message]) -> bool:
    """Read what has arrived of the last request's body; tell whether it has ended."""
    if not messages or messages[-1].ended:
        return True
    message = messages[-1]
    while data := reader.next_data():
        message.data += data
    message.ended = data is not None
    if message.ended:
        message.trailers = list(reader.trailers)
    return message.ended


def octet_by_octet(stream: bytes) -> list[bytes]:
    return [stream[at : at + 1] for at in range(len(stream))]


def split_at(stream: bytes, marks: Sequence[int]) -> list[bytes]:
    """Cut a stream at each mark."""
    ends = sorted({mark for mark in marks if 0 < mark < len(stream)})
    return [stream[start:end] for start, end in zip([0, *ends], [*ends, len(stream)], strict=True)]


def request(*fields: str, line: str = "GET / HTTP/1.1", host: str = "Host: a", body: bytes = b"") -> bytes:
    """Write a request: its line, a Host field, fields, the empty line, and a body."""
    head = "".join(f"{each}\r\n" for each in (line, host, *fields) if each)
    return head.encode("latin-1") + b"\r\n" + body


def chunked(body: bytes, *fields: str) -> bytes:
    """Write a request whose body is sent in chunks."""
    return request("Transfer-Encoding: chunked", *fields, line="POST / HTTP/1.1", body=body)
