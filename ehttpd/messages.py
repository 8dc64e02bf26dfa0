"""Requests, responses and what lies between them: a handler.

RFC 9110. Plain values: nothing here knows how a message is written, and nothing here reads or sends.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import IO, TYPE_CHECKING, Any, BinaryIO, TypeAlias

from ehttpd.cancellation import NO_DEADLINE, Deadline, Disconnection
from ehttpd.fields import FieldLine, FieldLines, Fields, Headers

if TYPE_CHECKING:
    from datetime import datetime

    from ehttpd.toolkit.answers import Answer
    from ehttpd.toolkit.cookies import Cookies, SameSite
    from ehttpd.toolkit.events import Event
    from ehttpd.toolkit.forms import Form
    from ehttpd.toolkit.octets import Limits, Writable
    from ehttpd.toolkit.query import Query
    from ehttpd.toolkit.ranges import RangeSet
    from ehttpd.toolkit.upgrade import Talk, Tunnel
    from ehttpd.toolkit.websocket import Talk as WebSocketTalk

    Body: TypeAlias = "bytes | str | Iterable[bytes] | BinaryIO"

# RFC 9110 §15. Our own table: the one in `http` says other things in other versions of Python.
REASONS = {
    100: "Continue", 101: "Switching Protocols", 102: "Processing", 103: "Early Hints",
    200: "OK", 201: "Created", 202: "Accepted", 203: "Non-Authoritative Information", 204: "No Content",
    205: "Reset Content", 206: "Partial Content", 207: "Multi-Status", 208: "Already Reported", 226: "IM Used",
    300: "Multiple Choices", 301: "Moved Permanently", 302: "Found", 303: "See Other", 304: "Not Modified",
    305: "Use Proxy", 307: "Temporary Redirect", 308: "Permanent Redirect",
    400: "Bad Request", 401: "Unauthorized", 402: "Payment Required", 403: "Forbidden", 404: "Not Found",
    405: "Method Not Allowed", 406: "Not Acceptable", 407: "Proxy Authentication Required", 408: "Request Timeout",
    409: "Conflict", 410: "Gone", 411: "Length Required", 412: "Precondition Failed", 413: "Content Too Large",
    414: "URI Too Long", 415: "Unsupported Media Type", 416: "Range Not Satisfiable", 417: "Expectation Failed",
    418: "I'm a teapot", 421: "Misdirected Request", 422: "Unprocessable Content", 423: "Locked",
    424: "Failed Dependency", 425: "Too Early", 426: "Upgrade Required", 428: "Precondition Required",
    429: "Too Many Requests", 431: "Request Header Fields Too Large", 451: "Unavailable For Legal Reasons",
    500: "Internal Server Error", 501: "Not Implemented", 502: "Bad Gateway", 503: "Service Unavailable",
    504: "Gateway Timeout", 505: "HTTP Version Not Supported", 506: "Variant Also Negotiates",
    507: "Insufficient Storage", 508: "Loop Detected", 511: "Network Authentication Required",
}  # fmt: skip


class Status(int):
    """A status code that carries its reason phrase. It is the integer in every other respect."""

    reason: str
    text: str  # code, space, reason phrase

    def __new__(cls, code: int, reason: str | None = None) -> Status:
        status = super().__new__(cls, code)
        status.reason = REASONS.get(code, "Unknown") if reason is None else reason
        status.text = f"{code:d} {status.reason}"
        return status


class Client:
    """Who asked: the two ends of the connection, as the server sees them, and what may be sent before the handler
    returns.

    ``remote`` and ``local`` are host and port; for a Unix socket, its path and 0.
    """

    __slots__ = ("local", "remote", "scheme")

    def __init__(
        self, remote: tuple[str, int] = ("", 0), local: tuple[str, int] = ("", 0), scheme: str = "http"
    ) -> None:
        self.remote = remote
        self.local = local
        self.scheme = scheme

    @property
    def response_begun(self) -> bool:
        """Whether a part of the current response has been sent."""
        return False

    @property
    def disconnected(self) -> Disconnection:
        """Whether the client has left, as far as anybody knows."""
        return Disconnection(self)

    def has_left(self) -> bool:
        """Tell whether the client has left; see `Disconnection`."""
        return False

    def call_when_left(self, call: Callable[[], object]) -> bool:
        """Have ``call`` called when the client leaves during this exchange; False if it has left."""
        return True

    def start_response(self, request: Request, status: int, headers: Iterable[FieldLine]) -> Callable[[bytes], None]:
        """Send the head of the final response now; return what sends a piece of its body. The handler's thread only."""
        raise NotImplementedError("there is no server behind this request")

    def take_over(self) -> Tunnel:
        """Have the connection leave HTTP: nothing more is answered. The handler's thread only, which gives up its place
        in the pool until the handler returns.

        Raises:
            ServiceUnavailable: ``max_upgrades`` connections have left already.
        """
        raise NotImplementedError("there is no server behind this request")

    def send_interim(self, request: Request, status: int, headers: Iterable[FieldLine]) -> None:
        """Send an interim response, 102 to 199 (RFC 9110 §15.2); nothing to HTTP/1.0. The handler's thread only."""
        raise NotImplementedError("there is no server behind this request")


