"""What a handler answers. RFC 9110 §3.4. Nothing here knows how it is written."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence

from ehttpd.fields import FieldLines, Headers
from ehttpd.messages.bodies import check_body, close_body
from ehttpd.messages.status import Status
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime
    from typing import Any, BinaryIO, TypeAlias

    from ehttpd.messages import Answer
    from ehttpd.messages.request import Request
    from ehttpd.toolkit.cookies import SameSite
    from ehttpd.toolkit.events import Event, EventSource
    from ehttpd.toolkit.octets import Writable
    from ehttpd.toolkit.upgrade import Talk
    from ehttpd.toolkit.websocket import Talk as WebSocketTalk

    Body: TypeAlias = "bytes | str | Iterable[bytes] | BinaryIO"


# To import a name takes a microsecond each time, a fifth of what a short answer takes. So these two are replaced by
# what they import.
def _encode_json(value: Any) -> bytes:
    global _encode_json
    from ehttpd.toolkit.json_encoding import encode_json as _encode_json

    return _encode_json(value)


def _response_of(answer: Answer) -> Response:
    global _response_of
    from ehttpd.toolkit.answers import response_of as _response_of

    return _response_of(answer)


class SharedFields:
    """A header section that many responses share, until somebody asks one of them for its own.

    ``derived`` is a place for what is made of it to be sent, by status.
    """

    __slots__ = ("derived", "lines")

    def __init__(self, media_type: str) -> None:
        self.lines = (("Content-Type", media_type),)
        self.derived: dict[int, bytes] = {}


TEXT = SharedFields("text/plain; charset=utf-8")
HTML = SharedFields("text/html; charset=utf-8")
JSON = SharedFields("application/json")


class Response:
    """What a handler answers: a body, a status, and header fields.

    ``body`` is bytes, text (sent as UTF-8), an open binary file (sent from where it stands, then closed), or an
    iterable of bytes (sent as produced; its ``close()`` is called once). Message framing is the server's business: it
    adds Content-Length or chunks. Raises TypeError for any other body.
    """

    __slots__ = ("body", "headers", "shared", "status", "trailers")

    version = "HTTP/1.1"
    """What a server speaks, whatever the request was (RFC 9112 §2.3)."""

    def __init__(
        self,
        body: Body = b"",
        status: int = 200,
        headers: FieldLines | None = None,
        *,
        type: str | None = None,
    ) -> None:
        self.status = status
        """The status code, or a `Status` with a reason phrase of its own."""
        self.shared: SharedFields | None = None
        """The fields, as long as ``headers`` has not been asked for."""
        if headers:
            self.headers = Headers(headers)
            if type:
                self.headers["Content-Type"] = type
        else:
            self.headers = Headers((("Content-Type", type),) if type else ())
        if isinstance(body, str):
            body = body.encode()
            self.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        elif not isinstance(body, bytes):
            if isinstance(body, (bytearray, memoryview)):
                body = bytes(body)  # who looks at its pieces, as middlewares do, would find numbers
            else:
                check_body(body)
        self.body: bytes | Iterable[bytes] | BinaryIO = body
        """What is sent: octets, a file, or pieces as they are produced."""
        self.trailers: Callable[[], FieldLines] | None = None
        """What gives the trailer section once the body has been sent; None: there is none."""

    if not TYPE_CHECKING:  # or every name would seem to be here

        def __getattr__(self, name: str) -> Any:
            """Make ``headers``, the one attribute that may not be there yet, of the fields that were shared."""
            if name != "headers" or self.shared is None:
                raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}")
            self.headers, self.shared = Headers(self.shared.lines), None
            return self.headers

    @classmethod
    def of(cls, answer: Answer) -> Response:
        """Return what a handler returned as a response: text, bytes, a mapping or a list as JSON, None as 204.

        Raises:
            HandlerError: it is something else.
        """
        return _response_of(answer)

    @classmethod
    def text(cls, text: str, status: int = 200, headers: FieldLines | None = None) -> Response:
        """Answer with plain text, in UTF-8."""
        return _typed(cls, text.encode(), status, headers, TEXT)

    @classmethod
    def ok(cls, body: Body = b"", headers: FieldLines | None = None, *, type: str | None = None) -> Response:
        """Answer 200."""
        return cls(body, 200, headers, type=type)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: FieldLines | None = None) -> Response:
        """Answer with a value as JSON (RFC 8259).

        Raises:
            TypeError, ValueError, RecursionError: it cannot be written as JSON.
        """
        return _typed(cls, _encode_json(value), status, headers, JSON)

    @classmethod
    def html(cls, text: str, status: int = 200, headers: FieldLines | None = None) -> Response:
        """Answer with HTML, in UTF-8."""
        return _typed(cls, text.encode(), status, headers, HTML)

    @classmethod
    def redirect(cls, location: str, status: int = 302, headers: FieldLines | None = None) -> Response:
        """Send the client to another URI, or a reference relative to this one (RFC 9110 §15.4).

        303 makes it GET that, 307 and 308 make it repeat what it did, 301 and 302 leave it the choice. What cannot
        stand in a URI is percent-encoded. Raises HandlerError if ``status`` is none of these.
        """
        from ehttpd.toolkit.redirection import redirection

        return redirection(location, status, headers)

    @classmethod
    def file(
        cls,
        source: str | os.PathLike[str] | BinaryIO,
        headers: FieldLines | None = None,
        *,
        request: Request | None = None,
        type: str | None = None,
        download: bool | str = False,
        accept_ranges: bool = True,
        precompressed: bool = False,
    ) -> Response:
        """Answer with a file, by its path, or open and sent from where it stands; it is closed when it has been sent.

        With the ``request``, its conditions and ranges are heeded: 206, 304, 412, 416 (RFC 9110 §13 and §14), and HEAD
        gets no body. ``type`` follows from the name of the file, text being in UTF-8. ``download``: to be saved, under
        its own or another name (RFC 6266). ``precompressed``: a file beside it with ``.br``, ``.zst`` or ``.gz`` behind
        its name, and not older, is sent to who prefers that.

        Raises:
            NotFound: there is no regular file of that name. OSError: it cannot be read. TypeError: it gives text.
        """
        from ehttpd.toolkit.files import file_response

        return file_response(source, headers, request, type, download, accept_ranges, precompressed)

    @classmethod
    def partial(
        cls,
        content: bytes | BinaryIO,
        first: int,
        last: int,
        total: int | None = None,
        headers: FieldLines | None = None,
        *,
        type: str | None = None,
    ) -> Response:
        """Answer 206 with the octets from ``first`` to ``last``, both included, of a content (RFC 9110 §15.3.7).

        ``content`` is all of it, a file from where it stands; ``total`` its length, if it cannot tell.

        Raises:
            HandlerError: there are no such octets.
        """
        from ehttpd.toolkit.files import partial_response

        return partial_response(content, first, last, total, headers, type)

    @classmethod
    def bad_request(cls, text: str = "Bad Request\n") -> Response:
        """Answer 400: the client broke a rule."""
        return cls.text(text, 400)

    @classmethod
    def unauthorized(cls, challenge: str, text: str = "Unauthorized\n") -> Response:
        """Answer 401: the client must say who it is, as the ``challenge`` tells (RFC 9110 §11.6.1)."""
        return cls.text(text, 401, (("WWW-Authenticate", challenge),))

    @classmethod
    def forbidden(cls, text: str = "Forbidden\n") -> Response:
        """Answer 403: whoever the client is, no."""
        return cls.text(text, 403)

    @classmethod
    def not_found(cls, text: str = "Not Found\n") -> Response:
        """Answer 404: there is nothing of that name."""
        return cls.text(text, 404)

    @classmethod
    def method_not_allowed(cls, allow: str | Iterable[str], text: str = "Method Not Allowed\n") -> Response:
        """Answer 405: only the methods that ``allow`` names are (RFC 9110 §15.5.6)."""
        return cls.text(text, 405, (("Allow", allow if isinstance(allow, str) else ", ".join(allow)),))

    @classmethod
    def too_large(cls, text: str = "Content Too Large\n") -> Response:
        """Answer 413: the body is longer than it may be."""
        return cls.text(text, 413)

    @classmethod
    def range_not_satisfiable(cls, size: int, text: str = "Range Not Satisfiable\n") -> Response:
        """Answer 416: of the ``size`` octets there are, none was asked for (RFC 9110 §15.5.17)."""
        return cls.text(text, 416, (("Content-Range", f"bytes */{size}"),))

    @classmethod
    def error(cls, text: str = "Internal Server Error\n", status: int = 500) -> Response:
        """Answer 500, or another error."""
        return cls.text(text, status)

    @classmethod
    def stream(
        cls, pieces: Iterable[bytes], status: int = 200, headers: FieldLines | None = None, *,
        trailers: Callable[[], FieldLines] | None = None,
    ) -> Response:  # fmt: skip
        """Answer with pieces that are sent as they are produced.

        ``trailers`` is called after the last piece and gives the trailer section (RFC 9110 §6.5); it is left out for
        clients of HTTP/1.0.
        """
        response = cls(b"", status, headers)
        response.body = pieces
        response.trailers = trailers
        return response

    @classmethod
    def sse(
        cls, events: Iterable[Event] | EventSource, heartbeat: float | None = 15.0, headers: FieldLines | None = None
    ) -> Response:  # fmt: skip
        """Answer with server-sent events: text, or mappings with ``event``, ``data``, ``id`` and ``retry``.

        Each is sent when ``events`` gives it; after ``heartbeat`` seconds of silence a comment is (None: never), so
        that nobody on the way takes the connection for dead. A `Publisher` or `EventQueue` needs no thread. Any other
        iterable has one of its own, beside ``threads``; ``max_event_streams`` may be open at once, beyond that the
        answer is 503. When the client has left it is closed: a generator with its next event, anything else at once.

        Raises:
            HandlerError: ``events`` is a single text or mapping. What is no event breaks the response off.
        """
        from ehttpd.toolkit.events import event_stream

        return event_stream(events, heartbeat, headers)

    @property
    def reason(self) -> str:
        """The reason phrase, the status' own unless it is set (RFC 9112 §4)."""
        return self.status.reason if isinstance(self.status, Status) else Status(self.status).reason

    @reason.setter
    def reason(self, reason: str) -> None:
        self.status = Status(self.status, reason)

    @property
    def content_length(self) -> int | None:
        """How many octets the body has; None if that is not known before it is sent."""
        length = self.headers.get("content-length")
        if length is not None:
            return int(length)
        return len(self.body) if isinstance(self.body, bytes) else None

    def set_cookie(
        self,
        name: str,
        value: str,
        *,
        max_age: int | None = None,
        expires: datetime | float | None = None,
        domain: str | None = None,
        path: str | None = "/",
        secure: bool = False,
        http_only: bool = True,
        same_site: SameSite | None = "Lax",
        partitioned: bool = False,
    ) -> None:
        """Have the client keep a cookie (RFC 6265 §4.1), for ``max_age`` seconds or until ``expires``, else as long as
        the browser runs.

        Scripts do not see it, and forms of other sites do not bring it, unless you say so.

        Raises:
            HandlerError: a browser would not keep it, or would read it differently.
        """
        from ehttpd.toolkit.cookies import set_cookie

        field = set_cookie(
            name, value, max_age=max_age, expires=expires, domain=domain, path=path,
            secure=secure, http_only=http_only, same_site=same_site, partitioned=partitioned,
        )  # fmt: skip
        self.headers.add("Set-Cookie", field)

    def delete_cookie(
        self,
        name: str,
        *,
        domain: str | None = None,
        path: str | None = "/",
        secure: bool = False,
        same_site: SameSite | None = "Lax",
        partitioned: bool = False,
    ) -> None:
        """Have the client forget a cookie. ``domain``, ``path`` and ``partitioned`` are those that it was set with.

        Raises:
            HandlerError: there can be no such cookie.
        """
        self.set_cookie(
            name, "", max_age=0, expires=0, domain=domain, path=path,
            secure=secure, same_site=same_site, partitioned=partitioned,
        )  # fmt: skip

    def close(self) -> None:
        """Have the connection closed after this response (RFC 9112 §9.6)."""
        self.headers["Connection"] = "close"

    def make_head(self) -> None:
        """Drop the body; what the fields say of it stays (RFC 9110 §9.3.2). To answer HEAD without a server's help."""
        length = self.content_length
        if length is not None:
            self.headers["Content-Length"] = str(length)
        body, self.body = self.body, b""
        close_body(body)

    def write_to(self, sink: Writable, request: Request | None = None) -> None:
        """Write the response as octets to whatever has ``write``, and close its body. For use without a server.

        ``request`` tells method and version; without it, a GET of HTTP/1.1 is answered.

        Raises:
            HandlerError: it cannot be sent; nothing was written.
        """
        from ehttpd.toolkit.octets import write_response

        write_response(self, sink, request)

    @classmethod
    def upgrade(
        cls, protocol: str, talk: Talk, headers: FieldLines | None = None, *, idle_timeout: float | None = None
    ) -> Response:  # fmt: skip
        """Leave HTTP: the server sends 101, and ``talk`` is called with a `Tunnel` (RFC 9110 §7.8).

        A client that did not offer ``protocol`` in its Upgrade field gets 426. ``talk`` may take as long as it wants:
        it counts against ``max_upgrades``, not against ``threads``; beyond that the answer is 503. The connection
        closes when ``talk`` returns, or reads after the client was silent for ``idle_timeout`` seconds: that raises
        ConnectionLost, which need not be caught. Raises HandlerError if ``protocol`` is no name of a protocol.
        """
        from ehttpd.toolkit.upgrade import upgrade

        return upgrade(protocol, talk, headers, idle_timeout)

    @classmethod
    def websocket(
        cls, talk: WebSocketTalk, subprotocols: Sequence[str] = (), *, origins: Collection[str] | None = None,
        max_message_size: int = 1 << 20, ping_interval: float = 20.0, ping_timeout: float = 20.0,
        headers: FieldLines | None = None,
    ) -> Response:  # fmt: skip
        """Open a WebSocket (RFC 6455), and call ``talk`` with it; as `upgrade`, with the extra ``ehttpd[ws]``.

        ``subprotocols`` are those that ``talk`` speaks; ``origins`` the pages that may open it, as browsers name them
        in the Origin field (``https://example.org``), None for all. A message of more than ``max_message_size`` octets
        closes it with 1009 (0: none is too long). A client that is silent for ``ping_interval`` seconds is pinged, and
        given up when it is silent for ``ping_timeout`` seconds more (0: never).

        A request that is none for a WebSocket gets 426, 400, 403 or 405. Raises HandlerError without the extra.
        """
        from ehttpd.toolkit.websocket import websocket

        return websocket(
            talk, subprotocols, origins=origins, max_message_size=max_message_size, ping_interval=ping_interval,
            ping_timeout=ping_timeout, headers=headers,
        )  # fmt: skip

    def __repr__(self) -> str:
        return f"<Response {int(self.status)} {type(self.body).__name__}>"


def _typed(
    cls: type[Response], body: bytes, status: int, headers: FieldLines | None, fields: SharedFields
) -> Response:  # fmt: skip
    """Return a response of octets: what `Response` makes, in a third of the time, since all is known here."""
    response = cls.__new__(cls)
    response.body = body
    response.status = status
    response.trailers = None
    response.shared = fields
    if headers:
        response.headers, response.shared = Headers(headers), None
        response.headers["Content-Type"] = fields.lines[0][1]
    return response
