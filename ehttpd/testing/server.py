"""A server for a test: that of production, on a port of its own, with everything it receives written down.

The test author's. Starts in a millisecond, stops in another, and can be made to misbehave on purpose.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from types import TracebackType

from ehttpd.launch.kind import Kind, kind_of
from ehttpd.messages import Handler, Request, Response, View, streaming_as
from ehttpd.messages.mounting import below
from ehttpd.testing import slowness
from ehttpd.testing.client import Client
from ehttpd.testing.faults import Fault
from ehttpd.testing.journal import Exchange, ReceivedRequest
from ehttpd.testing.observation import Observation, answered
from ehttpd.testing.observed import ObservedServer
from ehttpd.testing.slowness import SLOW_STOP
from ehttpd.testing.verification import NoRequest, Unanswered, all_together
from ehttpd.testing.wire import PATIENCE, Address, connect, say
from ehttpd.typed import TYPE_CHECKING
from ehttpd.wsgi import Application, adapt

if TYPE_CHECKING:
    import ssl
    from typing import Any, Self

    from ehttpd.testing.certificates import Authority
    from ehttpd.testing.wire_log import WireLog

# Seconds that what was accepted may take, once the test is over.
GRACE = 10.0


class TestServer:
    """Serves a WSGI application or a native handler to a test; a context manager, or `start` and `stop`.

    ``bind`` is one address: ``127.0.0.1:0`` (a port of the system's choice), another host and port, or ``unix:path``.
    ``tls``: with a certificate for localhost, 127.0.0.1 and ::1, made on the fly; True, or the `Authority` to sign it.
    ``settings`` are those of `ehttpd.native.Server`. Everything may be called from any thread.

    Leaving the block verifies: a handler's exceptions and what was not answered are raised, as `verify` does it.
    """

    __test__ = False  # pytest: no class of tests

    def __init__(
        self,
        app_or_handler: Application | View,
        *,
        tls: bool | Authority = False,
        bind: str = "127.0.0.1:0",
        **settings: Any,
    ) -> None:
        self._handler = handler_of(app_or_handler)
        self._observation = seen = Observation(self)
        self._failures: list[BaseException] = []
        self._clients: list[Client] = []
        self.slowness = ""  # what a stop that took long was waiting for
        self.verified = False  # `verify` was called, by the end of a block or otherwise
        self._authority = authority_for(tls)
        handle = streaming_as(self._handler, lambda request: seen.handle(request))
        handle.below = lambda prefix: self._mounted(prefix, handle)  # type: ignore[attr-defined]
        self._server = ObservedServer(seen, handle, seen.note_refusal, self._server_context(), bind=bind, **settings)

    # Life

    def start(self) -> Self:
        """Listen and serve, unless it does already. Returns once connections are accepted.

        Raises:
            ListenError: the address cannot be listened on.
            RuntimeError: it has been stopped. Another is made in no time.
        """
        if self._observation.ending.is_set():
            raise RuntimeError("The server has been stopped, and does not start again. Make another.")
        self._server.start_once()
        return self

    def stop(self, grace: float = GRACE) -> bool:
        """Answer what was accepted, for at most ``grace`` seconds, close everything; tell whether all was answered.

        Pauses and stalls of faults end at once. After 5 seconds it says on stderr what it waits for.
        """
        self._observation.ending.set()
        self._close_clients()
        # Where nobody is connected there is nothing to wait for, and a thread less to start.
        waits = self._observation.connections
        with slowness.reported_if_slow(self._report_slowness) if waits else nullcontext():
            complete = self._server.stop(grace)
        if not complete:
            self._observation.hang_up()  # or who has asked would wait for as long as the handler takes
            self._failures.append(Unanswered(f"The server stopped with something unanswered after {grace:g} s."))
        return complete

    def _report_slowness(self) -> None:
        self.slowness = f"{self.url} has been stopping for {SLOW_STOP:g} s. It waits for:\n{self.states()}\n"
        sys.stderr.write(self.slowness)

    def states(self) -> str:
        """Return a line for each open connection, with its state, and the stack of each thread that serves one."""
        return slowness.states(self._observation, self._server.lane)

    def settle(self, timeout: float = 5.0) -> bool:
        """Wait until no handler runs and no body is being produced; tell whether that is so.

        To be called before what the handlers use is taken away, such as the contents of a database.
        """
        return self._observation.journal.settle(timeout)

    def verify(self) -> None:
        """Raise what went wrong, as a `BaseExceptionGroup` if it is more than one thing; nothing if nothing did."""
        self.verified = True
        failures = self.failures()
        if failures:
            raise all_together(f"What {self.url} has seen", failures)

    def failures(self) -> list[BaseException]:
        """Return what went wrong so far: what the log calls the application's failures, and what was not answered."""
        return [*self._failures, *(failure for each in self.exchanges for failure in each.failures)]

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

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.url if self._server.started else 'that has not been started'}>"

    def url_for(self, target: str) -> str:
        """Return the URL of a target such as ``/items?page=2``."""
        return self.url + target

    def __str__(self) -> str:
        return self.url

    def __add__(self, target: str) -> str:
        """Return `url_for` a target: as pytest-django's live server does it."""
        return self.url + target

    @property
    def place(self) -> Address:
        """What a client connects to: host and port, or the path of a Unix socket."""
        return self._server.place

    @property
    def port(self) -> int:
        """The port, 0 for a Unix socket."""
        return self.place[1] if isinstance(self.place, tuple) else 0

    def client(self, timeout: float = PATIENCE) -> Client:
        """Return a client that keeps its connection and trusts the certificate. `stop` closes it."""
        client = Client(self.place, self._client_context(), timeout)
        self._clients.append(client)
        return client

    def wire(self, octets: bytes, *, half_close: bool = True, timeout: float = PATIENCE) -> bytes:
        """Send exactly these octets on a new connection, and return all that comes back until it ends.

        ``half_close``: tell the server that this was all, so that it ends the connection. With TLS they are what is
        encrypted. Raises TimeoutError, and what comes of it if a fault keeps it from connecting.
        """
        __tracebackhide__ = True  # pytest: a failure is shown where the test asks
        return say(connect(self.place, timeout), octets, half_close=half_close, context=self._client_context())

    def listen_also(self, address: str) -> str:
        """Listen at another address as well, from now on; return its URL. Raises ListenError."""
        return self._server.listen_also(address)

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

    def _client_context(self) -> ssl.SSLContext | None:
        return self._authority.client_context() if self._authority is not None else None

    def _server_context(self) -> ssl.SSLContext | None:
        return self._authority.server_context() if self._authority is not None else None

    # What it has seen

    @property
    def requests(self) -> list[ReceivedRequest]:
        """Every request so far, in order of arrival."""
        return self._observation.journal.requests

    @property
    def wire_log(self) -> WireLog | None:
        """What is said on the wire, if it is to be noted: set it to a `WireLog` before the first request."""
        return self._observation.wire_log

    @wire_log.setter
    def wire_log(self, log: WireLog) -> None:
        self._observation.wire_log = log

    @property
    def exchanges(self) -> list[Exchange]:
        """Every exchange so far, requests that were refused among them. ``str()`` makes a line of each."""
        return self._observation.journal.exchanges

    def take(self, timeout: float = 5.0) -> ReceivedRequest:
        """Return the next request that was not taken yet; wait for it.

        Raises:
            NoRequest: none came within ``timeout`` seconds.
        """
        __tracebackhide__ = True  # pytest: a failure is shown where the test waits
        received = self._observation.journal.take(timeout)
        if received is None:
            raise NoRequest(self._nothing_came(timeout))
        return received

    def _nothing_came(self, timeout: float) -> str:
        taken = ", ".join(f"{request.method} {request.target}" for request in self.requests) or "none"
        return f"No request came to {self.url} within {timeout:g} s. Before that: {taken}."

    # What goes wrong

    def fail(self, fault: Fault) -> None:
        """Have a fault strike from now on, whatever is asked."""
        if fault.at == "tls" and self._authority is None:
            raise ValueError("A fault at the stage 'tls' needs a server with tls=True.")
        self._observation.faults.append(fault)

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
        self._observation.clear()
        self._failures.clear()
        self.verified = False

    def heal(self) -> None:
        """Have no fault of `fail` strike any more."""
        self._observation.faults.clear()

    def refuse(self) -> AbstractContextManager[None]:
        """Refuse connections while the block runs; the port is kept. Connections that exist live on."""
        return self._server.port_kept().refusing(self._server.lane, self._server.switch)

    def blackhole(self) -> AbstractContextManager[None]:
        """Leave connections unanswered while the block runs, so that connecting times out (Linux)."""
        return self._server.port_kept().swallowing(self._server.lane, self._server.switch)

    def close_connections(self) -> None:
        """End every connection there is, whatever it is doing."""
        self._observation.hang_up()

    # What is answered: the author's part of an `Observation`

    def _mounted(self, prefix: str, handle: Handler) -> Handler:
        """Have what is served be below a prefix; return what notes its requests, as they come."""
        self._handler = below(self._handler, prefix)
        return streaming_as(self._handler, handle)

    def _respond(self, request: Request, received: ReceivedRequest) -> tuple[Response, Fault | None]:
        return answered(self._handler, request), None

    def _fault_within(self, request: Request) -> Fault | None:
        return None


def handler_of(app_or_handler: Any) -> View:
    """Return a handler for what a test wants to serve. Raises TypeError."""
    kind = kind_of(app_or_handler)
    if kind is Kind.WSGI:
        return adapt(app_or_handler)
    if kind is Kind.NATIVE:
        return app_or_handler  # type: ignore[no-any-return]
    found = "" if kind is Kind.OTHER else f"{kind.value}: "
    raise TypeError(f"Give a WSGI application or a handler of requests. Found {found}{app_or_handler!r}.")


def authority_for(tls: bool | Authority) -> Authority | None:
    """Return who signs the certificate of a server, if it has one."""
    if tls is False:
        return None
    from ehttpd.testing.certificates import session_authority

    return session_authority() if tls is True else tls
