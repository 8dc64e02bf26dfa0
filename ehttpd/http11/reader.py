"""Octets to requests: heads, then the data of their bodies, then the next head.

RFC 9112 §2 to §7. Never blocks: ``None`` means that more octets are needed.
"""

from __future__ import annotations

from ehttpd.errors import (
    BadRequest,
    FieldsTooLarge,
    MisdirectedRequest,
    NotImplementedHere,
    RequestRefused,
    URITooLong,
)
from ehttpd.fields import Fields
from ehttpd.http11.buffer import ReceiveBuffer
from ehttpd.http11.decoding import Decoder, decode_chunked, decode_length
from ehttpd.http11.framing import CHUNKED
from ehttpd.http11.head import HeaderSection, RequestLine, Sections, parse_request_line
from ehttpd.http11.limits import DEFAULT_LIMITS, Limits
from ehttpd.http11.variation import SectionTemplate, learn
from ehttpd.messages import NO_BODY, NO_CLIENT, NO_FIELDS, Client, Request

_NO_LINE = RequestLine("", "", "", None)
_NO_SECTION = HeaderSection(NO_FIELDS, "HTTP/1.0")
_sections = Sections()
# How often a connection's sections are compared with each other. Those of a proxy, for many clients, have little in
# common.
MOST_LESSONS = 8


