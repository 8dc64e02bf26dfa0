"""Octets of a server -> answers, by the letter of RFC 9112: what a client could misread is malformed.

Told independently of ehttpd.http11, which is under test. Knows no socket.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

# RFC 9112 §4:  status-line = HTTP-version SP status-code SP [ reason-phrase ]
STATUS_LINE = re.compile(rb"(HTTP/1\.[01]) ([1-5][0-9]{2}) [\t\x20-\x7E\x80-\xFF]*")
# RFC 9112 §5:  field-line = field-name ":" OWS field-value OWS
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\t\x20-\x7E\x80-\xFF]*)")
CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,16})(;[^\r\n]*)?")
REPORT = b'{"method"'


class Malformed(Exception):
    """The server sent what is no answer of HTTP/1.1."""


@dataclass
class Answer:
    """``whole``: it ended as its framing said. ``seen``: what reached the application, where it reports that."""

    version: str
    status: int
    fields: list[tuple[str, str]]
    framing: str = "none"
    body: bytes = b""
    whole: bool = True
    seen: dict[str, Any] | None = field(default=None, repr=False)

    def values(self, name: str) -> list[str]:
        return [value for each, value in self.fields if each == name]

    @property
    def options(self) -> set[str]:
        """The connection options, in lower case."""
        return {option.strip().lower() for value in self.values("connection") for option in value.split(",")}

    def __str__(self) -> str:
        if self.seen is None:
            return f"{self.status}{'' if self.whole else ' cut short'}"
        body = f" with body {self.seen['body'][:30]!r}" if self.seen["body"] else ""
        return f"{self.status} from the application for {self.seen['method'][:20]} {self.seen['path'][:40]!r}{body}"


def parse_answer(octets: bytes, method: str, ended: bool) -> tuple[Answer, int] | None:
    """Return the first answer in ``octets`` and its length; None while it is not complete.

    ``ended``: nothing will follow. Raises Malformed.
    """
    end = octets.find(b"\r\n\r\n")
    if end < 0:
        if octets and (ended or not octets.startswith(b"HTTP/1."[: len(octets)])):
            raise Malformed(f"what came is no answer: {octets[:40]!r}")
        return None
    answer = parse_head(octets[:end])
    length = parse_body(answer, octets[end + 4 :], method, ended)
    if not answer.whole and not ended:
        return None
    if answer.status == 200 and answer.whole and answer.body.startswith(REPORT):
        answer.seen = json.loads(answer.body)
    return answer, end + 4 + length


def parse_head(octets: bytes) -> Answer:
    first, *rest = octets.split(b"\r\n")
    status = STATUS_LINE.fullmatch(first)
    if not status:
        raise Malformed(f"a status line that is none: {first[:40]!r}")
    answer = Answer(status[1].decode(), int(status[2]), [])
    for line in rest:
        found = FIELD_LINE.fullmatch(line)
        if not found:
            raise Malformed(f"a field line that is none: {line[:40]!r}")
        answer.fields.append((found[1].decode().lower(), found[2].decode("latin-1").strip(" \t")))
    return answer


def parse_body(answer: Answer, octets: bytes, method: str, ended: bool) -> int:
    """Fill in the body, by RFC 9112 §6.3; return how many octets it takes."""
    lengths = answer.values("content-length")
    codings = answer.values("transfer-encoding")
    if lengths and codings:
        raise Malformed("an answer with both Content-Length and Transfer-Encoding")
    if len(lengths) > 1 or (lengths and not re.fullmatch("[0-9]+", lengths[0])):
        raise Malformed(f"an answer with Content-Length {lengths}")
    if method == "HEAD" or answer.status < 200 or answer.status in (204, 304):
        return 0
    if codings:
        answer.framing = "chunked"
        return parse_chunks(answer, octets)
    if lengths:
        answer.framing = "length"
        answer.body = octets[: int(lengths[0])]
        answer.whole = len(answer.body) == int(lengths[0])
        return len(answer.body)
    answer.framing, answer.body, answer.whole = "close", octets, ended
    return len(octets)


def parse_chunks(answer: Answer, octets: bytes) -> int:
    answer.whole = False
    position = 0
    while (end := octets.find(b"\r\n", position)) >= 0:
        head = CHUNK_SIZE.fullmatch(octets[position:end])
        if not head:
            raise Malformed(f"a chunk that begins with {octets[position : position + 20]!r}")
        size = int(head[1], 16)
        if size == 0:
            stop = octets.find(b"\r\n\r\n", end)
            answer.whole = stop >= 0
            return stop + 4 if answer.whole else len(octets)
        answer.body += octets[end + 2 : end + 2 + size]
        position = end + 2 + size + 2
        if len(octets) >= position and octets[position - 2 : position] != b"\r\n":
            raise Malformed("the data of a chunk that do not end with CRLF")
    return len(octets)
