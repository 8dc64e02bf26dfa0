"""Applications written for PEP 3333: adapted to a `Handler`, served, embedded.

The author of a WSGI application's side. Knows requests and responses, not how they are written.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from ehttpd.cancellation import NO_DEADLINE
from ehttpd.errors import ConnectionLost, HandlerError
from ehttpd.fields import FieldLine
from ehttpd.http11 import grammar
from ehttpd.messages import NO_BODY, Client, FileBody, Handler, Request, Response, Status, percent_decode
from ehttpd.messages.naming import new_name, unused

if TYPE_CHECKING:
    from ehttpd.messages.tls import TLS
    from ehttpd.server.tunnel import Tunnel

Environ: TypeAlias = dict[str, Any]
ExcInfo: TypeAlias = "tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]"
Application: TypeAlias = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

__all__ = ["adapt", "make_server", "serve"]

# Field names in lower case -> environ keys. Names with an underscore are left out, since X_Real_IP and X-Real-IP
# would be one; so is Proxy, which CGI programs take for their own HTTP_PROXY.
LEFT_OUT = ""
MADE_ONCE = "made once"
_KEYS = {"content-type": "CONTENT_TYPE", "content-length": "CONTENT_LENGTH", "proxy": LEFT_OUT}
_STATUSES: dict[str, Status] = {}
_MOST_KEPT = 2000


def adapt(
    application: Application, *, multithread: bool = True, multiprocess: bool = False, named: bool = False,
    given: bool = True, kept: bool = False,
) -> Handler:  # fmt: skip
    """Return a handler that runs a WSGI application (PEP 3333).

    ``named``: it finds the name of each request in ``environ["ehttpd.request_id"]``, which is new unless names are
    ``given`` by clients; and with ``kept``, records find the environ as it left it. Each costs tenths of a microsecond.
    """
    of_servers = _OfServers(_standing(multithread, multiprocess, named))

    def handler(request: Request) -> Response:
        fields = request.headers
        earlier = fields if fields.earlier is None else fields.earlier
        template = earlier.derived
        if type(template) is dict:
            environ = template.copy()
        else:
            connection = request.client.connection
            of_server = of_servers[connection.local, connection.scheme]
            environ = _environ(of_server, request, connection, earlier.values)
            # Kept from the second request on: most connections that rest have made one.
            earlier.derived = MADE_ONCE if template is None else environ.copy()
        if fields.changes:
            for name, value in fields.changes.items():
                environ[_KEYS.get(name) or _key(name)] = value
            environ.pop(LEFT_OUT, None)
            if request.client.by_proxy:
                _tell_client(environ, request.client)
        environ["REQUEST_METHOD"] = request.method
        environ["REQUEST_URI"] = environ["RAW_URI"] = target = request.target
        if target[0] != "/":
            path, query = request.raw_path, request.raw_query
        else:
            path, _, query = target.partition("?")
        environ["PATH_INFO"] = percent_decode(path).decode("latin-1") if "%" in path else path
        environ["QUERY_STRING"] = query
        environ["wsgi.input"] = body = request.body
        if body is not NO_BODY and "CONTENT_LENGTH" not in environ:
            _tell_length(environ, body)
        if request.deadline is not NO_DEADLINE:
            environ["ehttpd.deadline"] = request.deadline
        if named:
            if given or request._name or request._state is not None:
                environ["ehttpd.request_id"] = request.named()
            else:  # the same, for nobody has named it
                try:
                    environ["ehttpd.request_id"] = request._name = unused.pop()
                except IndexError:
                    environ["ehttpd.request_id"] = request._name = new_name()
            if kept:
                request.state["environ"] = environ
        answer = Answer(request)
        return answer.take(application(environ, answer.start_response))

    handler.below = lambda prefix: adapt(  # type: ignore[attr-defined]
        _below(application, prefix), multithread=multithread, multiprocess=multiprocess,
        named=named, given=given, kept=kept,
    )  # fmt: skip
    return handler


def _standing(multithread: bool, multiprocess: bool, named: bool) -> Environ:
    """Return what all requests have in common."""
    return {
        "SCRIPT_NAME": "",
        "wsgi.version": (1, 0),
        "wsgi.errors": ERRORS,
        "wsgi.multithread": multithread,
        "wsgi.multiprocess": multiprocess,
        "wsgi.run_once": False,
        "wsgi.input_terminated": True,
        "wsgi.file_wrapper": FileBody,
        "ehttpd.deadline": NO_DEADLINE,
        # Each request has its own of these. They stand here so that setting them makes no dictionary grow.
        **dict.fromkeys(("REQUEST_METHOD", "REQUEST_URI", "RAW_URI", "PATH_INFO", "QUERY_STRING", "wsgi.input")),
        **dict.fromkeys(("SERVER_PROTOCOL", "REMOTE_ADDR", "REMOTE_PORT", "ehttpd.disconnected")),
        **({"ehttpd.request_id": None} if named else {}),
    }


class StandardError:
    """What ``sys.stderr`` is when it is written to: tests capture it, whoever has begun before them."""

    __slots__ = ()

    if not TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            return getattr(sys.stderr, name)


ERRORS = StandardError()


def _below(application: Application, prefix: str) -> Application:
    """Return an application that is served below a path; see `ehttpd.messages.mounting.below`."""
    script_name = percent_decode(prefix).decode("latin-1")

    def below(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == script_name or path.startswith(script_name + "/"):
            environ["PATH_INFO"] = path[len(script_name) :]
        environ["SCRIPT_NAME"] += script_name
        return application(environ, start_response)

    return below


def _tell_length(environ: Environ, body: Any) -> None:
    """Tell how long a body is that came in chunks, and is here without them (RFC 3875 §4.1.2): some applications read
    no other.
    """
    if body.seekable():
        environ["CONTENT_LENGTH"] = str(body.seek(0, os.SEEK_END))
        environ.pop("HTTP_TRANSFER_ENCODING", None)  # both would be passed on, and read differently
        body.seek(0)


class _OfServers(dict[tuple[tuple[str, int], str], Environ]):
    """Address and scheme -> what all requests there have in common: what is ``standing``, and more."""

    def __init__(self, standing: Environ) -> None:
        self._standing = standing

    def __missing__(self, place: tuple[tuple[str, int], str]) -> Environ:
        (name, port), scheme = place
        secured = {"HTTPS": "on"} if scheme == "https" else {}
        environ = {
            **self._standing,
            **secured,
            "wsgi.url_scheme": scheme,
            # A Unix socket has neither, and PEP 3333 wants both.
            "SERVER_NAME": name if port else "localhost",
            "SERVER_PORT": str(port or (443 if secured else 80)),
        }
        if len(self) < _MOST_KEPT:
            self[place] = environ
        return environ


def tls_environ(tls: TLS) -> Environ:
    """Return what applications may want to know of an encrypted connection, as Apache's mod_ssl names it."""
    from ehttpd.server.tls.environ import environ_of

    return environ_of(tls)


