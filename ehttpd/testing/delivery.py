"""Responses that go wrong: a script of octets, pauses and an ending, sent in the place of a response.

Runs on the thread that serves the connection.
"""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterable, Iterator
from threading import Event

from ehttpd.errors import ConnectionLost, HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11.framing import Framing
from ehttpd.messages import FileBody, Request, Response, close_body
from ehttpd.server.poller import WRITE
from ehttpd.server.stream import BodyStream
from ehttpd.testing.connection import ObservedConnection
from ehttpd.testing.faults import Ending, Fault, Script, Transmission
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import IO, Any

PATIENCE = 30.0  # Seconds. A client that takes nothing for so long gets no more of a response that goes wrong.
# How much may be unsent for there to be room: a number that not every system has.
UNSENT_BOUND: int | None = getattr(socket, "TCP_NOTSENT_LOWAT", None)


class WireStream(BodyStream):
    """Sends octets as they are: head and framing are among them."""

    def __init__(self, connection: ObservedConnection) -> None:
        super().__init__(connection, lambda length: (b"", Framing.CLOSE, 0, True))
        self.connection = connection
        self.persistent = True

    def write(self, data: bytes) -> None:
        self.started = True
        self.connection.write(data)

    def end(self, trailers: Iterable[FieldLine]) -> bool:
        self.started = True
        return self.persistent


def pause(seconds: float, ending: Event) -> None:
    """Wait. Raises ConnectionLost if the server stops meanwhile: then there is nothing more to be said."""
    if ending.wait(seconds):
        raise ConnectionLost("the server stops")


def break_response(request: Request, response: Response, fault: Fault, ending: Event) -> Response:
    """Return a response that goes wrong as ``fault`` says. Raises HandlerError if the response has begun already."""
    connection = request.client.connection
    assert isinstance(connection, ObservedConnection)
    if connection.stream is not None:
        raise HandlerError(f"{fault} comes too late: the application has begun its response through write().")
    if fault.at == "between-requests":
        connection.armed = fault
        return response
    data = whole_body(response.body, fault.needed)
    streams = data is not response.body and "content-length" not in response.headers
    persistent = connection.reader.section.persistent
    transmission = Transmission(request, response, data, streams=streams, persistent=persistent)
    stream = WireStream(connection)
    stream.persistent = persistent
    connection.stream = stream
    return Response.stream(played(fault.script(transmission), stream, ending), response.status)


def whole_body(body: bytes | IO[bytes] | Iterable[bytes], most: int | None = None) -> bytes:
    """Return the body of a response as octets; at least ``most`` of them will do, since some bodies never end."""
    if isinstance(body, bytes):
        return body
    pieces: Any = FileBody(body) if hasattr(body, "read") and type(body) is not FileBody else body
    try:
        return b"".join(pieces) if most is None else at_least(most, pieces)
    finally:
        close_body(body)


def at_least(size: int, pieces: Iterable[bytes]) -> bytes:
    """Return the first pieces, so many that they have ``size`` octets if there are."""
    data = b""
    for piece in pieces if size else ():
        data += piece
        if len(data) >= size:
            break
    return data


def played(script: Script, stream: WireStream, ending: Event) -> Iterator[bytes]:
    """Yield the octets of a script, at their time; end as it says."""
    for step in script:
        if isinstance(step, bytes):
            if step:
                yield step
        elif isinstance(step, float):
            pause(step, ending)
        elif step is Ending.STALL:
            take_away(stream.connection)
            stream.connection.stall()
        elif step is Ending.CLOSE:
            stream.persistent = False
        else:
            take_away(stream.connection)
            leave_kernel(stream.connection)
            stream.connection.abort()
            raise ConnectionLost("reset on purpose")


def take_away(connection: ObservedConnection) -> None:
    """Wait until the client has taken all that was sent. Raises ConnectionLost."""
    deadline = time.monotonic() + PATIENCE
    while connection.output is not None:
        if not connection.wait_until(WRITE, deadline - time.monotonic()):
            raise ConnectionLost("the client was silent for too long")
        connection.flush()


def leave_kernel(connection: ObservedConnection) -> None:
    """Wait until the kernel has sent what it has: a reset would throw it away."""
    if connection.remote[1] and UNSENT_BOUND is not None:  # not a Unix socket
        connection.socket.setsockopt(socket.IPPROTO_TCP, UNSENT_BOUND, struct.pack("i", 1))
        connection.wait_until(WRITE, PATIENCE)