def percent_decode(text: str) -> bytes:
    """Return the octets that percent-encoded text stands for (RFC 3986 §2.1). What is no valid encoding stays as it
    is.
    """
    first, *parts = text.encode("latin-1").split(b"%")
    pieces = [first]
    for part in parts:
        try:
            pieces.append(_OCTETS[part[:2]])
            pieces.append(part[2:])
        except KeyError:
            pieces.append(b"%" + part)
    return b"".join(pieces)


# b"4A", b"4a", … -> the octet. `urllib.parse` does the same and takes 2 ms to import.
_OCTETS = {
    (high + low).encode(): bytes([int(high + low, 16)])
    for high in "0123456789abcdefABCDEF"
    for low in "0123456789abcdefABCDEF"
}


class NoBody(io.RawIOBase):
    """The body of a request that has none. It has no state, so all such requests share it."""

    def readable(self) -> bool:
        return True

    def readall(self) -> bytes:
        return b""

    def readinto(self, buffer: object) -> int:
        return 0

    def read(self, size: int | None = -1) -> bytes:
        return b""

    def readline(self, size: int | None = -1) -> bytes:
        return b""

    def close(self) -> None:
        """Do nothing: it is not one request's to close."""


NO_BODY = NoBody()
NO_CLIENT = Client()
NO_FIELDS = Fields()


