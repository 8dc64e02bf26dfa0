"""Wires listeners, lanes, threads and a handler; starts, drains, stops.

The one place where these meet. `Server` may be used from any thread; it installs no signal handlers and configures no
logging.
"""

from __future__ import annotations

import socket
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from ehttpd.errors import ListenError, OperatorError, SettingsError
from ehttpd.http11.limits import Limits
from ehttpd.messages import Streams, View, always, streams_of
from ehttpd.server.addresses import listen_at
from ehttpd.server.clock import StandingFields
from ehttpd.server.exchange import HTTPService, Service
from ehttpd.server.incoming import guarded
from ehttpd.server.lane import Lane
from ehttpd.server.listener import Listener, address_of, is_tcp
from ehttpd.server.pool import Pool
from ehttpd.server.process import CollectorClock
from ehttpd.server.seat import Seat
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from typing import Any, BinaryIO, Self, TypeAlias

    from ehttpd.records import Record
    from ehttpd.server.activity import Activity
    from ehttpd.server.figures import Requests
    from ehttpd.server.raw import ConnectionHandler, Sink
    from ehttpd.server.recorded import RecordedService
    from ehttpd.server.snapshot import Snapshot
    from ehttpd.server.tls.socket import Identity

# Descriptors kept for everything that is not a connection.
DESCRIPTORS_KEPT = 64
# How often it is looked whether enough connections have ended, in seconds.
SHED_PAUSE = 0.001
# After the grace: for the leader to close what rests, and for threads that are at their end, in seconds.
LAST_MOMENT = 1.0
# A leader is relieved after milliseconds: one that has not come to its poller within so many seconds never will.
TURN_WITHIN = 1.0
TURN_LOOKED_FOR = 0.001  # so often, in seconds

# Settings that promise what plain HTTP does not keep.
WITH_CERTIFICATE = ("cert_reqs", "ca_certs", "keyfile_password_file")

Recorder: TypeAlias = "Callable[[Record], object]"


