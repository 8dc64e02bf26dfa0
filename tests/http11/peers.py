"""What h11 and `http.client` read in the octets that we read and write, in a form that can be compared with ours."""

from __future__ import annotations

import http.client
import io
from typing import NamedTuple, cast

import h11

from ehttpd.fields import FieldLine
from tests.http11.reading import Message, read

# Requests


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
            messages[-1].persistent = connection.their_state is not h11.MUST_CLOSE
            messages[-1].ended = True
            return True
        else:
            return False


def _message(event: h11.Request, connection: h11.Connection) -> Message:
    version = "HTTP/" + event.http_version.decode()
    return Message(event.method.decode(), event.target.decode(), version, _fields(event.headers),
                   True, connection.they_are_waiting_for_100_continue)  # fmt: skip


def _fields(headers: object) -> list[FieldLine]:
    return [(name.decode(), value.decode("latin-1")) for name, value in cast("list[tuple[bytes, bytes]]", headers)]


def comparable(message: Message) -> Message:
    """Return what both must agree on: names in lower case, and no Host where the target has the authority."""
    absolute = not message.target.startswith(("/", "*"))
    fields = [(name.lower(), value) for name, value in message.fields if not absolute or name.lower() != "host"]
    # h11 gives the coding in lower case, too.
    message.fields = [(name, value.lower() if name == "transfer-encoding" else value) for name, value in fields]
    message.values = {}
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


# Responses


class Received(NamedTuple):
    """A response as it was read. `http.client` gives no trailers, and of interim responses none but 100."""

    status: int
    reason: str
    fields: list[FieldLine]
    body: bytes
    persistent: bool
    trailers: list[FieldLine]
    interim: list[tuple[int, list[FieldLine]]]


def read_response_with_h11(octets: bytes, method: str) -> Received:
    connection = h11.Connection(h11.CLIENT)
    connection.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    connection.send(h11.EndOfMessage())
    connection.receive_data(octets)
    interim = []
    while isinstance(head := connection.next_event(), h11.InformationalResponse):
        interim.append((head.status_code, _fields(head.headers)))
    assert isinstance(head, h11.Response), head
    persistent = connection.their_state is h11.SEND_BODY and connection.our_state is not h11.MUST_CLOSE
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            connection.receive_data(b"")
        else:
            assert isinstance(event, h11.Data)
            body += bytes(event.data)
    assert connection.trailing_data[0] == b""
    reason = head.reason.decode("latin-1")
    return Received(head.status_code, reason, _fields(head.headers), body, persistent, _fields(event.headers), interim)


class Socket:
    """As much of a socket as `http.client` needs to read a response."""

    def __init__(self, octets: bytes) -> None:
        self.file = io.BytesIO(octets)

    def makefile(self, mode: str) -> io.BytesIO:
        return self.file


def read_response_with_http_client(octets: bytes, method: str) -> Received:
    socket = Socket(octets)
    response = http.client.HTTPResponse(socket, method=method)  # type: ignore[arg-type]
    response.begin()
    persistent = not response.will_close
    body = response.read()
    fields = [(name.lower(), value.strip(" \t")) for name, value in response.getheaders()]
    response.close()
    return Received(response.status, response.reason, fields, body, persistent, [], [])
