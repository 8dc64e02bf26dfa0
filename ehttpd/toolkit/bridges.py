"""Between handlers and PEP 3333: an application as a handler, a handler as an application.

The authority is PEP 3333. Serving an application is wsgi.py; this is for mixing the two.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from itertools import chain
from typing import TYPE_CHECKING, Any, BinaryIO, cast
from urllib.parse import quote

from ehttpd.fields import FieldLine, Fields, Headers
from ehttpd.messages import (
    NO_BODY,
    REASONS,
    Client,
    FileBody,
    Handler,
    Request,
    Response,
    close_body,
    percent_decode,
)
from ehttpd.messages.mounting import MountedRequest
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.wsgi import Application, Environ, adapt

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# What a connection is for is its server's to say (PEP 3333, "Other HTTP Features").
OF_THE_CONNECTION = frozenset(
    ("connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade")
)
# Which characters of a path stand for themselves (RFC 3986 §3.3).
PATH_CHARACTERS = "/!$&'()*+,;=:@-._~"
MOST_MOUNTS = 100


class Gateway(Client):
    """Who asked, as another server's environ tells."""

    __slots__ = ("_environ", "_start_response", "begun")

    def __init__(self, environ: Environ, start_response: Callable[..., Any]) -> None:
        remote = (environ.get("REMOTE_ADDR", ""), int(environ.get("REMOTE_PORT") or 0))
        super().__init__(remote, (environ["SERVER_NAME"], int(environ["SERVER_PORT"])), environ["wsgi.url_scheme"])
        self._environ = environ
        self._start_response = start_response
        self.begun = False  # by an application below that has called ``write``

    @property
    def response_begun(self) -> bool:
        return self.begun

    def start_response(self, request: Request, status: int, headers: Iterable[FieldLine]) -> Callable[[bytes], None]:
        """Begin a response before its handler returns (PEP 3333, "The write() Callable")."""
        self.begun = True
        write: Callable[[bytes], None] = self.begin(status, headers)
        return write

    def begin(self, status: int, headers: Iterable[FieldLine]) -> Any:
        """Call the server's ``start_response``; return what that does."""
        reason = getattr(status, "reason", None) or REASONS.get(status, "Unknown")
        fields = [line for line in headers if line[0].lower() not in OF_THE_CONNECTION]
        return self._start_response(f"{int(status)} {reason}", fields)

    def send_interim(self, request: Request, status: int, headers: Iterable[FieldLine]) -> None:
        """Send early hints where the server can (``wsgi.early_hints``), and nothing elsewhere."""
        send = self._environ.get("wsgi.early_hints")
        if status == 103 and send is not None:
            send(list(headers))


def from_wsgi(application: Application) -> Handler:
    """Return a handler that runs a WSGI application. Where it is mounted is the application's ``SCRIPT_NAME``.

    The handler returns once ``start_response`` was called: before the body, or with its first piece.
    """
    handlers: dict[str, Handler] = {}

    def handler(request: Request) -> Response:
        mount = request.mount
        mounted = handlers.get(mount)
        if mounted is None:
            mounted = adapt(_mounted(application, mount) if mount else application)
            if len(handlers) < MOST_MOUNTS:
                handlers[mount] = mounted
        response = mounted(request)
        if not response.status:
            response.body = _Begun(response.body)
        response.headers = Headers(response.headers)
        return response

    return handler


def _mounted(application: Application, mount: str) -> Application:
    script_name = percent_decode(mount).decode("latin-1")

    def mounted(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        environ["SCRIPT_NAME"] += script_name
        environ["REQUEST_URI"] = environ["RAW_URI"] = mount + environ["RAW_URI"]
        return application(environ, start_response)

    return mounted


class _Begun:
    """A body whose first piece was taken, so that its application calls ``start_response``."""

    def __init__(self, body: Any) -> None:
        self._body = body
        try:
            pieces = iter(body)
            self._pieces = chain([next(pieces, b"")], pieces)
        except BaseException:
            self.close()
            raise

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._pieces)

    def close(self) -> None:
        close_body(self._body)


def to_wsgi(handler: View) -> Application:
    """Return a WSGI application that runs a handler, under any server and in any test client.

    What such a server cannot do is left out: trailers, interim responses, and what a handler says about its connection.
    What the handler raises is raised on, unless it is an answer.
    """

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        gateway = Gateway(environ, start_response)
        response = answer_of(handler, _request(environ, gateway))
        body: Any = response.body
        if gateway.begun:  # what the head says now comes too late
            return _iterable(body, environ)
        if "content-length" not in response.headers and _tells_length(body, response.status, environ):
            response.headers.add("Content-Length", str(len(body)))
        gateway.begin(response.status, response.headers)
        return _iterable(body, environ)

    return application


def _tells_length(body: Any, status: int, environ: Environ) -> bool:
    """Tell whether a body is as long as the one of GET. To HEAD, nothing may be all that is left of one (RFC 9110
    §8.6).
    """
    left_out = body == b"" and environ["REQUEST_METHOD"] == "HEAD"
    return isinstance(body, bytes) and status not in (204, 304) and not left_out


def _iterable(body: Any, environ: Environ) -> Iterable[bytes]:
    """Return the body of a response as what an application returns."""
    if environ["REQUEST_METHOD"] == "HEAD":
        close_body(body)
        return []
    if isinstance(body, bytes):
        return [body]
    if hasattr(body, "read"):
        return cast("Iterable[bytes]", environ.get("wsgi.file_wrapper", FileBody)(body))
    return cast("Iterable[bytes]", body)


def _request(environ: Environ, client: Gateway) -> Request:
    """Return the request that an environ stands for."""
    mount = quote(environ.get("SCRIPT_NAME", "").encode("latin-1"), PATH_CHARACTERS)
    path = quote(environ.get("PATH_INFO", "").encode("latin-1"), PATH_CHARACTERS) or "/"
    query = environ.get("QUERY_STRING", "")
    target = f"{path}?{query}" if query else path
    fields = Fields(list(_field_lines(environ)))
    request = Request(
        environ["REQUEST_METHOD"], mount + target, environ["SERVER_PROTOCOL"], fields, _body(environ), client
    )
    return MountedRequest(request, mount, target) if mount else request


def _field_lines(environ: Environ) -> Iterator[tuple[str, str]]:
    for key, value in environ.items():
        if key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if value:
                yield key.replace("_", "-").title(), value
        elif key.startswith("HTTP_"):
            yield key[5:].replace("_", "-").title(), value


def _body(environ: Environ) -> BinaryIO:
    length = environ.get("CONTENT_LENGTH")
    if not length and not environ.get("wsgi.input_terminated"):
        return NO_BODY
    return cast("BinaryIO", io.BufferedReader(_Input(environ["wsgi.input"], int(length) if length else None)))


class _Input(io.RawIOBase):
    """``wsgi.input`` as a file that ends where the body ends."""

    def __init__(self, source: Any, left: int | None) -> None:
        self._source = source
        self._left = left  # None: the server ends it

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer)
        data: bytes = self._source.read(len(view) if self._left is None else min(len(view), self._left))
        if self._left is not None:
            self._left -= len(data)
        view[: len(data)] = data
        return len(data)
