"""A server for a test: that of production, on a port of its own, with everything it receives written down.

The test author's. Starts in a millisecond, stops in another, and can be made to misbehave on purpose.
"""

from __future__ import annotations

import io
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from itertools import count
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from ehttpd.errors import ConnectionLost, RaisedAnswer, RequestRefused
from ehttpd.launch.kind import Kind, kind_of
from ehttpd.messages import NO_BODY, Handler, Request, Response, streaming_as, streams_of
from ehttpd.messages import Client as Asker
from ehttpd.records import Record
from ehttpd.testing.client import PATIENCE, Client
from ehttpd.testing.connection import ObservedConnection
from ehttpd.testing.delivery import break_response, pause
from ehttpd.testing.faults import IN_A_RESPONSE, Fault
from ehttpd.testing.journal import Exchange, Journal, Origin, ReceivedRequest
from ehttpd.testing.observed import ObservedServer
from ehttpd.testing.verification import NoRequest, Unanswered, raise_together
from ehttpd.testing.watching import NotedBody, watch
from ehttpd.testing.wire import connect, say
from ehttpd.wsgi import Application, adapt

if TYPE_CHECKING:
    import ssl

    from ehttpd.testing.certificates import Authority
    from ehttpd.testing.wire_log import WireLog
    from ehttpd.toolkit.answers import Answer

# Seconds after which a stop says what it waits for.
SLOW_STOP = 5.0
# Seconds that what was accepted may take, once the test is over.
GRACE = 10.0