class Request:
    """What a client asked for.

    ``method``, ``target`` (as sent, RFC 9112 §3.2), ``version`` (``"HTTP/1.1"``), ``headers``, ``body`` (a binary file
    that ends where the body ends), ``trailers`` (RFC 9110 §6.5) and ``client``. One thread at a time: the handler's.
    """

    def __init__(
        self,
        method: str,
        target: str,
        version: str = "HTTP/1.1",
        headers: Fields = NO_FIELDS,
        body: BinaryIO | NoBody = NO_BODY,
        client: Client = NO_CLIENT,
    ) -> None:
        self.method = method
        self.target = target
        self.version = version
        self.headers = headers
        self.body = body
        self.client = client

    trailers: Fields = NO_FIELDS
    params: Mapping[str, Any] = {}  # what a router captured
    deadline: Deadline = NO_DEADLINE

    @property
    def disconnected(self) -> Disconnection:
        """Whether the client has left meanwhile."""
        return self.client.disconnected

    @property
    def state(self) -> dict[str, Any]:
        """What middlewares have found out, for handlers: one mapping per request, empty at first."""
        state: dict[str, Any] = self.__dict__.setdefault("_state", {})
        return state

    @property
    def raw_path(self) -> str:
        """The path as it was sent, percent-encoded: ``"*"`` and absolute targets give ``"/"`` or their own path."""
        path = self.target.partition("?")[0]
        if not path.startswith("/"):
            _, _, rest = path.partition("://")
            path = "/" + rest.partition("/")[2]
        return path

    @property
    def path(self) -> str:
        """The path, percent-decoded, as text in UTF-8 (octets that are no UTF-8 become U+FFFD)."""
        path = self.raw_path
        return percent_decode(path).decode("utf-8", "replace") if "%" in path else path

    @property
    def raw_query(self) -> str:
        """What follows the first ``?``, as it was sent."""
        return self.target.partition("?")[2]

    @cached_property
    def query(self) -> Query:
        """What follows the first ``?``: names and values, decoded. Raises BadRequest if there are too many."""
        from ehttpd.toolkit.query import Query

        return Query.parse(self.target)

    @cached_property
    def cookies(self) -> Cookies:
        """The cookies that came with the request (RFC 6265 §5.4), as far as they can be read."""
        from ehttpd.toolkit.cookies import Cookies

        return Cookies.parse(self.headers.get("cookie") or "")

    @cached_property
    def range(self) -> RangeSet | None:
        """Which parts of the content are wanted (RFC 9110 §14.2); None: all of it, or no range that has a meaning."""
        from ehttpd.toolkit.ranges import RangeSet

        field = self.headers.get("range")
        return None if field is None else RangeSet.parse(field)

    def accepts(self, *types: str) -> str | None:
        """Return which of these media types the client wants most, the first of equals (RFC 9110 §12.5.1).

        None if it wants none of them. A client that says nothing takes everything.
        """
        from ehttpd.toolkit.negotiation import best_type

        return best_type(self.headers.get("accept"), types)

    @property
    def scheme(self) -> str:
        """``"http"`` or ``"https"``."""
        return self.client.scheme

    @property
    def host(self) -> str:
        """The host that was asked, with its port if one was given (RFC 9110 §7.2); empty if nobody said."""
        return self.headers.get("host") or ""

    @property
    def keep_alive(self) -> bool:
        """Whether the client would send another request on this connection (RFC 9112 §9.3)."""
        from ehttpd.toolkit.octets import keeps_alive

        return keeps_alive(self)

    @property
    def id(self) -> str:
        """A name for logs, no other request's: the one that `request_id` has given it, else 16 random digits."""
        name: str = self.state.setdefault("request_id", None) or os.urandom(8).hex()
        self.state["request_id"] = name
        return name

    @property
    def raw_head(self) -> bytes:
        """The request line and the fields as octets, but for whitespace around field values."""
        from ehttpd.toolkit.octets import head_of

        return head_of(self)

    @classmethod
    def read(cls, source: bytes | IO[bytes], limits: Limits | None = None) -> Request | None:
        """Return the next request of a binary file, or that of octets, its body received; None at the end.

        For use without a server. The file then stands behind the request. Close the request's ``body``: a long one is
        a temporary file.

        Raises:
            RequestRefused: the request breaks a rule, or is larger than ``limits``.
            ConnectionLost: the file ends in the middle of a request.
        """
        from ehttpd.toolkit.octets import read_request

        return read_request(source, limits)

    @property
    def has_body(self) -> bool:
        """Whether a body came with the request, be it empty chunks."""
        return self.body is not NO_BODY

    @property
    def content_length(self) -> int | None:
        """How many octets the body has, as its sender told (RFC 9110 §8.6); None if nobody did."""
        length = self.headers.get("content-length")
        return None if length is None else int(length)

    def read_all(self, limit: int | None = None) -> bytes:
        """Return the body. Who asks again gets it again.

        Raises:
            ContentTooLarge: it has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import read_all

        return read_all(self, limit)

    def text(self, limit: int | None = None) -> str:
        """Return the body as text, in the charset that its type names, else in UTF-8.

        Raises:
            RequestRefused: it is no such text, or has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import read_text

        return read_text(self, limit)

    def json(self, limit: int | None = None) -> Any:
        """Return the value that the body is in JSON (RFC 8259).

        Raises:
            BadRequest: it is no JSON.
            UnsupportedMediaType: Content-Type says that it is something else.
            ContentTooLarge: it has more than ``limit`` octets.
        """
        from ehttpd.toolkit.bodies import read_json

        return read_json(self, limit)

    def form(self, limit: int | None = None) -> Form:
        """Return what a form has sent: its fields as a mapping, uploads as ``.files``. Who asks again gets it again.

        multipart/form-data needs ``pip install "ehttpd[forms]"``; uploads are kept on disk, until the form is let go.

        Raises:
            BadRequest: it is broken.
            UnsupportedMediaType: it is no form.
            ContentTooLarge: it has more than ``limit`` octets, or too many fields.
            HandlerError: the extra is not installed.
        """
        from ehttpd.toolkit.forms import read_form

        return read_form(self, limit)

    def save(self, path: str | os.PathLike[str], limit: int | None = None) -> int:
        """Write the body to a file, which is there as a whole or not at all; return how many octets it has.

        Raises:
            ContentTooLarge: it has more than ``limit`` octets.
            OSError: the file cannot be written.
        """
        from ehttpd.toolkit.bodies import save

        return save(self, path, limit)

    def early_hints(self, links: Iterable[str]) -> None:
        """Send 103 (Early Hints, RFC 8297) now: what a client may fetch while it waits for the response.

        ``links`` are values of the Link field, such as ``</style.css>; rel=preload; as=style``. The handler's thread
        only.
        """
        self.client.send_interim(self, 103, [("Link", link) for link in links])

    def set_deadline(self, seconds: float) -> None:
        """Have an answer wanted within ``seconds`` from now, unless the deadline is earlier already."""
        self.deadline = Deadline(min(self.deadline.at, time.monotonic() + seconds))

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.target!r} {self.version}>"