def _tell_client(environ: Environ, client: Client) -> None:
    """Put what a trusted proxy tells of a client in the place of what the connection shows."""
    told = client.derived
    if told is None:
        told = client.derived = _told(client)
    environ.update(told)
    if "HTTPS" not in told:
        environ.pop("HTTPS", None)


def _told(client: Client) -> Environ:
    address, port = client.remote
    name, local_port = client.local
    return {
        "REMOTE_ADDR": address,
        "REMOTE_PORT": str(port),
        "SERVER_NAME": name if local_port else "localhost",
        "SERVER_PORT": str(local_port or 80),
        "SCRIPT_NAME": client.prefix,
        "wsgi.url_scheme": client.scheme,
        **({"HTTPS": "on"} if client.scheme == "https" else {}),
    }


def _environ(of_server: Environ, request: Request, connection: Client, values: Mapping[str, str]) -> Environ:
    """Return what requests with these values of their fields, on the same connection, have in common."""
    environ = of_server.copy()
    address, port = connection.remote
    environ["SERVER_PROTOCOL"] = request.version
    environ["REMOTE_ADDR"] = address
    environ["REMOTE_PORT"] = str(port)
    environ["ehttpd.disconnected"] = request.disconnected
    if connection.proxy_protocol is not None:
        environ["ehttpd.proxy_protocol"] = connection.proxy_protocol
    if "HTTPS" in environ and request.client.tls is not None:
        environ.update(tls_environ(request.client.tls))
    try:
        environ.update(zip(map(_KEYS.__getitem__, values), values.values(), strict=True))
    except KeyError:
        environ.update((_key(name), value) for name, value in values.items())
    environ.pop(LEFT_OUT, None)
    if request.client.by_proxy and request.headers.earlier is None:  # else the fields are those of other clients, too
        _tell_client(environ, request.client)
    if "HTTP_UPGRADE" in environ:
        environ["werkzeug.socket"] = environ["gunicorn.socket"] = TakenSocket(request.client)
    return environ


