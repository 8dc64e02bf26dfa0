"""What we accept, h11 accepts with the same meaning; what we write, h11 and `http.client` read with the same meaning.

Where we differ, it is on purpose, and a table says why.
"""

from __future__ import annotations

import http.client
import io
from typing import cast

import h11
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.http11.serialize import serialize
from ehttpd.messages import REASONS, Request, Response
from tests.http11.reading import Message, read
from tests.http11.streams import damaged_streams, modest
from tests.http11.test_corpus import CORPUS, load

# What we accept and h11 refuses.
ONLY_OURS = {
    "RFC 9112 §2.2 asks a server to ignore an empty line before a request": [
        "empty-line-before-request-line", "empty-line-after-body",
    ],
    "RFC 9112 §7.1.1 has optional whitespace before the semicolon": ["chunk-extension-behind-whitespace"],
}  # fmt: skip
# What we refuse and h11 accepts: most of it because a server or proxy beside us may read it otherwise.
ONLY_THEIRS = {
    "h11 leaves the request target and the method to its caller": [
        "absolute-form-of-another-scheme", "absolute-form-with-empty-host", "absolute-form-with-port-only",
        "absolute-form-with-user-information", "asterisk-form-with-get", "authority-form-with-get", "connect",
        "target-with-fragment", "target-without-slash",
    ],
    "h11 leaves the version to its caller": ["version-0.9"],
    "h11 leaves the expectation to its caller": ["expectation-unknown"],
    "h11 does not look into Host": [
        "host-beyond-ascii", "host-ipv6-broken", "host-ipv6-without-brackets", "host-list", "host-with-path",
        "host-with-port-in-letters", "host-with-user-information",
    ],
    "h11 takes LF for the end of a line": ["field-value-with-bare-lf", "request-line-bare-lf", "trailer-bare-lf"],
    "h11 unfolds folded lines": ["field-folded", "field-folded-with-tab", "trailer-folded"],
    "h11 allows control characters in values": ["field-value-with-delete", "field-value-with-escape"],
    "h11 lets Transfer-Encoding win over Content-Length, and takes it in HTTP/1.0": [
        "content-length-and-transfer-encoding", "transfer-encoding-and-content-length", "transfer-encoding-http-1.0",
        "transfer-encoding-http-1.0-after-http-1.1",
    ],
    "h11 takes one length given more than once": ["content-length-list", "content-length-twice-the-same"],
    "h11 does not look into chunk extensions": [
        "chunk-extension-unclosed-quote", "chunk-extension-with-bare-cr", "chunk-extension-without-name",
        "chunk-size-with-trailing-space",
    ],
    "h11 takes chunk sizes of up to twenty digits": ["chunk-size-of-seventeen-digits"],
    "h11 does not look into trailers": ["trailer-framing", "trailer-host"],
    "h11 closes after a request of HTTP/1.0, so the second is not read": ["host-missing-after-http-1.0"],
}  # fmt: skip


def listed(differences: dict[str, list[str]]) -> list[str]:
    return sorted(name for names in differences.values() for name in names)


def named(folder: str) -> dict[str, bytes]:
    return {path.stem: load(path).stream for path in sorted((CORPUS / folder).glob("*.http"))}


def read_with_h11(stream: bytes) -> tuple[list[Message], bool]:
    """Read requests with h11 as long as it keeps the connection; tell also whether it refused one."""
    connection = h11.Connection(h11.SERVER)
    messages: list[Message] = []
    try:
        connection.receive_data(stream)
        while _read_message(connection, messages):
            connection.send(h11.Response(status_code=400, headers=[("Content-Length", "0")]))
            connection.send(h11.EndOfMessage())
            if connection.our_state is not h11.DONE:
                break
            connection.start_next_cycle()
    except h11.RemoteProtocolError:
        return messages, True
    return messages, False


def _read_message(connection: h11.Connection, messages: list[Message]) -> bool:
    """Read one request, tell whether it has ended."""
    while True:
        event = connection.next_event()
        if isinstance(event, h11.Request):
            messages.append(_message(event, connection))
        elif isinstance(event, h11.Data):
            messages[-1].data += bytes(event.data)
        elif isinstance(event, h11.EndOfMessage):
            messages[-1].trailers = _fields(event.headers)
            messages[-1].ended = True
            return True
        else:
            return False


def _message(event: h11.Request, connection: h11.Connection) -> Message:
    version = "HTTP/" + event.http_version.decode()
    return Message(event.method.decode(), event.target.decode(), version, _fields(event.headers),
                   connection.our_state is not h11.MUST_CLOSE,
                   connection.they_are_waiting_for_100_continue)  # fmt: skip


