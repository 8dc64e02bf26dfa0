"""Exactly these octets to a server, and all that comes back.

For what no client library would send. Knows sockets, not HTTP.
"""

from __future__ import annotations

import socket

PATIENCE = 10.0  # Seconds of silence.


def connect(address: tuple[str, int] | str, timeout: float = PATIENCE) -> socket.socket:
    """Return a connection to host and port, or to the path of a Unix socket."""
    if not isinstance(address, str):
        return socket.create_connection(address, timeout)
    connected = socket.socket(socket.AF_UNIX)
    connected.settimeout(timeout)
    connected.connect("\0" + address[1:] if address.startswith("@") else address)
    return connected


def say(connected: socket.socket, octets: bytes, *, half_close: bool = True) -> bytes:
    """Send octets on a connection, then read until the server ends it; close it.

    ``half_close``: tell the server that nothing more will come, so that it ends the connection after its answers. What
    was received before a reset is returned. Raises TimeoutError if the server falls silent without ending it.
    """
    received = b""
    with connected:
        try:
            connected.sendall(octets)
            if half_close:
                connected.shutdown(socket.SHUT_WR)
            while data := connected.recv(65536):
                received += data
        except (ConnectionResetError, BrokenPipeError):
            pass
    return received