def _key(name: str) -> str:
    key = _KEYS.get(name)
    if key is None:
        key = LEFT_OUT if "_" in name else "HTTP_" + name.upper().replace("-", "_")
        if len(_KEYS) < _MOST_KEPT:
            _KEYS[name] = key
    return key


def _parse_status(text: object) -> Status:
    match = grammar.STATUS.fullmatch(text) if type(text) is str else None
    if not match or int(match[1]) < 200:
        raise HandlerError(
            "A WSGI status must be three digits from 200 to 599, a space and a reason in latin-1, such as '200 OK'. "
            f"Found {text!r}."
        )
    status = Status(int(match[1]), match[2] or "")
    if len(_STATUSES) < _MOST_KEPT and len(match[0]) < 64:
        _STATUSES[match[0]] = status
    return status


class Answer(Response):
    """The response that an application builds through ``start_response`` and its iterable. One thread at a time."""

    __slots__ = ("_request", "_write")

    trailers = None
    shared = None

    def __init__(self, request: Request) -> None:
        self._request = request
        self._write: Callable[[bytes], None] | None = None
        self.status = 0  # until start_response is called

    if not TYPE_CHECKING:  # or every name would seem to be here

        def __getattr__(self, name: str) -> Any:
            """Say why there are no ``headers``, the one attribute that may not be there yet."""
            if name == "headers":
                raise _not_started()
            return super().__getattr__(name)

    def start_response(
        self, status: str, headers: list[FieldLine], exc_info: ExcInfo | None = None
    ) -> Callable[[bytes], None]:  # fmt: skip
        if self.status:
            if exc_info is None:
                raise HandlerError("start_response was called a second time without exc_info.")
            if self._request.client.response_begun:
                if exc_info[1] is None:
                    raise HandlerError("start_response was called a second time, and the response has begun.")
                try:
                    raise exc_info[1].with_traceback(exc_info[2])
                finally:
                    exc_info = None
        self.status = _STATUSES.get(status) or _parse_status(status)
        self.headers = headers  # type: ignore[assignment]
        if exc_info is not None and self._write is not None:  # called with nothing to send
            self._begin()
        return self.write

    def write(self, data: bytes) -> None:
        """Send data before the application returns (PEP 3333, "The write() Callable")."""
        write = self._write or self._begin()
        write(data)

    def _begin(self) -> Callable[[bytes], None]:
        self._write = write = self._request.client.start_response(self._request, self.status, self.headers)
        return write

    def take(self, result: Iterable[bytes]) -> Response:
        """Take what the application returned for the body."""
        if type(result) in (list, tuple) and self._write is None:
            if not self.status:
                raise _not_started()
            if len(result) == 1 and type(result[0]) is bytes:  # type: ignore[arg-type,index]
                result = result[0]  # type: ignore[index,assignment]
        elif result is None:
            raise HandlerError("The application returned None instead of an iterable.")
        elif self._write is not None and isinstance(result, bytes):
            result = (result,)
        self.body = result
        return self


def _not_started() -> HandlerError:
    return HandlerError("The application returned without calling start_response.")