def _fields(headers: object) -> list[tuple[str, str]]:
    return [(name.decode(), value.decode("latin-1")) for name, value in cast("list[tuple[bytes, bytes]]", headers)]


def comparable(message: Message) -> Message:
    """Return what both must agree on: names in lower case, and no Host where the target has the authority."""
    absolute = not message.target.startswith(("/", "*"))
    fields = [(name.lower(), value) for name, value in message.fields if not absolute or name.lower() != "host"]
    # h11 gives the coding in lower case, too.
    message.fields = [(name, value.lower() if name == "transfer-encoding" else value) for name, value in fields]
    message.trailers = [(name.lower(), value) for name, value in message.trailers]
    # HTTP/1.0 with keep-alive is closed by h11 after one exchange; the RFC lets us go on (§9.3).
    message.persistent = message.persistent and message.version != "HTTP/1.0"
    return message


def agree(stream: bytes) -> bool:
    """Compare both readings, as far as both keep the connection; tell whether h11 refused what we accepted."""
    ours, (theirs, refused) = read([stream]), read_with_h11(stream)
    for our_message, their_message in zip(ours.messages, theirs, strict=False):
        if not (our_message.ended and their_message.ended):
            break
        assert comparable(their_message) == comparable(our_message)
    return refused and ours.refused is None


def accepted_by_h11(stream: bytes) -> bool:
    messages, refused = read_with_h11(stream)
    return not refused and bool(messages) and messages[-1].ended


def test_what_we_accept_means_the_same_to_h11_but_for_the_listed() -> None:
    assert sorted(name for name, stream in named("accepted").items() if agree(stream)) == listed(ONLY_OURS)


def test_what_only_h11_accepts_is_listed() -> None:
    assert sorted(name for name, stream in named("refused").items() if accepted_by_h11(stream)) == listed(ONLY_THEIRS)


@modest
@given(damaged_streams)
def test_damaged_streams_mean_the_same_to_h11_as_far_as_both_accept_them(stream: bytes) -> None:
    agree(stream)


Written = tuple[int, str, dict[str, str], bytes, bool]


def read_response_with_h11(octets: bytes, method: str) -> Written:
    """Return status, reason phrase, fields, body, and whether the connection persists."""
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(octets)
    response = connection.next_event()
    assert isinstance(response, h11.Response)
    persistent = connection.their_state is h11.SEND_BODY and connection.our_state is not h11.MUST_CLOSE
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(b"")
        else:
            assert isinstance(event, h11.Data)
            body += bytes(event.data)
    return response.status_code, response.reason.decode("latin-1"), dict(_fields(response.headers)), body, persistent


class Received:
    """As much of a socket as `http.client` needs to read a response."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, mode: str) -> io.BytesIO:
        return io.BytesIO(self._octets)


def read_response_with_http_client(octets: bytes, method: str) -> Written:
    response = http.client.HTTPResponse(Received(octets), method=method)  # type: ignore[arg-type]
    response.begin()
    persistent = not response.will_close
    body = response.read()
    fields = {name.lower(): value.strip() for name, value in response.getheaders()}
    response.close()
    return response.status, response.reason, fields, body, persistent


visible = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E) | st.sampled_from("\xe9\xff"), max_size=12)
response_fields = st.dictionaries(st.sampled_from(["X-Name", "Content-Type", "Server", "ETag", "Set-Cookie"]), visible)
response_bodies = st.one_of(st.binary(max_size=40), st.lists(st.binary(max_size=20), max_size=4))


@modest
@given(
    st.sampled_from([code for code in REASONS if code >= 200]),
    response_fields,
    response_bodies,
    st.sampled_from(["GET", "HEAD", "POST"]),
    st.sampled_from(["HTTP/1.1", "HTTP/1.0"]),
    st.booleans(),
)
def test_what_we_write_means_the_same_to_h11_and_to_http_client(
    status: int, fields: dict[str, str], body: bytes | list[bytes], method: str, version: str, persistent: bool
) -> None:
    octets = serialize(Response(body, status, fields), Request(method, "/", version), persistent=persistent)
    without_body = method == "HEAD" or status in (204, 205, 304)
    data = b"" if without_body else b"".join([body] if isinstance(body, bytes) else body)
    ends_by_closing = version == "HTTP/1.0" and isinstance(body, list) and not without_body
    for reading in (read_response_with_h11(octets, method), read_response_with_http_client(octets, method)):
        code, reason, found, content, persists = reading
        assert (code, reason, content) == (status, REASONS[status], data)
        assert {name: found[name.lower()] for name in fields} == fields
        assert persists == (persistent and not ends_by_closing)
