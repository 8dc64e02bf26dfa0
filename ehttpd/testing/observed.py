"""The server of production with its doors open: for a test to look in, and to reach its port.

Wires what server/ has with what a `TestServer` adds. Knows neither rules nor expectations.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from urllib.parse import unquote, urlsplit

from ehttpd.messages import Handler
from ehttpd.records import Record
from ehttpd.server.addresses import listen_at
from ehttpd.server.lane import Lane
from ehttpd.server.listener import Listener
from ehttpd.server.recorded import RecordedService
from ehttpd.server.server import Server
from ehttpd.testing.connection import ObservedConnection, Observer
from ehttpd.testing.listening import Port, Switch
from ehttpd.testing.service import ObservedService
from ehttpd.testing.wire import Address
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from typing import Any


class ObservedServer(Server):
    """The server itself, with connections that an `Observer` looks at and a port that it keeps."""

    def __init__(
        self,
        observer: Observer,
        handler: Handler,
        record: Callable[[Record], None],
        context: ssl.SSLContext | None,
        **settings: Any,
    ) -> None:
        self._observer = observer
        super().__init__(handler, record=record, tls=context, **settings)
        self._port: Port | None = None
        self._known_url = ""
        self._switch: Switch | None = None

    @property
    def lane(self) -> Lane:
        if self._lane is None:
            raise RuntimeError("The server has not been started.")
        return self._lane

    def start_once(self) -> None:
        """Start, unless that has been done. Raises ListenError."""
        with self._life:
            if self.started:
                return
            try:
                self.start()
            except BaseException:
                self.stop()
                raise
            self._known_url = super().url

    @property
    def started(self) -> bool:
        return self._lane is not None

    @property
    def url(self) -> str:
        """The URL, also once the server has stopped."""
        return self._known_url or super().url

    @property
    def place(self) -> Address:
        """What a client connects to: host and port, or the path of a Unix socket."""
        parts = urlsplit(self.url)
        if parts.scheme == "unix":
            return self.url.partition(":")[2]
        return unquote(parts.hostname or ""), parts.port or 0

    @property
    def switch(self) -> Switch:
        if self._switch is None:
            raise RuntimeError("The server has not been started.")
        return self._switch

    def port_kept(self) -> Port:
        if self._port is None:
            raise RuntimeError("Only a TCP port can be kept while nobody answers there.")
        return self._port

    def listen_also(self, address: str) -> str:
        """Listen at another address as well; return its URL. Raises ListenError."""
        opened = listen_at([address], self.settings.backlog, self.settings.uds_mode, False)
        for listener in opened:
            listener.identity = self._identity
        self._listeners += opened
        self.switch.ask(partial(self.lane.entrance.add, opened))
        return opened[0].url

    def _recorded(self) -> RecordedService:
        named = bool(self.settings.request_id_header)
        return ObservedService(self._handler, self._standing, *self._recorders, count=self._requests, named=named)

    def _new_lane(self) -> Lane:
        lane = super()._new_lane()
        lane.connection_type = partial(ObservedConnection, self._observer)  # type: ignore[assignment]
        return lane

    def _open_listeners(self) -> None:
        (address,) = self.settings.bind
        host, _, port = address.rpartition(":")
        if host and port.isdigit() and host != "fd":
            self._port = Port(host.strip("[]"), int(port), self.settings.backlog, self._listener)
            self._listeners.append(self._port.listener)
        else:
            super()._open_listeners()
        self._switch = Switch()
        self._listeners.append(self._switch)

    def _listener(self, listening: Any, name: str) -> Listener:
        listener = Listener(listening, name)
        listener.identity = self._identity
        return listener

    def stop(self, grace: float | None = None, *, patience: float = 0.0, shared: bool = False) -> bool:
        complete = super().stop(grace, patience=patience, shared=shared)
        if self._switch is not None:
            self._switch.close()
        if self._port is not None:
            self._port.close()
        return complete
