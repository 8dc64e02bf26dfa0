"""Where to listen, as an operator writes it, to listening sockets: TCP, Unix, inherited.

The operating system's. Before the first leader. Which program passed a socket is inherited.py's.

Both families: ``:8000`` is every interface of both, and so is ``[::]:8000``, unless another of the addresses names the
same port for IPv4. One socket does for both. ``localhost:8000`` is as many sockets as the name has addresses.

In front of an address, ``https://`` or ``http://`` says what is spoken there.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterable, Sequence

from ehttpd.errors import ListenError
from ehttpd.server.inherited import passed_sockets
from ehttpd.server.listener import Listener, is_tcp, written_path, zone_of

# How often a port of the system's choice is tried that has to be free for several addresses at once.
PORTS_TRIED = 20
# What a machine without IPv6 says to who asks for it.
_NOT_HERE = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)


class Manner:
    """How to listen, whatever the address: ``backlog``, the ``mode`` of Unix sockets, and ``reuse_port``, whether
    other processes may listen there as well. ``ports`` are those that addresses of IPv4 name besides.
    """

    __slots__ = ("backlog", "mode", "ports", "reuse_port")

    def __init__(
        self, backlog: int, mode: int = 0o660, reuse_port: bool = False, ports: Iterable[str] = ()
    ) -> None:  # fmt: skip
        self.backlog = backlog
        self.mode = mode
        self.reuse_port = reuse_port
        self.ports = frozenset(ports)


def listen_at(
    addresses: Sequence[str | socket.socket],
    backlog: int,
    mode: int = 0o660,
    reuse_port: bool = False,
    beside: Sequence[str] = (),
) -> list[Listener]:
    """Return listeners for all ``addresses``, or none: see `listen`. ``beside``: what somebody listens on besides.

    Raises ListenError.
    """
    wanted = [_spoken(address) for address in addresses]
    others = [each for _, each in (*wanted, *map(_spoken, beside))]
    ipv4 = [each for each in others if isinstance(each, str) and _parts(each)[0].replace(".", "").isdigit()]
    manner = Manner(backlog, mode, reuse_port, (_parts(each)[1] for each in ipv4))
    listeners: list[Listener] = []
    try:
        for scheme, address in wanted:
            for listener in listen(address, manner):
                listener.scheme = scheme
                listeners.append(listener)
    except BaseException:
        _close(listeners)
        raise
    return listeners


def _spoken(address: str | socket.socket) -> tuple[str, str | socket.socket]:
    """Return ``http`` or ``https`` if that is written in front of an address, and the address."""
    for scheme in ("http", "https"):
        if isinstance(address, str) and address.startswith(f"{scheme}://"):
            return scheme, address.removeprefix(f"{scheme}://")
    return "", address


def listen(address: str | socket.socket, manner: Manner) -> list[Listener]:
    """Return listeners for ``host:port``, ``:port``, ``[v6]:port``, ``unix:path``, ``unix:@name``, ``fd:number``,
    ``fd:name``, ``systemd``, or a listening socket.

    A host name that stands for several addresses gives several listeners, on one port. Raises ListenError.
    """
    if isinstance(address, socket.socket):
        return [_inherited(address, "the socket")]
    if address.startswith("unix:"):
        return [_unix(address, address.removeprefix("unix:"), manner)]
    if address.startswith("fd:"):
        return _descriptors(address, address.removeprefix("fd:").removeprefix("//"))
    if address == "systemd":
        return _passed(address, "")
    host, port = _parts(address)
    if not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ListenError(
            f"cannot listen on {address!r}: not an address.",
            "Write host:port, :port, [address]:port, unix:path, unix:@name, fd:number, fd:name or systemd.",
            address=address,
        )
    if host in ("", "::"):
        return [_everywhere(address, host, int(port), manner)]
    return _named(address, host, int(port), manner)


def _parts(address: str) -> tuple[str, str]:
    """Return host and port as they were written; no port if there is no colon."""
    host, colon, port = address.rpartition(":")
    return (host.removeprefix("[").removesuffix("]"), port) if colon else ("", "")


def _everywhere(address: str, host: str, port: int, manner: Manner) -> Listener:
    """Listen on every interface: of both families, as far as this machine and the other addresses let us."""
    ipv6_only = host == "::" and str(port) in manner.ports
    try:
        return _bound_tcp(address, socket.AF_INET6, ("::", port), manner, ipv6_only=ipv6_only)
    except ListenError as error:
        if host or error.errno not in _NOT_HERE:
            raise
    return _bound_tcp(address, socket.AF_INET, ("0.0.0.0", port), manner)


def _named(address: str, host: str, port: int, manner: Manner) -> list[Listener]:
    """Listen on every address that a host name has here, each on the same port."""
    # For str, `encodings.idna` would be imported, which takes a millisecond.
    wanted = host.encode() if host.isascii() else host
    try:
        found = socket.getaddrinfo(wanted, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (socket.gaierror, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "no host name"
        raise ListenError(f"cannot listen on {address}: {reason}.", "Check the host.", address=address) from None
    places = list(dict.fromkeys((family, place) for family, _, _, _, place in found))
    for attempt in range(PORTS_TRIED):
        try:
            return _bound_together(address, places, port, manner)
        except ListenError as error:
            if port or error.errno != errno.EADDRINUSE or attempt == PORTS_TRIED - 1:
                raise
    raise AssertionError


def _bound_together(
    address: str, places: Sequence[tuple[int, Sequence[object]]], port: int, manner: Manner
) -> list[Listener]:  # fmt: skip
    """Listen on all ``places`` that this machine has: a name may stand for one that it has not."""
    listeners: list[Listener] = []
    missing: ListenError | None = None
    try:
        for family, (host, _, *rest) in places:
            try:
                listeners.append(_bound_tcp(address, family, (host, port, *rest), manner))
                port = listeners[0].local[1]
            except ListenError as error:
                if error.errno not in _NOT_HERE:
                    raise
                missing = error
        if missing is not None and not listeners:
            raise missing
    except ListenError:
        _close(listeners)
        raise
    return listeners


def _bound_tcp(
    address: str, family: int, place: Sequence[object], manner: Manner, *, ipv6_only: bool = True
) -> Listener:  # fmt: skip
    try:
        listening = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise _listen_error(address, error) from None
    try:
        if os.name == "posix":  # elsewhere it means something else
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if manner.reuse_port:
            _share_port(listening)
        if family == socket.AF_INET6:
            listening.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, ipv6_only)
        listening.bind(tuple(place))
        listening.listen(manner.backlog)
    except OSError as error:
        listening.close()
        raise _listen_error(address, error) from None
    return Listener(listening, _name_of(listening))


def _share_port(listening: socket.socket) -> None:
    if not hasattr(socket, "SO_REUSEPORT"):  # Windows
        raise OSError(errno.ENOPROTOOPT, "this system shares no ports (--reuse-port)")
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)


def _unix(address: str, path: str, manner: Manner) -> Listener:
    if not hasattr(socket, "AF_UNIX"):  # Windows
        raise _listen_error(address, OSError(errno.EAFNOSUPPORT, "this system has no Unix sockets"))
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    abstract = path.startswith("@")
    try:
        if abstract:
            listening.bind("\0" + path[1:])
        else:
            _remove_stale(path)
            listening.bind(path)
            os.chmod(path, manner.mode)  # nobody can connect before it listens
        listening.listen(manner.backlog)
    except OSError as error:
        listening.close()
        raise _listen_error(address, error) from None
    return Listener(listening, address, path=None if abstract else os.path.abspath(path))


def _remove_stale(path: str) -> None:
    """Remove the file of a Unix socket that nobody listens on any more. FileExistsError: what is there is no socket."""
    try:
        mode = os.stat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "what is there is no socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)
        except OSError:
            pass


def _descriptors(address: str, named: str) -> list[Listener]:
    """Return listeners for a descriptor that is open already, by its number or its name."""
    if named.isascii() and named.isdigit():
        return [_opened(address, int(named))]
    return _passed(address, named)


def _passed(address: str, named: str) -> list[Listener]:
    """Return listeners for the sockets that systemd, or who does as it does, has passed: all, or those of a name."""
    sockets = passed_sockets()
    chosen = [number for number, name in sockets if not named or name == named]
    if not chosen or address == "fd:":
        names = ", ".join(sorted({name for _, name in sockets})) or "none"
        raise ListenError(
            f"cannot listen on {address}: no socket is open there.",
            f"Start ehttpd from a program that passes a listening socket, such as systemd. Passed were: {names}.",
            address=address,
        )
    return [_opened(f"fd:{number}" if len(chosen) > 1 else address, number) for number in chosen]


def _opened(address: str, number: int) -> Listener:
    try:
        listening = socket.socket(fileno=number)
    except (OSError, OverflowError):
        raise ListenError(
            f"cannot listen on {address}: no socket is open there.",
            "Start ehttpd from a program that passes a listening socket, such as systemd.",
            address=address,
        ) from None
    try:
        listening.set_inheritable(False)
        return _inherited(listening, address)
    except ListenError:
        listening.detach()  # it is not ours to close
        raise


def _inherited(listening: socket.socket, name: str) -> Listener:
    if hasattr(socket, "SO_ACCEPTCONN") and not listening.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        raise ListenError(f"cannot listen on {name}: the socket does not listen.", "Call listen() on it.", address=name)
    return Listener(listening, _name_of(listening), inherited=True)


def _name_of(listening: socket.socket) -> str:
    """Return where a socket listens, as an operator would write it."""
    if not is_tcp(listening):
        return f"unix:{written_path(listening.getsockname())}"
    host, port = listening.getsockname()[:2]
    return f"[{host}{zone_of(listening)}]:{port}" if ":" in host else f"{host}:{port}"


def _close(listeners: list[Listener]) -> None:
    for listener in listeners:
        listener.close()


_CURES = {
    errno.EADDRINUSE: "Stop the other program, or choose another address with --bind.",
    errno.EACCES: "Choose a port from 1024 upwards with --bind, or have a privileged parent pass the socket (fd:N).",
    errno.EADDRNOTAVAIL: "This machine does not have that address. Choose another with --bind.",
}


_CURES_OF_FILES = {
    errno.EADDRINUSE: "Stop the other program, or choose another address with --bind.",
    errno.EEXIST: "Remove it, or choose another address with --bind.",
    errno.EACCES: "Choose a folder with --bind in which files may be made.",
    errno.EROFS: "Choose a folder with --bind in which files may be made.",
    errno.ENOENT: "Make the folder, or choose another with --bind.",
}


def _listen_error(address: str, error: OSError) -> ListenError:
    reason = error.strerror.lower() if error.strerror else str(error)
    cures = _CURES_OF_FILES if address.startswith("unix:") else _CURES
    cure = cures.get(error.errno or 0, "Choose another address with --bind.")
    return ListenError(f"cannot listen on {address}: {reason}.", cure, address=address, errno=error.errno)
