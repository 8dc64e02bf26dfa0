"""The operating system's side: sockets, threads and time.

    listener -> lane (accepts, reads, waits) -> exchange (request, handler, response) -> lane (rests, or finishes the
    output)

`Server` wires these; `pool` decides which thread drives the lane and which runs a handler.
"""

from __future__ import annotations

from ehttpd.server.server import Server

__all__ = ["Server"]
