"""Two files as one connection: what a client asks, and where the answers go.

The operating system's. What is read from the one is sent to the server through a pair of sockets, and what comes back
is written to the other; so all that holds for connections holds for these.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

from ehttpd.server.raw import Sink
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import BinaryIO

AT_ONCE = 1 << 16


def serve_files(source: BinaryIO, sink: BinaryIO | Sink, adopt: Callable[[socket.socket], None]) -> None:
    """Have a connection served that consists of two files; return once it has ended. Neither is closed.

    ``adopt`` gives the server its end. Raises what ``sink`` raises.
    """
    ours, theirs = socket.socketpair()
    with ours:
        adopt(theirs)
        threading.Thread(target=_send_all, args=(source, ours), name="ehttpd-source", daemon=True).start()
        while data := ours.recv(AT_ONCE):
            sink.write(data)
        sink.flush()


def _send_all(source: BinaryIO, ours: socket.socket) -> None:
    """Send what there is to be read, then say that this was all."""
    read = getattr(source, "read1", source.read)
    try:
        while data := read(AT_ONCE):
            ours.sendall(data)
        ours.shutdown(socket.SHUT_WR)
    except OSError:  # the server has closed the connection
        pass
