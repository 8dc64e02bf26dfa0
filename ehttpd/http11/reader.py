"""Octets to requests: heads, then the data of their bodies, then the next head.

RFC 9112 §2 to §7. Never blocks: ``None`` means that more octets are needed.
"""

from __future__ import annotations

from ehttpd.errors import BadRequest, ContentTooLarge, FieldsTooLarge, URITooLong
from ehttpd.fields import Fields, combined
from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.decoding import Decoder, decode_chunked, decode_length
from ehttpd.http11.framing import CHUNKED
from ehttpd.http11.head import HeaderSection, RequestLine, parse_request_line, parse_section
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from ehttpd.messages import NO_BODY, NO_CLIENT, NO_FIELDS, Client, Request

_NO_LINE = RequestLine("", "", "", None)
_NO_SECTION = HeaderSection(NO_FIELDS, "HTTP/1.0")


class RequestReader:
    """Reads the requests of one connection.

    The clients of a persistent connection send the same header section again and again. So the last one is kept with what
    it parsed to, and compared as octets: 0.1 microseconds instead of 6. Call `forget` when a connection will rest for long.
    """

    __slots__ = ("_buffer", "_decoder", "_line", "_line_octets", "_scanned", "_section", "_section_octets", "_skipped",
                 "_version", "in_body", "limits", "trailers")  # fmt: skip

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.in_body = False  # whether the body of the last request has not ended yet
        self.trailers = NO_FIELDS
        self._buffer = ReceiveBuffer()
        self._decoder: Decoder | None = None
        self._scanned = 0
        self._skipped = False
        self.forget()

    def forget(self) -> None:
        """Let go of the last head. The next request is read afresh."""
        self._line_octets = self._section_octets = b"\n"  # which no head is
        self._line, self._section, self._version = _NO_LINE, _NO_SECTION, ""

    def receive(self, data: bytes) -> None:
        """Add what was received."""
        self._buffer.append(data)

    @property
    def pending(self) -> int:
        """How many octets were received and not read yet."""
        return len(self._buffer)

    @property
    def fresh(self) -> bool:
        """Whether nothing is kept of an earlier request."""
        return self._section is _NO_SECTION

    @property
    def section(self) -> HeaderSection:
        """What the header section of the last request says about its message."""
        return self._section

    def next_request(self, client: Client = NO_CLIENT) -> Request | None:
        """Return the next request, None if its head is not whole yet.

        To be called after the last request's body has ended. The body is not attached: ask for it with `next_data`.

        Raises:
            RequestRefused: the request breaks a rule, or is larger than the limits. Nothing more can be read.
        """
        buffer = self._buffer
        if buffer.start:
            buffer.octets, buffer.start = buffer.octets[buffer.start :], 0
        octets = buffer.octets
        end = octets.find(b"\r\n\r\n", self._scanned)
        line_end = octets.find(b"\r\n")
        if line_end == 0:
            return self._skip_empty_line(client)
        if end < 0:
            return self._wait_for_head(len(octets), line_end)
        line_octets = octets[:line_end]
        if line_octets != self._line_octets:
            self._read_line(line_octets)
        if end > self.limits.head:
            raise self._head_too_large()
        section_octets = octets[line_end + 2 : end + 2]
        if section_octets != self._section_octets or self._version != self._line.version:
            self._read_section(section_octets)
        buffer.octets = octets[end + 4 :]
        self._scanned = 0
        self._skipped = False
        line, section = self._line, self._section
        if section.body_length:
            self._begin_body(section)
        if line.authority is not None:
            return Request(line.method, line.target, line.version, self._with_host(line.authority), NO_BODY, client)
        return Request(line.method, line.target, line.version, section.fields, NO_BODY, client)

    def next_data(self) -> bytes | None:
        """Return the next piece of the body, ``b""`` at its end, None if nothing has arrived yet.

        Raises:
            RequestRefused: the chunked framing is broken, or the body too long. Nothing more can be read.
        """
        if self._decoder is None:
            return b""
        try:
            return next(self._decoder)
        except StopIteration as end:
            self._decoder = None
            self.in_body = False
            self.trailers = end.value
            return b""

    def _skip_empty_line(self, client: Client) -> Request | None:
        # RFC 9112 §2.2: ignore at least one empty line before the request line. We ignore one.
        if self._skipped:
            raise BadRequest("A request line must not follow more than one empty line.")
        self._skipped = True
        self._scanned = 0
        self._buffer.take(2)
        return self.next_request(client)

    def _wait_for_head(self, received: int, line_end: int) -> None:
        """Refuse early what can no longer become a request: no client should wait for a time-out to learn that."""
        octets = self._buffer.octets
        limit = self.limits.request_line
        if line_end > 0:
            if self._scanned <= line_end:
                self._read_line(octets[:line_end])
            if received > self.limits.head + 3:
                raise self._head_too_large()
        elif received > limit + 1:
            self._read_line(octets[: limit + 1])
        if octets and octets[0] < 0x21 and octets != b"\r":
            raise BadRequest(f"A request must begin with its method. Found {octets[:20]!r}.")
        self._scanned = max(0, received - 3)

    def _head_too_large(self) -> FieldsTooLarge:
        return FieldsTooLarge(f"The head of a request may have {self.limits.head} octets.")

    def _read_line(self, octets: bytes) -> None:
        if len(octets) > self.limits.request_line:
            raise URITooLong(f"A request line may have {self.limits.request_line} octets.")
        self._line = parse_request_line(octets)
        self._line_octets = octets

    def _read_section(self, octets: bytes) -> None:
        version = self._line.version
        section = HeaderSection(parse_section(octets, self.limits), version)
        if 0 < self.limits.body < section.body_length:
            raise ContentTooLarge(f"A body may have {self.limits.body} octets. Content-Length is {section.body_length}.")
        self._section, self._section_octets, self._version = section, octets, version

    def _begin_body(self, section: HeaderSection) -> None:
        self.trailers = NO_FIELDS
        self.in_body = True
        if section.body_length == CHUNKED:
            self._decoder = decode_chunked(self._buffer, self.limits)
        else:
            self._decoder = decode_length(self._buffer, section.body_length)

    def _with_host(self, authority: str) -> Fields:
        # RFC 9112 §3.2.2: the authority of an absolute-form target replaces what the Host field says.
        lines = [("Host", authority), *(line for line in self._section.fields if line[0].lower() != "host")]
        return Fields(lines, combined(lines))