class Response:
    """What a handler answers: a body, a status, and header fields.

    ``body`` is bytes, text (sent as UTF-8), an open binary file (sent from where it stands, then closed), or an
    iterable of bytes (sent as produced; its ``close()`` is called once). Message framing is the server's business: it
    adds Content-Length or chunks. Raises TypeError for any other body.
    """

    __slots__ = ("body", "headers", "status", "trailers")

    version = "HTTP/1.1"  # RFC 9112 §2.3: what a server speaks, whatever the request was

    def __init__(
        self,
        body: Body = b"",
        status: int = 200,
        headers: FieldLines = (),
        *,
        type: str | None = None,
    ) -> None:
        self.status = status
        if type and not headers:
            self.headers = Headers((("Content-Type", type),))
        else:
            self.headers = Headers(headers)
            if type:
                self.headers["Content-Type"] = type
        if isinstance(body, str):
            body = body.encode()
            self.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
        self.body: bytes | Iterable[bytes] | BinaryIO = body
        self.trailers: Callable[[], FieldLines] | None = None

    @classmethod
    def of(cls, answer: Answer) -> Response:
        """Return what a handler returned as a response: text, bytes, a mapping or a list as JSON, None as 204.

        Raises:
            HandlerError: it is something else.
        """
        from ehttpd.toolkit.answers import response_of

        return response_of(answer)

    @classmethod
    def text(cls, text: str, status: int = 200, headers: FieldLines = ()) -> Response:
        """Answer with plain text, in UTF-8."""
        return cls(text.encode(), status, headers, type="text/plain; charset=utf-8")

    @classmethod
    def ok(cls, body: Body = b"", headers: FieldLines = (), *, type: str | None = None) -> Response:
        """Answer 200."""
        return cls(body, 200, headers, type=type)

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: FieldLines = ()) -> Response:
        """Answer with a value as JSON (RFC 8259).

        Raises:
            TypeError, ValueError, RecursionError: it cannot be written as JSON.
        """
        from ehttpd.toolkit.json_encoding import encode_json

        return cls(encode_json(value), status, headers, type="application/json")

    @classmethod
    def html(cls, text: str, status: int = 200, headers: FieldLines = ()) -> Response:
        """Answer with HTML, in UTF-8."""
        return cls(text.encode(), status, headers, type="text/html; charset=utf-8")

    @classmethod
    def redirect(cls, location: str, status: int = 302, headers: FieldLines = ()) -> Response:
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
        headers: FieldLines = (),
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
            NotFound: there is no regular file of that name. OSError: it cannot be read.
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
        headers: FieldLines = (),
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
        cls, pieces: Iterable[bytes], status: int = 200, headers: FieldLines = (), *,
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
    def sse(cls, events: Iterable[Event], heartbeat: float | None = 15.0, headers: FieldLines = ()) -> Response:
        """Answer with server-sent events: text, or mappings with ``event``, ``data``, ``id`` and ``retry``.

        Each is sent when ``events`` gives it; after ``heartbeat`` seconds of silence a comment is, which also finds out
        whether the client has left. Then ``events`` is closed: a generator with its next event, anything else at once.
        It runs on a thread of its own, unless ``heartbeat`` is None.
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
        close = getattr(self.body, "close", None)
        self.body = b""
        if close is not None:
            close()

    def write_to(self, sink: Writable, request: Request | None = None) -> None:
        """Write the response as octets to whatever has ``write``, and close its body. For use without a server.

        ``request`` tells method and version; without it, a GET of HTTP/1.1 is answered.

        Raises:
            HandlerError: it cannot be sent; nothing was written.
        """
        from ehttpd.toolkit.octets import write_response

        write_response(self, sink, request)

    @classmethod
    def upgrade(cls, protocol: str, talk: Talk, headers: FieldLines = ()) -> Response:
        """Leave HTTP: the server sends 101, and ``talk`` is called with a `Tunnel` (RFC 9110 §7.8).

        A client that did not offer ``protocol`` in its Upgrade field gets 426. ``talk`` may take as long as it wants:
        it counts against ``max_upgrades``, not against ``threads``; beyond that the answer is 503. The connection
        closes when ``talk`` returns. Raises HandlerError if ``protocol`` is no name of a protocol.
        """
        from ehttpd.toolkit.upgrade import upgrade

        return upgrade(protocol, talk, headers)

    @classmethod
    def websocket(
        cls, talk: WebSocketTalk, subprotocols: Sequence[str] = (), *, origins: Collection[str] | None = None,
        max_message_size: int = 1 << 20, ping_interval: float = 20.0, ping_timeout: float = 20.0,
        headers: FieldLines = (),
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


class FileBody:
    """An open binary file as a body: sent from where it stands, by the kernel if that can, then closed.

    ``count`` octets of it, or all that is left. Also what PEP 3333 calls ``wsgi.file_wrapper``: anything with ``read``
    will do, and iterating gives its blocks.
    """

    __slots__ = ("block_size", "count", "file")

    def __init__(self, file: Any, block_size: int = 1 << 16, count: int | None = None) -> None:
        self.file = file
        self.block_size = block_size
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        if self.count is None:
            return iter(lambda: self.file.read(self.block_size), b"")
        return self._counted(self.count)

    def _counted(self, count: int) -> Iterator[bytes]:
        while count and (block := self.file.read(min(self.block_size, count))):
            yield block
            count -= len(block)

    def close(self) -> None:
        if hasattr(self.file, "close"):
            self.file.close()


Handler: TypeAlias = Callable[[Request], Response]
