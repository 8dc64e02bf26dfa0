"""Serves one request: request, handler, response, and what to do next.

Runs on the thread that owns the connection. Turns every failure into what the client may know: a refusal into its
status, an exception of the application into 500 or, once something was sent, into a broken connection (RFC 9112 §8).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from ehttpd.errors import (
    ConnectionLost,
    EhttpdError,
    HandlerError,
    RaisedAnswer,
    RequestRefused,
)
from ehttpd.fields import FieldLine, Fields
from ehttpd.http11.framing import Framing
from ehttpd.http11.state import State
from ehttpd.http11.writer import CONTINUE, Head, encode_head, encode_shared, interim, switching
from ehttpd.logs import log
from ehttpd.messages import (
    NO_BODY,
    NO_FIELDS,
    FedBody,
    FileBody,
    FileParts,
    Handler,
    Request,
    Response,
    View,
    close_body,
)
from ehttpd.server.connection import Connection, Next
from ehttpd.server.feed import Feed
from ehttpd.server.files import Piece, closing, cut, length_of, pieces_of
from ehttpd.server.output import FileSlice, Output
from ehttpd.server.stacks import traceback_of
from ehttpd.server.stream import BodyStream
from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.server.clock import StandingFields
    from ehttpd.server.switch import Switch
    from ehttpd.server.tunnel import Tunnel

# Beyond this, copying a body behind its head costs more than a second call to send.
JOINED = 1 << 15
# Looking up a member of an enumeration takes a tenth of a microsecond before Python 3.12.
_LENGTH, _SERVE = Framing.LENGTH, Next.SERVE


class Service(Protocol):
    """What a lane has done with a connection that asks to be served."""

    def exchange(self, connection: Any) -> Next:
        """Serve it, and return what it needs next. Raises nothing."""

    def catch_up(self) -> None:
        """Do what was put off while clients waited for their answers."""

    def record_overdue(self, connection: Any, request: Request, response: Response, thread: int) -> None:
        """Take it that the lane has answered in the place of the thread with that identifier."""


class HTTPService:
    """Serves HTTP requests with a handler."""

    def __init__(self, handler: View, standing: StandingFields) -> None:
        self._handler: Handler = handler  # type: ignore[assignment]  # `exchange` makes responses of what is less
        self._standing = standing
        self._tells = False  # somebody wants to know what was answered
        self.ends_connections = False  # with their responses
        self.draining = False  # and streams that have no end

    def exchange(self, connection: Connection) -> Next:
        request = connection.request
        if request is None:
            return self._refuse(connection)
        if connection.when_left is not None:
            connection.when_left = None  # that was an earlier request's, and is not called while this one waits
        connection.request = None
        try:
            try:
                response = self._handler(request)
                if self._tells:
                    connection.answered = response
            except RaisedAnswer as raised:
                if connection.stream is not None:
                    raise
                response = connection.answered = raised.response(request)
                connection.claim_answer()
            try:
                body = response.body
            except AttributeError:  # a handler may return less than a response
                response = connection.answered = Response.of(response)
                body = response.body
            if type(body) is not bytes or connection.stream is not None:
                return self._send(connection, request, response)
            if request.body is not NO_BODY:
                request.body.close()
                if connection.incoming is not None:
                    return self._send(connection, request, response)
            persistent = connection.reader.section.persistent and not self.ends_connections
            shared = response.shared
            if shared is not None and persistent and len(body) <= JOINED:
                status, standing = response.status, self._standing.now
                whole = encode_shared(shared, status, body, request.method, request.version, standing)
                if whole is not None:
                    return connection.answer(whole, True, connection.lane.now)
            octets, framing, length, persistent = encode_head(
                response.status,
                response.headers,
                len(body),
                request.method,
                request.version,
                persistent,
                self._standing.now,
            )
            if framing is not _LENGTH or length != len(body) or length > JOINED:
                return self._send_bytes(connection, request, (octets, framing, length, persistent), body)
            return connection.answer(octets + body, persistent, connection.lane.now)
        except ConnectionLost as lost:
            return self._lose(connection, request) if lost.ends(connection) else self._fail(connection, request, lost)
        except BaseException as error:
            return self._fail(connection, request, error)

    def catch_up(self) -> None:
        """Do nothing: nothing was put off."""

    def record_overdue(self, connection: Connection, request: Request, response: Response, thread: int) -> None:
        """Do nothing: nobody wants a record."""

    def _head(self, connection: Connection, request: Request, response: Response, body_length: int | None) -> Head:
        connection.claim_answer()
        return encode_head(
            response.status,
            response.headers,
            body_length,
            request.method,
            request.version,
            self._persists(connection, body_length is None),
            self._standing.now,
            response.trailers is not None,
        )

    def _persists(self, connection: Connection, read_on: bool = False) -> bool:
        """Tell whether the connection may carry another exchange. ``read_on``: its body may still be read."""
        incoming = connection.incoming
        persistent = connection.reader.section.persistent and not self.ends_connections
        return persistent and (incoming is None or incoming.persists(read_on))

    def _send_bytes(self, connection: Connection, request: Request, head: Head, body: bytes) -> Next:
        """Send a body that is there as a whole."""
        octets, framing, length, persistent = head
        if framing is Framing.NONE:
            body = b""
        elif framing is Framing.LENGTH and len(body) != length:
            persistent = persistent and self._report_length(request, length, len(body))
            body = body[:length]
        connection.sent_octets = len(body)
        connection.when_left = None  # from now on the client may take the request for answered
        connection.push(octets + body[:JOINED])
        if len(body) > JOINED:
            connection.send_later(memoryview(body)[JOINED:])
        return self._finish(connection, request, persistent)

    def _report_length(self, request: Request, promised: int, given: int) -> bool:
        """Log a body whose length is not what its Content-Length says; tell whether the framing survived."""
        self._log_failure(request, HandlerError(f"Content-Length says {promised} octets, but the body has {given}."))
        return given > promised

    def _send(self, connection: Connection, request: Request, response: Response) -> Next:
        body, stream = response.body, connection.stream
        if stream is not None and stream.left_http:  # the application has talked all it wanted
            self._close(request, body)
            return self._leave(connection, request, stream)
        if response.status == 101:
            from ehttpd.server.switch import Switch  # for those who switch

            if isinstance(body, Switch):
                return self._switch(connection, request, response, body)
        if connection.incoming is not None and connection.stream is None and response.status == 500:
            refusal = connection.incoming.refusal
            if refusal is not None:  # frameworks take what `read` raised for a failure of the application
                self._close(request, body)
                return self._answer_error(connection, request, _refusal_response(refusal))
        if connection.stream is not None and isinstance(body, bytes):
            body = [body]  # the response has begun already
        if isinstance(body, (bytes, bytearray, memoryview)):
            body = bytes(body)
            return self._send_bytes(connection, request, self._head(connection, request, response, len(body)), body)
        if isinstance(body, FedBody) and connection.stream is None:
            return self._feed(connection, request, response, body)
        if isinstance(body, (str, bytes)) or not (
            hasattr(body, "__iter__") or hasattr(body, "read") or hasattr(body, "__getitem__")
        ):
            raise HandlerError(
                f"A body must be bytes, a binary file or an iterable of bytes. Found {type(body).__name__}."
            )
        if type(body) is not FileBody and hasattr(body, "read"):
            body = FileBody(body)
        # A subclass may iterate as it wants.
        if (type(body) is FileBody or type(body) is FileParts) and connection.stream is None:
            pieces = pieces_of(body)
            if pieces is not None:
                return self._send_pieces(connection, request, response, body, pieces)
        return self._stream(connection, request, response, body)

    def _send_pieces(
        self, connection: Connection, request: Request, response: Response, body: FileBody | FileParts,
        pieces: list[Piece],
    ) -> Next:  # fmt: skip
        """Have the lane send a file, or parts of one; the thread is free at once."""
        try:
            size = length_of(pieces)
            octets, framing, length, persistent = self._head(connection, request, response, size)
            if framing is Framing.LENGTH and length != size:
                persistent = persistent and self._report_length(request, length, size)
                size = min(size, length)
            # An interim response may be there that the client has not taken yet.
            output = Output(connection.lane.budget) if connection.output is None else connection.output
            output.append(octets)
        except BaseException:
            body.close()
            raise
        if framing is not Framing.NONE:
            for piece in cut(pieces, size):
                output.append_file(piece) if isinstance(piece, FileSlice) else output.append(piece)
            connection.sent_octets = size
        connection.output = output
        try:
            connection.flush()
        finally:
            if connection.output is None:
                self._close(request, body)
            else:
                output.at_end(closing(body))
        return self._finish(connection, request, persistent)

    def _feed(self, connection: Connection, request: Request, response: Response, body: FedBody) -> Next:
        """Have others feed the response, and the lane send it; the thread is free at once."""
        try:
            octets, framing, _, persistent = self._head(connection, request, response, None)
        except BaseException:
            body.close()
            raise
        if framing is Framing.LENGTH or response.trailers is not None:
            return self._stream(connection, request, response, body)
        if framing is Framing.NONE:
            self._close(request, body)
            connection.push(octets)
            return self._finish(connection, request, persistent)
        feed = Feed(connection, request, body, chunked=framing is Framing.CHUNKED, persistent=persistent)
        feed.begin()
        connection.underway, connection.state = feed, State.FEED
        self._close(request, request.body)
        connection.sent_octets = 0
        connection.push(octets + feed.encode(body.greeting))
        return feed.rest(time.monotonic())

    def _stream(self, connection: Connection, request: Request, response: Response, body: Iterable[bytes]) -> Next:
        """Send a body as it is produced. Nothing is sent before its first data, so that a failure until then gives
        500.
        """
        stream = connection.stream
        assert stream is None or not stream.left_http
        stream = stream or BodyStream(connection, lambda length: self._head(connection, request, response, length))
        connection.stream = stream
        try:
            try:
                self._write_pieces(connection, response, stream, iter(body))
                trailers = NO_FIELDS if response.trailers is None else Fields(response.trailers())
                connection.when_left = None  # from now on the client may take the request for answered
                persistent = stream.end(trailers)
            finally:
                self._close(request, body)  # it may take its time, or fail: the client has the end already
        except ConnectionLost:
            raise
        except BaseException as error:
            if not stream.started:
                raise
            return self._break_off(connection, request, stream, error)
        connection.stream = None
        connection.sent_octets = stream.sent
        if stream.surplus or stream.missing:
            promised = stream.promised
            persistent = (
                self._report_length(request, promised, promised + stream.surplus - stream.missing) and persistent
            )
        return self._finish(connection, request, persistent)

    def _write_pieces(
        self, connection: Connection, response: Response, stream: BodyStream, pieces: Iterator[bytes]
    ) -> None:  # fmt: skip
        begun = bool(response.status)  # an application may call start_response as late as in its first piece
        if begun and _is_event_stream(response):
            self._stream_apart(connection, stream, pieces)
            return
        for data in pieces:
            stream.write(data)
            if stream.full:
                break
            if connection.left:
                connection.check_taken()
            if not begun and stream.started:
                begun = True
                if _is_event_stream(response):
                    self._stream_apart(connection, stream, pieces)
                    break

    def _stream_apart(self, connection: Connection, stream: BodyStream, pieces: Iterator[bytes]) -> None:
        """Send pieces that come for as long as the client wants, in nobody's place. Raises ServiceUnavailable if too
        many do.
        """
        lane = connection.lane
        lane.apart.join()
        connection.state, connection.apart = State.FEED, True
        lane.pool.leave(connection)
        try:
            for data in pieces:
                if connection.left and not self.draining:
                    raise ConnectionLost("the client has left")
                stream.write(data)
                if stream.full or self.draining:
                    break
        finally:
            connection.apart = False
            lane.apart.leave()
            lane.pool.places.come_back(connection)

    def start_response(
        self, connection: Connection, request: Request, status: int, headers: Iterable[FieldLine]
    ) -> Callable[[bytes], None]:  # fmt: skip
        """Begin a response before its handler returns; see `Client.start_response`."""
        if connection.response_begun:
            raise HandlerError("The response has begun: it cannot begin anew.")
        response = connection.answered = Response(b"", status)
        response.headers = headers  # type: ignore[assignment]

        def make_head(length: int | None) -> Head:
            return self._head(connection, request, response, length)

        stream = connection.stream
        assert stream is None or not stream.left_http
        if stream is None:
            stream = connection.stream = BodyStream(connection, make_head)
        else:  # of which nothing was sent, but somebody may have its ``write`` already
            stream.make_head = make_head
        return stream.write

    def send_interim(self, connection: Connection, request: Request, status: int, headers: Iterable[FieldLine]) -> None:
        if connection.given_up:
            raise ConnectionLost("the final response was sent already")
        if connection.response_begun:
            raise HandlerError("The response has begun: what is sent now would be taken for its body.")
        if request.version != "HTTP/1.0":
            connection.write(interim(status, headers))

    def _switch(self, connection: Connection, request: Request, response: Response, switch: Switch) -> Next:
        """Send 101 and have the two talk; or say why not."""
        if connection.stream is not None:
            raise HandlerError("A response was begun, so the connection cannot leave HTTP.")
        if not switch.is_asked_for(request):
            refusal = Response.text(f"This is for clients that upgrade to {switch.protocol}.\n", 426)
            refusal.headers["Upgrade"] = switch.protocol
            return self._answer_error(connection, request, refusal)
        try:
            head = switching(switch.protocol, [*response.headers, *switch.fields(request)])
            if connection.reader.section.expects_continue:
                # RFC 9110 §7.8: 100 comes before 101. If it was sent for the sake of a body, this is another one.
                head = CONTINUE + head
        except RaisedAnswer as raised:
            return self._answer_error(connection, request, raised.response(request))
        tunnel = connection.take_over()
        tunnel.write(head)
        try:
            switch.talk(request, tunnel)
        except ConnectionLost as lost:
            if not lost.ends(connection):
                self._log_failure(request, lost)
        except BaseException as error:
            self._log_failure(request, error)
        return self._leave(connection, request, tunnel)

    def _leave(self, connection: Connection, request: Request, tunnel: Tunnel) -> Next:
        """End what left HTTP."""
        connection.answered, connection.sent_octets = Response(b"", 101), 0
        connection.come_back(tunnel)
        self._close(request, request.body)
        return connection.retire(time.monotonic())

    def _lose(self, connection: Connection, request: Request) -> Next:
        """End an exchange with a client that has gone."""
        stream, connection.stream = connection.stream, None
        if stream is not None and stream.left_http:
            connection.come_back(stream)
        elif stream is not None:
            connection.sent_octets = stream.sent
        self._close(request, request.body)
        return Next.CLOSE

    def _finish(self, connection: Connection, request: Request, persistent: bool) -> Next:
        if request.body is not NO_BODY:
            self._close(request, request.body)
        return connection.finish(persistent, time.monotonic())

    def _refuse(self, connection: Connection) -> Next:
        refusal = connection.refusal
        assert refusal is not None
        method, connection.refused = connection.refused_method, None
        return self._answer_error(connection, None, _refusal_response(refusal), method)

    def _fail(self, connection: Connection, request: Request, error: BaseException) -> Next:
        """Answer 500 for an exception that came before anything was sent; log it."""
        stream, connection.stream = connection.stream, None
        if stream is not None and stream.left_http:
            # WSGI: so say those who have taken werkzeug.socket or gunicorn.socket that nothing is to be answered.
            if not isinstance(error, (StopIteration, ConnectionError)):
                self._log_failure(request, error)
            return self._leave(connection, request, stream)
        if stream is not None and stream.started:
            return self._break_off(connection, request, stream, error)
        if isinstance(error, RequestRefused):
            return self._answer_error(connection, request, _refusal_response(error))
        self._log_failure(request, error)
        return self._answer_error(connection, request, Response.text("Internal Server Error\n", 500))

    def _break_off(self, connection: Connection, request: Request, stream: BodyStream, error: BaseException) -> Next:
        """End a response that has begun so that nobody takes it for complete (RFC 9112 §8)."""
        connection.stream = None
        connection.sent_octets = stream.sent
        if isinstance(error, RequestRefused):  # of a body that was still read
            log.info("%s: the response was broken off. %s", request, error)
        else:
            self._log_failure(request, error)
        try:
            connection.write_held()
        except ConnectionLost:
            return Next.CLOSE
        if stream.framing is Framing.CLOSE:
            self._close(request, request.body)
            connection.abort()
            return Next.CLOSE
        return self._finish(connection, request, False)

    def _close(self, request: Request, body: object) -> None:
        """Close what the application returned for a body, or has put in the place of the request's. If that fails, it
        is logged: what is sent is sent.
        """
        try:
            close_body(body)
        except (ConnectionLost, RequestRefused):  # of the body of the request, which it may read
            pass
        except BaseException as error:
            self._log_failure(request, error)

    def _log_failure(self, request: Request, error: BaseException) -> None:
        """Log what the application did wrong."""
        if isinstance(error, EhttpdError) and not isinstance(error, ConnectionLost):
            log.error("%s: %s", request, error)
        else:
            log.error("%s: the application failed", request, exc_info=(type(error), error, traceback_of(error)))

    def _answer_error(
        self, connection: Connection, request: Request | None, response: Response, method: str = "GET"
    ) -> Next:  # fmt: skip
        """Answer a ``request``, or with None what was refused before it was one."""
        body = response.body
        assert isinstance(body, bytes)
        method, version = (request.method, request.version) if request else (method, "HTTP/1.1")
        if request is not None:
            self._close(request, request.body)
        persistent = request is not None and self._persists(connection)
        octets, framing, _, persistent = encode_head(
            response.status, response.headers, len(body), method, version, persistent, self._standing.now
        )
        connection.sent_octets = 0 if framing is Framing.NONE else len(body)
        try:
            connection.claim_answer()
            connection.answered = response
            connection.push(octets if framing is Framing.NONE else octets + body)
        except ConnectionLost:
            return Next.CLOSE
        return connection.finish(persistent, time.monotonic())


def _is_event_stream(response: Response) -> bool:
    """Tell whether a response may go on for long (server-sent events, whoever makes them)."""
    if hasattr(response.headers, "__next__"):  # they are looked at here, and sent later
        response.headers = list(response.headers)  # type: ignore[assignment]
    try:
        for name, value in response.headers:
            if value[:1] in "tT" and value.lower().startswith("text/event-stream") and name.lower() == "content-type":
                return True
    except (AttributeError, TypeError, ValueError):  # what is wrong with them is said when the head is made
        pass
    return False


def _refusal_response(refusal: RequestRefused) -> Response:
    return Response.text(f"{refusal}\n", refusal.status, refusal.fields)
