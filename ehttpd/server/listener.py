"""A listening socket, and what is known of who connects to it.

The operating system's. Before the first leader, but for `accept`, which is the leader's. How an operator writes where
to listen is addresses.py's.
"""

from __future__ import annotations

import os
import socket
import struct
import sys
from socket import SocketType

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.tls.socket import Identity

Address = tuple[str, int]

# How much of what a client does not take the kernel keeps for it. Its own bound is megabytes for each connection; and a
# client with a window of a few octets makes it cut what it keeps into pieces as small, which takes 20 us for each KiB.
UNSENT_AT_MOST = 32768
# How a socket for both families writes an IPv4 address (RFC 4291 §2.5.5.2).
MAPPED = "::ffff:"
SO_ATTACH_FILTER = 26  # Linux; not in the module socket


class Listener:
    """A listening socket that does not block."""

    scheme = ""  # what the operator wants spoken; nothing: TLS if there is a certificate
    identity: Identity | None = None  # who the server is to those who connect, if TLS is spoken

    def __init__(
        self, listening: socket.socket, name: str, *, path: str | None = None, inherited: bool = False
    ) -> None:  # fmt: skip
        self._socket = listening
        self.path = path  # of the file of a Unix socket that is ours to remove
        self.inherited = inherited  # whoever opened it may listen on when this process has ended
        self._tcp = is_tcp(listening)
        self._dual = listening.family == socket.AF_INET6 and not _ipv6_only(listening)
        self.name = name  # as an operator would write it
        # As `socket.accept` does it; but that looks up family and type in their enumerations each time: 2 of 6 us.
        self._accept = listening._accept  # type: ignore[attr-defined]
        self._kind = int(listening.family), int(listening.type), listening.proto
        listening.setblocking(False)
        self._inode = _inode_of(path) if path else None
        self.local: Address = address_of(listening.getsockname())
        if self._tcp:
            # Inherited by accepted connections on Linux, which saves a call each.
            listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_AT_MOST)

    def fileno(self) -> int:
        return self._socket.fileno()

    def passed_as(self, number: int) -> str:
        """Return how a process that is given the socket, by this number, names the address."""
        return (f"{self.scheme}://" if self.scheme else "") + f"fd:{number}"

    def forsake(self) -> None:
        """Close it in a process that was forked: another goes on listening."""
        self._socket.close()

    def accept(self) -> tuple[SocketType, Address]:
        """Return a connection, not blocking, and its remote address. Raises OSError; BlockingIOError if there is
        none.
        """
        descriptor, remote = self._accept()
        connected = SocketType(*self._kind, descriptor)
        connected.setblocking(False)
        if not self._tcp:
            return connected, ("", 0)
        host = remote[0]
        if self._dual and host.startswith(MAPPED):
            host = host[len(MAPPED) :]
        return connected, (host, remote[1])

    @property
    def url(self) -> str:
        """The address as a URL, of a kind that a client on this machine can use."""
        if not self._tcp:
            return f"unix:{self.local[0]}"
        host, port = self.local
        host += zone_of(self._socket)
        host = {"0.0.0.0": "127.0.0.1", "::": "127.0.0.1" if self._dual else "::1"}.get(host, host)
        # RFC 6874 §2: the zone of an address is written behind %25.
        scheme = "https" if self.identity is not None else "http"
        return f"{scheme}://[{host.replace('%', '%25')}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"

    @property
    def address(self) -> str:
        """The address as an operator would write it."""
        return f"https://{self.name}" if self._tcp and self.identity is not None else self.name

    def seal(self) -> None:
        """Let nobody new into the backlog, so that it can be emptied before `close`. Not for inherited sockets.

        Whoever connects until then gets no answer, tries again by itself, and finds another listener or none. Closing
        alone would reset those who came last, who may have sent a request by then.
        """
        if self.inherited:
            return
        self.remove_file()
        if self._tcp and sys.platform == "linux":
            # A program for the socket filter of one instruction: return 0, drop the packet.
            from array import array

            program = array("B", struct.pack("HBBI", 0x06, 0, 0, 0))
            attached = struct.pack("HP", 1, program.buffer_info()[0])
            try:
                self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, attached)
            except OSError:
                # Some systems keep that for the privileged. Then at least nobody joins those who wait already.
                self._socket.listen(0)

    def leave_file(self) -> None:
        """Let a Unix socket's file outlive `close`: another process goes on listening there."""
        self.path = None

    def close(self) -> None:
        """Stop listening. A Unix socket's file is removed if it is still ours."""
        self._socket.close()
        self.remove_file()

    def remove_file(self) -> None:
        """Remove the file of a Unix socket if it is still ours: nobody finds the way here any more."""
        if self.path is not None:
            try:
                if os.stat(self.path).st_ino == self._inode:
                    os.unlink(self.path)
            except FileNotFoundError:
                pass


def _inode_of(path: str) -> int | None:
    """Return the number of the file at ``path``, None if somebody has removed it."""
    try:
        return os.stat(path).st_ino
    except FileNotFoundError:
        return None


def is_tcp(opened: socket.socket) -> bool:
    """Tell whether a socket is one of TCP, not a Unix socket."""
    return opened.family in (socket.AF_INET, socket.AF_INET6)


def address_of(name: tuple[str, int] | str | bytes) -> Address:
    """Return host and port for the name of one end of a socket; for a Unix socket, its path and 0."""
    if isinstance(name, tuple):
        return name[0].removeprefix(MAPPED) if "." in name[0] else name[0], name[1]
    return written_path(name), 0


def zone_of(listening: socket.socket) -> str:
    """Return ``%`` and the interface of an address that holds for one link only (RFC 4007 §11); else nothing."""
    if listening.family != socket.AF_INET6:
        return ""
    scope = listening.getsockname()[3]
    return f"%{socket.if_indextoname(scope)}" if scope else ""


def written_path(bound: str | bytes) -> str:
    """Return the name of a Unix socket, as the operating system gives it, as an operator would write it."""
    return bound if isinstance(bound, str) else "@" + os.fsdecode(bound[1:])


def _ipv6_only(listening: socket.socket) -> bool:
    return bool(listening.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY))
