"""What lines are written to: a file that can be opened anew, a stream of the process, or the system's log.

The operating system's. One thread at a time: see writer.py.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
from collections.abc import Callable, Iterator, Sequence

from ehttpd.typed import Protocol

# So many octets at once are never mixed with those of others who write into the same pipe (POSIX, "write").
PIPE_AT_ONCE = getattr(select, "PIPE_BUF", 512)
# ... nor so many in a file that all append to, on a local file system.
FILE_AT_ONCE = 1 << 18
# Linux, macOS and the BSDs take 1024 chunks at once (POSIX, "limits.h", IOV_MAX).
MOST_AT_ONCE = 1000
SYSTEM_LOG = "/dev/log"
LONGEST_DATAGRAM = 8192  # what the usual daemons take of a line
DAEMON, INFORMATIONAL = 3, 6  # facility and severity, RFC 5424 §6.2.1


class Target(Protocol):
    """What lines are written to."""

    def write(self, chunks: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write what consists of lines, each whole and with its end, and wait for who reads them.

        Return how many octets of whole lines were written, and why not all.
        """

    def takes(self, octets: int) -> bool:
        """Tell whether so many octets can be written now without waiting for who reads."""

    def reopen(self) -> None:
        """Open it anew, if it has a name: who moved it away wants the next lines in a new file. Raises OSError."""

    def close(self) -> None:
        """Let go of what was opened."""


class Stream:
    """A descriptor that somebody else has opened: the standard output or the standard error."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._torn = False  # the last line was not written to its end
        self._at_once = FILE_AT_ONCE if stat.S_ISREG(os.fstat(descriptor).st_mode) else PIPE_AT_ONCE
        self._room = _room(descriptor)

    def write(self, chunks: Sequence[bytes]) -> tuple[int, OSError | None]:
        written = 0
        for piece in together(chunks, self._at_once):
            octets, error = self._write([b"\n", *piece] if self._torn else piece)
            size = sum(map(len, piece))
            if error is not None:
                whole = b"".join(piece).rfind(b"\n", 0, max(0, octets - self._torn)) + 1
                if octets:
                    self._torn = octets - self._torn != whole
                return written + whole, error
            written += size
            self._torn = False
        return written, None

    def _write(self, piece: Sequence[bytes]) -> tuple[int, OSError | None]:
        """Write a piece at once, if the system takes it at once."""
        written, size = 0, sum(map(len, piece))
        while written < size:
            try:
                written += _write_chunks(self._descriptor, [b"".join(piece)[written:]] if written else piece)
            except BlockingIOError:  # somebody else has made it so
                self._room(None)
            except OSError as error:
                return written, error
        return written, None

    def takes(self, octets: int) -> bool:
        return octets <= self._at_once and bool(self._room(0))

    def reopen(self) -> None:
        pass

    def close(self) -> None:
        pass


class File(Stream):
    """A file that is appended to, made if need be, for ``owner`` if a user and a group are given. Raises OSError."""

    def __init__(self, path: str, owner: tuple[int, int] | None = None) -> None:
        self._path = os.path.abspath(path)  # the folder may change until it is opened anew
        self._owner = owner
        super().__init__(_opened(path, owner))

    def reopen(self) -> None:
        former = self._descriptor
        Stream.__init__(self, _opened(self._path, self._owner))
        os.close(former)

    def close(self) -> None:
        os.close(self._descriptor)


class SystemLog:
    """The system's log, a datagram for each line (RFC 3164, which every daemon that listens there takes).

    Raises OSError: nobody listens.
    """

    def __init__(self, path: str = SYSTEM_LOG) -> None:
        self._path = path
        self._start = f"<{DAEMON * 8 + INFORMATIONAL}>ehttpd[{os.getpid()}]: ".encode()
        self._socket = self._connected()

    def _connected(self) -> socket.socket:
        if not hasattr(socket, "AF_UNIX"):  # Windows
            raise OSError(errno.EAFNOSUPPORT, "this system has no such log")
        connecting = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            connecting.connect(self._path)
        except BaseException:
            connecting.close()
            raise
        return connecting

    def write(self, chunks: Sequence[bytes]) -> tuple[int, OSError | None]:
        written = 0
        for line in b"".join(chunks).split(b"\n")[:-1]:
            try:
                self._send((self._start + line)[:LONGEST_DATAGRAM])
            except OSError as error:
                return written, error
            written += len(line) + 1
        return written, None

    def _send(self, datagram: bytes) -> None:
        try:
            self._socket.send(datagram)
        except OSError:  # the daemon was started anew, maybe
            self.reopen()
            self._socket.send(datagram)

    def takes(self, octets: int) -> bool:
        return False

    def reopen(self) -> None:
        former, self._socket = self._socket, self._connected()
        former.close()

    def close(self) -> None:
        self._socket.close()


def together(chunks: Sequence[bytes], at_once: int) -> Iterator[list[bytes]]:
    """Yield what is to be written at once: so many chunks, or lines of one, as have ``at_once`` octets together.

    To put them together in memory first would push what serves requests out of the processor's caches.
    """
    piece: list[bytes] = []
    room = at_once
    for chunk in chunks:
        for part in pieces(chunk, at_once):
            if piece and (len(part) > room or len(piece) == MOST_AT_ONCE):
                yield piece
                piece, room = [], at_once
            piece.append(part)
            room -= len(part)
    if piece:
        yield piece


def pieces(octets: bytes, at_once: int) -> Iterator[bytes]:
    """Yield whole lines, of at most ``at_once`` octets, longer only where a single line is. They all have an end."""
    begin = 0
    while len(octets) - begin > at_once:
        end = octets.rfind(b"\n", begin, begin + at_once) + 1 or octets.index(b"\n", begin) + 1
        yield octets[begin:end]
        begin = end
    if begin < len(octets):
        yield octets[begin:]


def _opened(path: str, owner: tuple[int, int] | None) -> int:
    if owner is not None:
        _make(path, owner)
    # A pipe that nobody reads is refused instead of waited for, where there are such.
    at_once = getattr(os, "O_NONBLOCK", 0)
    as_they_are = getattr(os, "O_BINARY", 0)  # Windows would write ends of lines as it has them
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | at_once | as_they_are, 0o644)
    if at_once:
        os.set_blocking(descriptor, True)
    return descriptor


def _make(path: str, owner: tuple[int, int]) -> None:
    """Make a file for somebody else, unless there is one; a link is one, wherever it leads: root did not make that."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return
    try:
        os.fchown(descriptor, *owner)
    except PermissionError:  # who may not do that cannot become that user either, and is told so
        pass
    finally:
        os.close(descriptor)


def _room(descriptor: int) -> Callable[[float | None], object]:
    """Return what waits for so many milliseconds until a descriptor takes something, and tells whether it does."""
    if not hasattr(select, "poll"):  # Windows waits for sockets only; so others than the caller have to
        return lambda milliseconds: False
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return poll.poll


def _write_chunks(descriptor: int, chunks: Sequence[bytes]) -> int:
    if hasattr(os, "writev"):
        return os.writev(descriptor, chunks)
    return os.write(descriptor, b"".join(chunks))  # Windows
