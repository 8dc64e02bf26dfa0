"""The connections of a lane that left HTTP (RFC 9110 §7.8): how many there may be, and what a stop means to them."""

from __future__ import annotations

import socket
import threading

from ehttpd.errors import ServiceUnavailable
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.connection import Connection
    from ehttpd.server.tunnel import Tunnel


class Tunnels:
    """The tunnels of a lane: ``most`` at once. Any thread."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._open: set[Tunnel] = set()
        self._signal: tuple[socket.socket, socket.socket] | None = None
        self._ended = False
        self.opened = 0  # ever
        self.stopping = False

    def __len__(self) -> int:
        return len(self._open)

    @property
    def stop_signal(self) -> socket.socket | None:
        """What has something to read once the server stops."""
        return self._signal[0] if self._signal is not None else None

    def open(self, connection: Connection) -> Tunnel:
        """Make a tunnel of a connection; the caller, who serves it, gives up his place in the pool.

        Raises:
            ServiceUnavailable: there are too many.
        """
        from ehttpd.server.tunnel import Tunnel

        reader = connection.reader
        with self._lock:
            if len(self._open) >= self._most:
                raise ServiceUnavailable("The server is busy: as many connections have left HTTP as may.")
            if self._signal is None:
                self._signal = socket.socketpair()
                if self.stopping:
                    self._signal[1].close()
            tunnel = Tunnel(connection, self, reader.unread)
            self._open.add(tunnel)
            self.opened += 1
        reader.unread = b""
        connection.lane.pool.leave(connection)
        connection.lane.table.unwatch(connection)  # whoever looks whether the client has reset it takes the error away
        return tunnel

    def close(self, tunnel: Tunnel) -> None:
        """Forget a tunnel; the caller, who served it, waits until there is a place for him in the pool."""
        tunnel.end()
        with self._lock:
            self._open.discard(tunnel)
        tunnel._connection.lane.pool.places.come_back(tunnel._connection)
        self._let_go()

    def stop(self) -> None:
        """Tell whoever talks to come to an end."""
        with self._lock:
            self.stopping = True
            if self._signal is not None:
                self._signal[1].close()

    def cut_off(self) -> None:
        """Break the tunnels that are left."""
        with self._lock:
            for tunnel in self._open:
                tunnel.cut_off()

    def end(self) -> None:
        """Let go of what is needed while there are tunnels, once there are none."""
        self._ended = True
        self.stop()
        self._let_go()

    def _let_go(self) -> None:
        with self._lock:
            if self._ended and not self._open and self._signal is not None:
                for end in self._signal:
                    end.close()