class RequestReader:
    """Reads the requests of one connection.

    The clients of a persistent connection send the same header section again and again. So the last one is kept with
    what it parsed to, and compared as octets: 0.1 microseconds instead of 6. So is a whole head, for those who ask for
    the same thing again. Call `forget` when a connection will rest for long.
    """

    __slots__ = (
        "_buffer",
        "_decoder",
        "_head_octets",
        "_lessons",
        "_line_octets",
        "_scanned",
        "_section_octets",
        "_skipped",
        "_template",
        "_version",
        "in_body",
        "limits",
        "line",
        "section",
        "trailers",
        "unread",
    )  # fmt: skip

    def __init__(self, limits: Limits = DEFAULT_LIMITS) -> None:
        self.limits = limits
        self.trailers = NO_FIELDS  # of the last request whose body has ended
        self.in_body = False  # the body of the last request has not ended yet
        self.unread = b""  # received and not read yet; inside a body, the buffer has it
        self._buffer: ReceiveBuffer | None = None  # the same, inside of one
        self._decoder: Decoder | None = None
        self._scanned = 0
        self._skipped = False
        self.forget()

    def forget(self) -> None:
        """Let go of the last head. The next request is read afresh."""
        self._head_octets: bytes | None = None  # a head of this line and this section, with no body behind it
        self._line_octets = b"\r\n"  # which no line is
        self._section_octets = b"\0\r\n\r\n"  # which is no section, but would end one: so it is parsed, and refused
        self.line, self._version = _NO_LINE, ""  # the last request line
        self._template: SectionTemplate | None = None  # for sections that vary from the last
        self._lessons = 0
        self.section = _NO_SECTION  # what the last header section says about its message

    @property
    def fresh(self) -> bool:
        """Whether nothing is kept of an earlier request."""
        return self.section is _NO_SECTION

    @property
    def pending(self) -> int:
        """How many octets were received and not read yet."""
        return len(self.unread) if self._buffer is None else len(self._buffer)

    def receive(self, data: bytes) -> None:
        """Add what was received."""
        if self._buffer is not None:
            self._buffer.append(data)
        elif self.unread:
            self.unread += data
        else:
            self.unread = data

    def next_request(self, client: Client = NO_CLIENT, data: bytes = b"") -> Request | None:
        """Return the next request, None if its head is not whole yet. ``data`` is received first, to save a call.

        To be called after the last request's body has ended. The body is not attached: ask for it with `next_data`.

        Raises:
            RequestRefused: the request breaks a rule, or is larger than the limits. Nothing more can be read.
        """
        octets = self.unread + data if self.unread else data
        if octets == self._head_octets:
            self.unread, self._scanned, self._skipped = b"", 0, False
            line = self.line
            return Request(line.method, line.target, line.version, self.section.fields, NO_BODY, client)
        line_end = octets.find(b"\r\n")
        if line_end <= 0:
            return self._read_head(client, octets, line_end)
        if octets.startswith(self._section_octets, line_end + 2):
            fields, end = self.section.fields, line_end + 2 + len(self._section_octets)
        else:
            found = self._template and self._template.match(octets, line_end + 2, self.limits.field_size)
            if not found:
                return self._read_head(client, octets, line_end)
            fields, end = found
        line_octets = octets[:line_end]
        if line_octets != self._line_octets:
            self.unread = octets
            self._read_line(line_octets)
            if self.line.version != self._version:
                return self._read_head(client, octets, line_end)
        if end > self.limits.head:
            self.unread = octets
            raise self._head_too_large(octets, line_end)
        section = self.section
        if end == len(octets) and fields is section.fields and not section.body_length and self.line.authority is None:
            self._head_octets = octets
        return self._begin_message(client, octets, end, fields)

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
            assert self._buffer is not None
            self.unread, self._buffer = self._buffer.take(len(self._buffer)), None
            self._decoder = None
            self.in_body = False
            self.trailers = end.value
            return b""

    def release_body(self) -> bytes:
        """Leave the rest of a body with a Content-Length to be received by the caller; return what has arrived of it.

        Its octets need no decoding. The next request is what comes after them.
        """
        assert self._buffer is not None
        data = self._buffer.take(self.section.body_length)
        self.unread, self._buffer = self._buffer.take(len(self._buffer)), None
        self._decoder = None
        self.in_body = False
        return data

    def _read_head(self, client: Client, octets: bytes, line_end: int) -> Request | None:
        """Read a head whose header section is not that of the request before."""
        self.unread = octets
        if line_end == 0:
            return self._skip_empty_line(client)
        # The line's own end may begin the empty line: then there are no fields.
        end = octets.find(b"\r\n\r\n", max(line_end, self._scanned)) if line_end > 0 else -1
        if end < 0:
            self._wait_for_head(octets, line_end)
            return None
        line_octets = octets[:line_end]
        if line_octets != self._line_octets:
            self._read_line(line_octets)
        if end + 4 > self.limits.head:
            raise self._head_too_large(octets, line_end)
        try:
            self._read_section(octets[line_end + 2 : end + 4])
        except FieldsTooLarge:
            self._check_line_ends(octets[: end + 4], line_end)  # the status must be the same however it arrives
            raise
        return self._begin_message(client, octets, end + 4, self.section.fields)

    def _begin_message(self, client: Client, octets: bytes, end: int, fields: Fields) -> Request:
        self.unread = octets[end:]
        if self._scanned or self._skipped:
            self._scanned, self._skipped = 0, False
        line, section = self.line, self.section
        if line.authority is not None:
            if line.target[4] in "sS" and not client.secured:
                self.unread = octets
                raise MisdirectedRequest("A request for an https URI must come by a connection that is secured.")
            fields = _with_host(line.authority, fields)
        if section.body_length:
            self._begin_body(section)
        return Request(line.method, line.target, line.version, fields, NO_BODY, client)

    def _skip_empty_line(self, client: Client) -> Request | None:
        # RFC 9112 §2.2: ignore at least one empty line before the request line. We ignore one.
        if self._skipped:
            raise BadRequest("A request line must not follow more than one empty line.")
        self._skipped = True
        self._scanned = 0
        self.unread = self.unread[2:]
        return self.next_request(client)

    def _wait_for_head(self, octets: bytes, line_end: int) -> None:
        """Refuse early what can no longer become a request: no client should wait for a time-out to learn that."""
        # Nothing of it is kept yet: a kept line and a kept section are of one request, or of one version at least.
        received = len(octets)
        limit = self.limits.request_line
        if line_end > 0:
            if self._scanned <= line_end:
                self._parse_line(octets[:line_end])
            self._check_line_ends(octets, max(line_end, self._scanned))
            if received > self.limits.head:
                raise self._head_too_large(octets, line_end)
        elif received and (
            received > limit + 1 or has_lone(octets, 0, received) or (octets[0] < 0x21 and octets != b"\r")
        ):
            self._parse_line(octets[: limit + 1])
        self._scanned = max(0, received - 3)

    def _check_line_ends(self, octets: bytes, start: int) -> None:
        """Refuse a header section with a CR or LF that ends no line: what a client takes for the end of its head may be
        none to us, who would wait for it.
        """
        if has_lone(octets, start, min(self.limits.head, len(octets))):
            raise BadRequest("A line of a header section must end with CR and LF, and have neither besides.")

    def _head_too_large(self, octets: bytes, line_end: int) -> FieldsTooLarge:
        self._check_line_ends(octets, line_end)
        return FieldsTooLarge(f"The head of a request may have {self.limits.head} octets.")

    def _parse_line(self, octets: bytes) -> RequestLine:
        # Judged first: it may be all that has arrived, and the status must be the same whatever follows.
        if octets[0] < 0x21:
            raise BadRequest(f"A request must begin with its method. Found {octets[:20]!r}.")
        limit = self.limits.request_line
        if len(octets) > limit:
            _check_line(octets[: limit + 1])
            if b" " not in octets[:limit]:  # RFC 9112 §3 has a status of its own for that
                raise NotImplementedHere(f"No method has {limit} octets, which is what a request line may have.")
            raise URITooLong(f"A request line may have {limit} octets.")
        try:
            return parse_request_line(octets)
        except RequestRefused:
            _check_line(octets)
            raise

    def _read_line(self, octets: bytes) -> None:
        self.line, self._line_octets, self._head_octets = self._parse_line(octets), octets, None

    def _read_section(self, octets: bytes) -> None:
        """Read a header section: its lines and the empty line after them."""
        version = self.line.version
        section = _sections.parse(octets, version, self.limits)
        self._learn(octets, section.fields)
        self.section, self._section_octets, self._version, self._head_octets = section, octets, version, None

    def _learn(self, octets: bytes, fields: Fields) -> None:
        """Compare a new header section with the last one, so that the next is easier to read."""
        if self.fresh or self._lessons >= MOST_LESSONS:
            self._template = None
            return
        self._lessons += 1
        varied = self._template.varying if self._template is not None else frozenset()
        self._template = learn(self._section_octets, octets, fields, varied)

    def _begin_body(self, section: HeaderSection) -> None:
        self.trailers = NO_FIELDS
        self.in_body = True
        buffer = self._buffer = ReceiveBuffer()
        buffer.append(self.unread)
        self.unread = b""
        if section.body_length == CHUNKED:
            self._decoder = decode_chunked(buffer, self.limits)
        else:
            self._decoder = decode_length(buffer, section.body_length)


def _check_line(octets: bytes) -> None:
    """Refuse a request line with a CR or LF in it, before anything else that is wrong with it is told."""
    if b"\n" in octets or b"\r" in octets:
        raise BadRequest("A request line must end with CR and LF, and have neither besides.")


def has_lone(octets: bytes, start: int, end: int) -> bool:
    """Tell whether there is a CR or an LF without the other (RFC 9112 §2.2). The last octet may be half of a pair whose
    other half has not come; so may the first, whose other half is before it.
    """
    start += octets.startswith(b"\n", start, end)
    end -= octets.endswith(b"\r", start, end)
    pairs = octets.count(b"\r\n", start, end)
    return octets.count(b"\n", start, end) > pairs or octets.count(b"\r", start, end) > pairs


def _with_host(authority: str, fields: Fields) -> Fields:
    # RFC 9112 §3.2.2: the authority of an absolute-form target replaces what the Host field says.
    return Fields([("Host", authority), *(line for line in fields if line[0].lower() != "host")])