class TakenSocket:
    """The client's socket, for an application that leaves HTTP: with the first call, and nothing is answered any more.

    PEP 3333 has no word for this. Programs look for ``werkzeug.socket`` or ``gunicorn.socket``, and these methods are
    what they use of a socket; a blocking one. See `Tunnel` for what happens when the server stops.
    """

    __slots__ = ("_client", "_taken")

    def __init__(self, client: Client) -> None:
        self._client = client
        self._taken: Tunnel | None = None

    def _tunnel(self) -> Tunnel:
        if self._taken is None:
            self._taken = self._client.take_over()
        return self._taken

    def recv(self, size: int, flags: int = 0) -> bytes:
        """Return what has arrived, at most ``size`` octets; ``b""`` at the end. Raises OSError as a socket does."""
        try:
            return self._tunnel().recv(size)
        except ConnectionLost as error:
            raise ConnectionResetError(str(error)) from None

    def send(self, data: bytes, flags: int = 0) -> int:
        """Send all of ``data``; return its length. Raises OSError as a socket does."""
        try:
            return self._tunnel().write(data)
        except ConnectionLost as error:
            raise BrokenPipeError(str(error)) from None

    def sendall(self, data: bytes, flags: int = 0) -> None:
        """As `send`."""
        self.send(data)

    def settimeout(self, seconds: float | None) -> None:
        """Have `recv` raise TimeoutError after ``seconds`` of silence; None: never."""
        self._tunnel().timeout = seconds

    def fileno(self) -> int:
        """Return the descriptor, to wait for it."""
        return self._tunnel().fileno()

    def shutdown(self, how: int) -> None:
        """As `close`."""
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._tunnel().close()


def serve(
    application: Application, bind: str | tuple[str, ...] | list[str] = "127.0.0.1:8000", **settings: Any
) -> None:
    """Serve a WSGI application until SIGINT or SIGTERM; then drain, for ``graceful_timeout`` seconds.

    To be called from the main thread. ``settings`` are those of `Server`, such as ``threads``.

    Raises:
        SettingsError, ListenError: see `Server`.
    """
    from ehttpd.server.server import Server
    from ehttpd.server.signals import run

    run(Server(adapt(application), bind=bind, **settings))


def make_server(
    host: str, port: int, app: Application, server_class: object = None, handler_class: object = None
) -> WSGIServer:  # fmt: skip
    """Return a server that listens on ``host`` and ``port`` (0: one that is free), like
    `wsgiref.simple_server.make_server`.

    ``server_class`` and ``handler_class`` are taken for the sake of that function's callers, and not used.

    Raises:
        ListenError: the address cannot be listened on.
    """
    return WSGIServer((host, port), app)


class WSGIServer:
    """What `wsgiref.simple_server.WSGIServer` offers to those who embed it, on our server."""

    def __init__(self, server_address: tuple[str, int], application: Application) -> None:
        from ehttpd.server.server import Server

        host, port = server_address
        self._application = application
        self._answered = threading.Semaphore(0)
        self._serves = False
        self._server = Server(self._handle, bind=f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
        self._server.listen()
        self.server_address = (host, self._server.port)
        self.server_name, self.server_port = self.server_address

    def _handle(self, request: Request) -> Response:
        try:
            return adapt(self._application)(request)
        finally:
            self._answered.release()

    def get_app(self) -> Application:
        """Return the application."""
        return self._application

    def set_app(self, application: Application) -> None:
        """Serve another application from the next request on."""
        self._application = application

    def fileno(self) -> int:
        """Return the descriptor of the listening socket."""
        return self._server.fileno()

    def serve_forever(self, poll_interval: float = 0.5) -> None:
        """Serve until another thread calls `shutdown`. ``poll_interval`` is not needed: nothing is polled."""
        self._server.serve_forever()

    def handle_request(self) -> None:
        """Wait until one more request has been answered. The server starts, and goes on answering between two calls."""
        if not self._serves:
            self._serves = True
            self._server.start()
        self._answered.acquire()

    def shutdown(self) -> None:
        """Stop: answer what was accepted, then make `serve_forever` return."""
        self._server.stop()

    def server_close(self) -> None:
        """Stop listening."""
        self._server.stop(grace=0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        self.server_close()
