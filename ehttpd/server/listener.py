"""Addresses to listening sockets: TCP, Unix, inherited.

The operating system's. Before the first leader, but for `accept`, which is the leader's.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Sequence

from ehttpd.errors import ListenError

Address = tuple[str, int]

# How much of what a client does not take the kernel keeps for it. Its own bound is megabytes for each connection; and a
# client with a window of a few octets makes it cut what it keeps into pieces as small, which takes 20 us for each KiB.
UNSENT_AT_MOST = 32768


class Listener:
    """A listening socket that does not block."""

    def __init__(self, listening: socket.socket, name: str, *, path: str | None = None) -> None:
        self._socket = listening
        self._path = path
        self._tcp = listening.family in (socket.AF_INET, socket.AF_INET6)
        self.name = name  # as an operator would write it
        listening.setblocking(False)
        self._inode = os.stat(path).st_ino if path else None
        bound = listening.getsockname()
        self.local: Address = (bound[0], bound[1]) if self._tcp else (written_path(bound), 0)
        if self._tcp:
            # Inherited by accepted connections on Linux, which saves a call each.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_AT_MOST)

    def fileno(self) -> int:
        return self._socket.fileno()

    def accept(self) -> tuple[socket.socket, Address]:
        """Return a connection, not blocking, and its remote address. Raises OSError; BlockingIOError if there is
        none.
        """
        connected, remote = self._socket.accept()
        connected.setblocking(False)
        return connected, (remote[0], remote[1]) if self._tcp else ("", 0)

    @property
    def url(self) -> str:
        """The address as a URL, of a kind that a client on this machine can use."""
        if not self._tcp:
            return f"unix:{self.local[0]}"
        host, port = self.local
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def close(self) -> None:
        """Stop listening. A Unix socket's file is removed if it is still ours."""
        self._socket.close()
        if self._path is not None:
            try:
                if os.stat(self._path).st_ino == self._inode:
                    os.unlink(self._path)
            except FileNotFoundError:
                pass


def written_path(bound: str | bytes) -> str:
    """Return the name of a Unix socket, as the operating system gives it, as an operator would write it."""
    return bound if isinstance(bound, str) else "@" + os.fsdecode(bound[1:])


def listen(address: str | socket.socket, backlog: int) -> list[Listener]:
    """Return listeners for ``host:port``, ``:port``, ``[v6]:port``, ``unix:path``, ``fd:N``, or a listening socket.

    A host name that stands for several addresses gives several listeners. Raises ListenError.
    """
    if isinstance(address, socket.socket):
        return [_inherited(address, str(address.getsockname()))]
    if address.startswith("unix:"):
        return [_unix(address, address.removeprefix("unix:"), backlog)]
    if address.startswith("fd:"):
        return [_descriptor(address)]
    host, colon, port = address.rpartition(":")
    if not colon or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ListenError(
            f"cannot listen on {address!r}: not an address.",
            "Write host:port, :port, [address]:port, unix:path or fd:N.",
            address=address,
        )
    return _tcp(address, host.removeprefix("[").removesuffix("]"), int(port), backlog)


def _tcp(address: str, host: str, port: int, backlog: int) -> list[Listener]:
    try:
        found = socket.getaddrinfo(host or "0.0.0.0", port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except socket.gaierror as error:
        raise ListenError(
            f"cannot listen on {address}: {error.strerror}.", "Check the host.", address=address
        ) from None
    listeners: list[Listener] = []
    try:
        for family, kind, protocol, _, place in dict.fromkeys(found):
            listeners.append(_bound_tcp(address, family, kind, protocol, place, backlog))
            if not port:
                break  # a port of the system's choice is one listener's
    except ListenError:
        for listener in listeners:
            listener.close()
        raise
    return listeners


def _bound_tcp(
    address: str, family: int, kind: int, protocol: int, place: Sequence[object], backlog: int
) -> Listener:  # fmt: skip
    listening = socket.socket(family, kind, protocol)
    try:
        if os.name == "posix":  # elsewhere it means something else
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        listening.bind(tuple(place))
        listening.listen(backlog)
    except OSError as error:
        listening.close()
        raise _listen_error(address, error) from None
    host, port = listening.getsockname()[:2]
    return Listener(listening, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")


def _unix(address: str, path: str, backlog: int) -> Listener:
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    abstract = path.startswith("@")
    try:
        if not abstract:
            _remove_stale(path)
        listening.bind("\0" + path[1:] if abstract else path)
        listening.listen(backlog)
    except OSError as error:
        listening.close()
        raise _listen_error(address, error) from None
    return Listener(listening, address, path=None if abstract else os.path.abspath(path))


def _remove_stale(path: str) -> None:
    """Remove the file of a Unix socket that nobody listens on any more."""
    try:
        if not stat.S_ISSOCK(os.stat(path).st_mode):
            return
    except FileNotFoundError:
        return
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass


def _descriptor(address: str) -> Listener:
    number = address.removeprefix("fd:")
    try:
        listening = socket.socket(fileno=int(number))
    except (OSError, ValueError):
        raise ListenError(
            f"cannot listen on {address}: no socket is open there.",
            "Start ehttpd from a program that passes a listening socket, such as systemd.",
            address=address,
        ) from None
    try:
        return _inherited(listening, address)
    except ListenError:
        listening.detach()  # it is not ours to close
        raise


def _inherited(listening: socket.socket, name: str) -> Listener:
    if hasattr(socket, "SO_ACCEPTCONN") and not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ListenError(f"cannot listen on {name}: the socket does not listen.", "Call listen() on it.", address=name)
    return Listener(listening, name)


_CURES = {
    errno.EADDRINUSE: "Stop the other program, or choose another address with --bind.",
    errno.EACCES: "Choose a port from 1024 upwards with --bind, or have a privileged parent pass the socket (fd:N).",
    errno.EADDRNOTAVAIL: "This machine does not have that address. Choose another with --bind.",
}


def _listen_error(address: str, error: OSError) -> ListenError:
    reason = (error.strerror or str(error)).lower()
    cure = _CURES.get(error.errno or 0, "Choose another address with --bind.")
    return ListenError(f"cannot listen on {address}: {reason}.", cure, address=address, errno=error.errno)