class Server:
    """An HTTP server: ``handler`` answers each request, on one of ``threads`` threads.

    A context manager that is started on entry and stopped on exit. The handler is called from several threads at once.

    Args:
        handler: takes a `Request`, returns a `Response`, or what `Response.of` makes one of.
        connection: instead of ``handler``: takes ``(source, sink)`` of a connection that has something to read, and
        tells whether
            it is to be called again for the next.
        record: is called with a `Record` of every exchange, on the thread that served it; see also `add_recorder`.
        counts: whether requests are counted for `snapshot`, which takes one to two microseconds of each.
        tls: speak TLS with this context, which is used as it is, instead of what ``certfile`` and its like say.
        name: what its threads are called, with a number behind it.
        settings: every setting; or give single ones as keyword arguments (``bind``, ``threads``,
        ``keep_alive_timeout``, …).

    Raises:
        SettingsError: a setting is unknown or out of bounds.
    """

    def __init__(
        self,
        handler: View | None = None,
        *,
        connection: ConnectionHandler | None = None,
        settings: Settings | None = None,
        record: Recorder | None = None,
        counts: bool = False,
        tls: ssl.SSLContext | None = None,
        name: str = "ehttpd",
        **options: Any,
    ) -> None:
        if (handler is None) == (connection is None):
            raise TypeError("Give either a handler of requests or a handler of connections.")
        if not callable(given := connection if handler is None else handler):
            raise TypeError(f"A handler is a function or has __call__. Found {given!r}.")
        if settings is not None and options:
            raise TypeError("Give either settings or single options.")
        self.settings = settings if settings is not None else Settings(**options)
        """All settings, those that were not given included."""
        self._identity = given_context(tls) if tls is not None else None
        self._listeners: list[Listener] = []
        self._standing = _standing(self.settings)
        self._service: HTTPService | None = None
        self._connection_handler = connection
        self._streams: Streams | None = None
        self._recorders: list[Recorder] = []
        self._requests = _new_count() if counts else None
        self._collector = CollectorClock()
        self._name = name
        self._started = time.time()
        if handler is not None:
            self._handler = self._equipped(handler)
            self._service = self._recorded() if counts else HTTPService(self._handler, self._standing)
        self._lane: Lane | None = None
        self._seat: Seat | None = None
        self._draining = False
        self._stopped = threading.Event()
        self._life = threading.RLock()  # held by who starts, so that who stops finds all or nothing
        if record is not None:
            self.add_recorder(record)

    def _equipped(self, handler: View) -> View:
        """Return what serves requests: the handler with its prefix, its deadline, and the health path beside it."""
        settings = self.settings
        if settings.url_prefix:
            from ehttpd.messages.mounting import below  # for those who have a prefix

            handler = below(handler, settings.url_prefix.rstrip("/"))
        self._streams = always if settings.stream_bodies else streams_of(handler)
        if settings.request_timeout:
            from ehttpd.server.overdue import bounded

            handler = bounded(handler, settings.request_timeout)
        if settings.health_path:
            from ehttpd.server.health import with_health

            handler = with_health(handler, settings.health_path, self._ailment)
        return handler

    def add_recorder(self, record: Recorder) -> None:
        """Have ``record`` called with a `Record` of every exchange, on the thread that served it; after those that were
        added before. It must not block. Where nobody records, requests pay nothing for it. Before the server starts.

        Raises:
            RuntimeError: the server has been started already.
        """
        if self._lane is not None:
            raise RuntimeError("The server has been started already.")
        if self._service is not None:
            self._recorders.append(record)
            self._service = self._recorded()

    def _recorded(self) -> RecordedService:
        from ehttpd.server.recorded import RecordedService  # for those who want to know

        named = bool(self.settings.request_id_header)
        return RecordedService(self._handler, self._standing, *self._recorders, count=self._requests, named=named)

    def share(self, seat: Seat) -> None:
        """Share the connections with other processes that accept from the same sockets. Before `start`."""
        self._seat = seat

    def listen(self) -> None:
        """Listen without serving yet: clients connect, and wait.

        Raises:
            ListenError: an address cannot be listened on. Then none is.
        """
        if not self._listeners:
            self._open_listeners()

    def start(self) -> Self:
        """Listen and serve. Returns once connections are accepted.

        Raises:
            ListenError: an address cannot be listened on. Then none is.
            OperatorError: the system lets this process start no threads.
        """
        if not self._begin():
            raise RuntimeError("The server was stopped, and does not start again. Make another.")
        return self

    def _begin(self) -> bool:
        """Start; False if it has been stopped."""
        with self._life:
            if self._stopped.is_set():
                return False
            if self._lane is not None:
                raise RuntimeError("The server has been started already.")
            self.listen()
            lane = self._new_lane()
            lane.entrance.seat = self._seat
            lane.listen(self._listeners)
            lane.pool = Pool(lane, self.settings, self._name)
            if self.settings.thread_stack_size:
                threading.stack_size(self.settings.thread_stack_size)
            try:
                lane.pool.start()
            except OperatorError:
                lane.pool.join(time.monotonic() + LAST_MOMENT)
                lane.close()
                self._stopped.set()
                raise
            self._lane = lane
        self._started = time.time()
        if self._requests is not None:
            self._collector.start()
        return True

    def _new_lane(self) -> Lane:
        settings = self.settings
        service: Service | None = self._service
        if service is None:
            from ehttpd.server.raw import RawConnection, RawService

            service = RawService(self._connection_handler)  # type: ignore[arg-type]
        elif self._service is not None:
            self._drain(self._service, draining=self._draining)
        lane = Lane(service, settings, _limits(settings), self._standing, settings.max_connections or _descriptors())
        if self._service is None:
            lane.connection_type = RawConnection
            lane.rests_after = settings.keep_alive_timeout  # nothing is parsed, so nothing is let go of earlier
        if self._streams is not None:
            lane.streams = guarded(self._streams)
        return lane

    @property
    def healthy(self) -> bool:
        """Whether the server serves: not when it drains, or when too many threads are stuck in handlers. Any thread."""
        return self._lane is not None and not self._ailment()

    def _ailment(self) -> str:
        """Say what is wrong with the server, nothing if all is well."""
        if self._draining:
            return "draining"
        if self._lane is not None and not self._lane.pool.serving.healthy:
            return f"{self._lane.pool.serving.stuck} threads are stuck in handlers"
        return ""

    def drain(self) -> None:
        """Be not ready any more, while everything is served: responses end their connections. `stop` is to follow.

        Whoever balances load takes its clients elsewhere meanwhile. Any thread.
        """
        self._draining = True
        if self._service is not None:
            self._drain(self._service)

    def _drain(self, service: HTTPService, *, draining: bool = True) -> None:
        service.draining = draining
        # RFC 9112 §9.3: who lets no connection persist has to say so in every response.
        service.ends_connections = draining or not self.settings.keep_alive_timeout

    def stats(self) -> Snapshot:
        """Return what the server counts and how it is now; see `snapshot`. Any thread."""
        return self.snapshot()

    def shed(self, seconds: float) -> None:
        """End connections with their responses until this process holds no more than its share, if it holds more than
        twice as many as another: clients that are connected would stay here. For ``seconds`` at most. Any thread.
        """
        lane, seat, service = self._lane, self._seat, self._service
        if lane is None or seat is None or service is None or self._draining or not seat.overfull:
            return
        share, until = seat.share, time.monotonic() + seconds
        while lane.open_connections > share and time.monotonic() < until and not self._draining:
            self._drain(service)
            time.sleep(SHED_PAUSE)
        self._drain(service, draining=self._draining)

    def snapshot(self, worker: str = "0") -> Snapshot:
        """Return what the server counts and how it is now, as values that JSON can write. Any thread.

        ``worker`` is the server's name among others. Requests are counted if ``counts`` was given.
        """
        from ehttpd.server.snapshot import Facts, take

        facts = Facts(
            worker=worker,
            started=self._started,
            draining=self._draining,
            ailment=self._ailment(),
            addresses=self.addresses,
            requests=self._requests.read() if self._requests is not None else None,
            gc_seconds=self._collector.seconds,
        )
        return take(self._lane, facts)

    def activities(self) -> list[Activity]:
        """Return what each thread of the process does now, with its stack, as values that JSON can write.
        Any thread.
        """
        from ehttpd.server.activity import activities

        return activities(self._lane.pool if self._lane is not None else None)

    def _open_listeners(self) -> None:
        settings = self.settings
        if self._identity is None:
            self._identity = read_certificates(settings)
        listeners = listen_at(settings.bind, settings.backlog, settings.uds_mode, bool(settings.reuse_port))
        self._listeners += listeners
        for listener in listeners:
            if listener.scheme == "https" and self._identity is None:
                self._close_listeners()
                raise ListenError(f"cannot speak TLS on {listener.name} without a certificate.", "Give --certfile.")
            if listener.scheme != "http":
                listener.identity = self._identity

    def _close_listeners(self) -> None:
        for listener in self._listeners:
            listener.close()
        self._listeners.clear()

    def remove_files(self) -> None:
        """Remove the files of Unix sockets, in a process that is about to end there and then. Any thread."""
        for listener in self._listeners:
            listener.remove_file()

    def be(self, identity: Identity) -> None:
        """Show clients these certificates, which were read before; else they are read by `listen`. Before that."""
        self._identity = identity

    def reload_certificates(self) -> None:
        """Read certificates again whose files have changed, at once; it is done within a second or two anyway. Any
        thread. Connections that exist notice nothing.

        Raises:
            CertificateError: one cannot be used. Then the one from before stays.
        """
        if self._identity is not None:
            self._identity.reload()

    def stop(self, grace: float | None = None, *, patience: float = 0.0, shared: bool = False) -> bool:
        """Drain: accept no more, answer what was accepted, close idle connections; after ``grace`` seconds close the
        rest.

        ``grace`` is ``graceful_timeout`` by default. Returns whether everything was answered. May be called again, and
        by any thread but those that serve: a handler would wait for itself, and has another thread call it.

        A client may send the next request in the moment when its connection is closed, and would not learn what became
        of it. So connections that were new or busy less than ``patience`` seconds ago stay open until then. With
        ``shared``, other processes go on accepting from the same sockets, and what waits there is left to them.

        Raises:
            RuntimeError: a thread that serves has called it.
        """
        lane = self._lane
        if self._stopped.is_set() or (lane is not None and lane.closed):
            return True
        with self._life:
            lane = self._lane
            if lane is None:
                for listener in self._listeners:
                    listener.close()
                self._stopped.set()
                return True
        if lane.pool.has_this_thread:
            raise RuntimeError("A handler cannot wait until the server has stopped. Have another thread call stop.")
        deadline = time.monotonic() + (self.settings.graceful_timeout if grace is None else grace)
        self.drain()
        lane.stop(deadline, patience, shared=shared)
        # The leader closes what rests at the deadline; threads in a handler that never ends are left to themselves.
        complete = lane.pool.join(deadline + LAST_MOMENT) and not lane.given_up
        lane.close()
        self._collector.stop()
        self._stopped.set()
        return complete

    def pulse(self) -> float:
        """Return when the lane turned last, on the monotonic clock, and have it turn once more. Any thread.

        Whoever asks now and then learns whether connections are looked after: then it has turned since the time before.
        """
        if self._lane is None:
            return 0.0
        turned = self._lane.now
        self._lane.wake()
        return turned

    def turns(self, within: float = TURN_WITHIN) -> bool:
        """Tell whether connections are accepted and read: the lane turns ``within`` so many seconds. Any thread."""
        before, expires = self.pulse(), time.monotonic() + within
        while self._lane is not None and not self._lane.closed and time.monotonic() < expires:
            if self._lane.now != before:
                return True
            time.sleep(TURN_LOOKED_FOR)
        return False

    def serve_forever(self) -> None:
        """Serve until another thread calls `stop`, which may have happened. Starts the server if nobody has done so."""
        if self._lane is None:
            self._begin()
        self._stopped.wait()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the server has stopped, for ``timeout`` seconds at most; tell whether it has. Any thread."""
        return self._stopped.wait(timeout)

    def dispatch(self, source: socket.socket | BinaryIO, sink: BinaryIO | Sink | None = None) -> None:
        """Serve a connected socket from elsewhere. It belongs to the server from now on. Any thread.

        Or two binary files, from which requests are read and to which answers are written: returns once that
        connection has ended, and closes neither.

        Raises:
            RuntimeError: the server is not running.
        """
        if not isinstance(source, socket.socket):
            if sink is None:
                raise TypeError("Give a connected socket, or a file to read from and one to write to.")
            from ehttpd.server.joined import serve_files

            serve_files(source, sink, self.dispatch)
            return
        connected = source
        if self._lane is None or self._stopped.is_set():
            raise RuntimeError("The server is not running.")
        connected.setblocking(False)
        remote = address_of(connected.getpeername()) if is_tcp(connected) else ("", 0)
        self._lane.adopt(connected, remote, address_of(connected.getsockname()))

    @property
    def addresses(self) -> list[str]:
        """Where the server listens, as an operator would write it: ``127.0.0.1:8000``, ``unix:/run/site.sock``."""
        return [listener.address for listener in self._listeners]

    @property
    def url(self) -> str:
        """The URL of the first address, without a path."""
        return self._first.url

    def fileno(self) -> int:
        """Return the descriptor of the first listening socket."""
        return self._first.fileno()

    @property
    def port(self) -> int:
        """The port of the first address, 0 for a Unix socket."""
        return self._first.local[1]

    @property
    def _first(self) -> Listener:
        if not self._listeners:
            raise RuntimeError("The server does not listen: it has not been started.")
        return self._listeners[0]

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:  # fmt: skip
        self.stop()


def _new_count() -> Requests:
    from ehttpd.server.figures import Requests  # for those who count

    return Requests()


def read_certificates(settings: Settings) -> Identity | None:
    """Return who the server is, by its certificates, None if it has none. Raises CertificateError, SettingsError."""
    if not (settings.certfile or settings.keyfile):
        require_none_is_missed(settings)
        return None
    from ehttpd.server.tls.certificates import Certificates  # `ssl` is dear

    return Certificates(settings)


def require_none_is_missed(settings: Settings) -> None:
    """Raise SettingsError if something is wanted that only a server with a certificate does."""
    table = Settings.declared()
    missed = next((name for name in WITH_CERTIFICATE if getattr(settings, name) != table[name].default), None)
    if missed is not None:
        cure = f"Give --certfile: without one HTTP is spoken in the clear. Or leave out {missed}."
        raise SettingsError(f"{missed} makes no sense without a certificate.", cure)


def given_context(context: ssl.SSLContext) -> Identity:
    """Return who the server is, by the context of whoever embeds it."""
    from ehttpd.server.tls.certificates import GivenContext

    return GivenContext(context)


def _limits(settings: Settings) -> Limits:
    return Limits(
        request_line=settings.limit_request_line,
        head=settings.limit_request_head,
        fields=settings.limit_request_fields,
        field_size=settings.limit_request_field_size,
        body=settings.limit_request_body,
    )


def _standing(settings: Settings) -> StandingFields:
    return StandingFields(settings.server_header, dated=bool(settings.date_header), others=settings.header)


def _descriptors() -> int:
    """Return how many connections the descriptors of this process allow, 0 if there is no limit."""
    if sys.platform == "win32":
        return 0
    import resource

    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 0 if soft == resource.RLIM_INFINITY else max(1, soft - DESCRIPTORS_KEPT)