class TestServer:
    """Serves a WSGI application or a native handler to a test; a context manager, or `start` and `stop`.

    ``bind`` is one address: ``127.0.0.1:0`` (a port of the system's choice), another host and port, or ``unix:path``.
    ``tls``: with a certificate for localhost, 127.0.0.1 and ::1, made on the fly; True, or the `Authority` to sign it.
    ``settings`` are those of `ehttpd.native.Server`. Everything may be called from any thread.

    Leaving the block verifies: a handler's exceptions and what was not answered are raised in one group.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(
        self,
        app_or_handler: Application | Handler,
        *,
        tls: bool | Authority = False,
        bind: str = "127.0.0.1:0",
        **settings: Any,
    ) -> None:
        self._handler = handler_of(app_or_handler)
        self._streams = streams_of(self._handler)
        self._journal = Journal()
        self._faults: list[Fault] = []
        self._failures: list[BaseException] = []
        self._connections: dict[int, ObservedConnection] = {}
        self._indices = count()
        self._clients: list[Client] = []
        self._ending = threading.Event()
        self._started = False
        self.wire_log: WireLog | None = None  # what is said on the wire, if it is to be noted
        self.verified = False  # `verify` was called, by the end of a block or otherwise
        self._authority = authority_for(tls)
        handle = streaming_as(self._handler, lambda request: self._handle(request))
        self._server = ObservedServer(self, handle, self._note_refusal, self._server_context(), bind=bind, **settings)

    # Life

    def start(self) -> Self:
        """Listen and serve, unless it does already. Returns once connections are accepted. Raises ListenError."""
        if not self._started:
            self._started = True
            self._server.start()
        return self

    def stop(self, grace: float = GRACE) -> bool:
        """Answer what was accepted, for at most ``grace`` seconds, close everything; tell whether all was answered.

        Pauses and stalls of faults end at once. After 5 seconds it says on stderr what it waits for.
        """
        self._ending.set()
        self._close_clients()
        with self._slowness_reported():
            complete = self._server.stop(grace)
        if not complete:
            self._failures.append(Unanswered(f"The server stopped with something unanswered after {grace:g} s."))
        return complete

    def settle(self, timeout: float = 5.0) -> bool:
        """Wait until no handler runs and no body is being produced; tell whether that is so.

        To be called before what the handlers use is taken away, such as the contents of a database.
        """
        return self._journal.settle(timeout)

    def verify(self) -> None:
        """Raise what went wrong as one `BaseExceptionGroup`; nothing if nothing did."""
        self.verified = True
        raise_together(f"What {self.url} has seen", self.failures())

    def failures(self) -> list[BaseException]:
        """Return what went wrong so far: the exceptions of handlers, and what was not answered."""
        return [*self._failures, *(each.failure for each in self.exchanges if each.failure is not None)]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        self.stop()
        if error is None:
            self.verify()
            return
        for failure in self.failures():
            error.add_note(f"{self.url} has seen: {failure!r}")

    # Where it is, and how it is asked

    @property
    def url(self) -> str:
        """``http://127.0.0.1:43210``, with no slash at the end."""
        return self._server.url

    def url_for(self, target: str) -> str:
        """Return the URL of a target such as ``/items?page=2``."""
        return self.url + target

    def __str__(self) -> str:
        return self.url

    def __add__(self, target: str) -> str:
        """Return `url_for` a target: as pytest-django's live server does it."""
        return self.url + target

    @property
    def place(self) -> tuple[str, int] | str:
        """What a client connects to: host and port, or the path of a Unix socket."""
        return self._server.place

    @property
    def port(self) -> int:
        """The port, 0 for a Unix socket."""
        return self._server.port

    def client(self, timeout: float = PATIENCE) -> Client:
        """Return a client that keeps its connection and trusts the certificate. `stop` closes it."""
        context = self.ssl_context if self._authority is not None else None
        client = Client(self.place, context, timeout)
        self._clients.append(client)
        return client

    def wire(self, octets: bytes, *, half_close: bool = True, timeout: float = PATIENCE) -> bytes:
        """Send exactly these octets on a new connection, and return all that comes back until it ends.

        ``half_close``: tell the server that this was all, so that it ends the connection. Raises TimeoutError.
        """
        connected = connect(self.place, timeout)
        if self._authority is not None:
            connected = self.ssl_context.wrap_socket(connected, server_hostname="localhost")
            half_close = False
        return say(connected, octets, half_close=half_close)

    @property
    def ssl_context(self) -> ssl.SSLContext:
        """A client's context that trusts the certificate of this server, and no other."""
        return self._needed_authority().client_context()

    @property
    def ca_pem(self) -> str:
        """The path of the authority's certificate, ready for ``verify=`` and ``--cacert``."""
        return self._needed_authority().pem

    def _needed_authority(self) -> Authority:
        if self._authority is None:
            raise RuntimeError("The server has no certificate. Start it with tls=True.")
        return self._authority

    def _server_context(self) -> ssl.SSLContext | None:
        return self._authority.server_context() if self._authority is not None else None

    # What it has seen

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, in order of arrival."""
        return self._journal.requests

    @property
    def exchanges(self) -> list[Exchange]:
        """Every exchange so far, requests that were refused among them. ``str()`` makes a line of each."""
        return self._journal.exchanges

    def take(self, timeout: float = 5.0) -> ReceivedRequest:
        """Return the next request that was not taken yet; wait for it.

        Raises:
            NoRequest: none came within ``timeout`` seconds.
        """
        received = self._journal.take(timeout)
        if received is None:
            raise NoRequest(self._nothing_came(timeout))
        return received

    def _nothing_came(self, timeout: float) -> str:
        return f"No request came to {self.url} within {timeout:g} s. So far there were {len(self.requests)}."

    # What goes wrong

    def fail(self, fault: Fault) -> None:
        """Have a fault strike from now on, whatever is asked."""
        if fault.at == "tls" and self._authority is None:
            raise ValueError("A fault at the stage 'tls' needs a server with tls=True.")
        self._faults.append(fault)

    def hang_up(self) -> None:
        """Close every connection, and the clients of `client`."""
        self.close_connections()
        self._close_clients()

    def _close_clients(self) -> None:
        for client in self._clients:
            client.close()
        self._clients.clear()

    def reset(self) -> None:
        """Begin anew: connections are closed; faults, requests and what went wrong so far are forgotten."""
        self.hang_up()
        self._journal = Journal()
        self._faults.clear()
        self._failures.clear()
        self.verified = False
        if self.wire_log is not None:
            self.wire_log.clear()

    def heal(self) -> None:
        """Have no fault of `fail` strike any more."""
        self._faults.clear()

    def refuse(self) -> AbstractContextManager[None]:
        """Refuse connections while the block runs; the port is kept. Connections that exist live on."""
        return self._server.port_kept().refusing(self._server.lane, self._server.switch)

    def blackhole(self) -> AbstractContextManager[None]:
        """Leave connections unanswered while the block runs, so that connecting times out (Linux)."""
        return self._server.port_kept().swallowing(self._server.lane, self._server.switch)

    def close_connections(self) -> None:
        """End every connection there is, whatever it is doing."""
        import socket

        for connection in list(self._connections.values()):
            try:
                connection.socket.shutdown(socket.SHUT_RDWR)
            except OSError:  # it has ended meanwhile
                pass

    # What the server tells: an `Observer` of its connections

    def opened(self, connection: ObservedConnection) -> int:
        self._connections[id(connection)] = connection
        return next(self._indices)

    def closed(self, connection: ObservedConnection) -> None:
        self._connections.pop(id(connection), None)

    def break_at(self, stage: str, request: Request | None = None) -> Fault | None:
        fault = self._struck((stage,))
        return self._note_break(fault, request) if fault is not None else None

    def _note_break(self, fault: Fault, request: Request | None) -> Fault:
        exchange = Exchange(None, f"{request.method} {request.target}" if request is not None else "no request yet")
        exchange.fault = repr(fault)
        self._journal.add(exchange)
        return fault

    def _struck(self, stages: Iterable[str]) -> Fault | None:
        """Return the first fault that strikes at one of these stages."""
        return next((fault for fault in self._faults if fault.at in stages and fault.strikes()), None)

    def _note_refusal(self, record: Record) -> None:
        if record.refusal:
            exchange = Exchange(None, record.request_line)
            exchange.answered(record.status)
            self._journal.add(exchange)

    # The handler of every request

    def _handle(self, request: Request) -> Response:
        exchange, received = self._note(request)
        response: Response | None = None
        try:
            self._wait_for(request.client)
            response, fault = self._respond(request, received)
        except (RequestRefused, ConnectionLost) as error:
            exchange.answered(error.status if isinstance(error, RequestRefused) else 0)
            raise
        except BaseException as error:
            exchange.failure = error
            exchange.answered(500)
            raise
        finally:
            if response is None:
                self._journal.end(exchange)
        watch(response, exchange, self._journal)
        exchange.answered(int(str(response.status)[:3]))
        fault = self._struck(IN_A_RESPONSE) or fault
        if fault is None:
            return response
        exchange.fault = repr(fault)
        return break_response(request, response, fault, self._ending)

    def _wait_for(self, client: Asker) -> None:
        """Wait as long as what went wrong before a request says. Raises ConnectionLost if the server stops."""
        if isinstance(client, ObservedConnection) and client.pause:
            seconds, client.pause = client.pause, 0.0
            pause(seconds, self._ending)

    def _note(self, request: Request) -> tuple[Exchange, ReceivedRequest]:
        streams = self._streams is not None and request.body is not NO_BODY and self._streams(request)
        body = b"" if streams else request.body.read()
        if body:
            request.body.seek(0)
        client = request.client.connection
        place = client.place() if isinstance(client, ObservedConnection) else (-1, 0)
        received = ReceivedRequest(request, body, Origin(*place, client.remote))
        if streams:
            request.body = io.BufferedReader(NotedBody(request.body, received))
        exchange = Exchange(received, f"{request.method} {request.target}")
        exchange.running = True
        self._journal.add(exchange)
        return exchange, received

    def _respond(self, request: Request, received: ReceivedRequest) -> tuple[Response, Fault | None]:
        """Return the response to a request, and what is to go wrong with it."""
        return self._answered(self._handler, request), None

    @staticmethod
    def _answered(handler: Callable[[Request], Answer], request: Request) -> Response:
        """Call a handler; return what it answers, returned or raised."""
        try:
            return Response.of(handler(request))
        except RaisedAnswer as raised:
            response: Response = raised.response(request)
            return response

    # A stop that takes long

    @contextmanager
    def _slowness_reported(self) -> Iterator[None]:
        """Have a block reported on if it takes long."""
        if not self._connections:  # then there is nothing to wait for, and a thread less to start
            yield
            return
        timer = threading.Timer(SLOW_STOP, self._report_slowness)
        timer.start()
        try:
            yield
        finally:
            timer.cancel()
            timer.join()

    def _report_slowness(self) -> None:
        sys.stderr.write(f"{self.url} has been stopping for {SLOW_STOP:g} s. It waits for:\n{self.states()}\n")

    def states(self) -> str:
        """Return a line for each open connection, with its state, and the stack of each thread that serves one."""
        lines = [str(connection) for connection in list(self._connections.values())]
        frames = sys._current_frames()
        for identifier, connection in self._server.lane.pool.inside:
            if identifier in frames:
                stack = "".join(traceback.format_stack(frames[identifier]))
                lines.append(f"the thread that serves {connection.remote[0]}:{connection.remote[1]}:\n{stack}")
        return "\n".join(lines)


def handler_of(app_or_handler: Any) -> Handler:
    """Return a handler for what a test wants to serve. Raises TypeError."""
    kind = kind_of(app_or_handler)
    if kind is Kind.WSGI:
        return adapt(app_or_handler)
    if kind is Kind.NATIVE:
        return app_or_handler  # type: ignore[no-any-return]
    raise TypeError(f"Give a WSGI application or a handler of requests. Found {kind.value}: {app_or_handler!r}.")


def authority_for(tls: bool | Authority) -> Authority | None:
    """Return who signs the certificate of a server, if it has one."""
    if tls is False:
        return None
    from ehttpd.testing.certificates import session_authority

    return session_authority() if tls is True else tls
