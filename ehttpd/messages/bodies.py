"""Bodies that are no octets yet: none at all, an open file or parts of one, or one that others feed. RFC 9110 §6.4."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence

from ehttpd.typed import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from typing import Any, BinaryIO


def check_body(body: object) -> None:
    """Raises TypeError for what cannot be sent, as far as that can be seen before its pieces are there."""
    if isinstance(body, io.TextIOBase):
        raise TypeError("A file as a body gives bytes: open it with 'rb'.")
    if isinstance(body, Mapping) or not (hasattr(body, "__iter__") or hasattr(body, "read")):
        raise TypeError(
            f"A body is bytes, text, a binary file or an iterable of bytes. Found {type(body).__name__}; "
            "Response.json sends other values."
        )


class NoBody(io.RawIOBase):
    """The body of a request that has none. It has no state, so all such requests share it."""

    def readable(self) -> bool:
        return True

    def readall(self) -> bytes:
        return b""

    def readinto(self, buffer: object) -> int:
        return 0

    def read(self, size: int | None = -1) -> bytes:
        return b""

    read1 = read

    def readline(self, size: int | None = -1) -> bytes:
        return b""

    def close(self) -> None:
        """Do nothing: it is not one request's to close."""


NO_BODY: BinaryIO = NoBody()  # type: ignore[assignment]  # it has all that is read with


class FileBody:
    """An open binary file as a body: sent from where it stands, by the kernel if that can, then closed.

    ``count`` octets of ``file``, or all that is left, ``block_size`` at a time where they are read. Also what PEP
    3333 calls ``wsgi.file_wrapper``: anything with ``read`` will do. It is the iterator of its blocks itself, and can
    be told where to stand if the file can: so Werkzeug goes to a range without reading what is before, and closes it.
    """

    __slots__ = ("block_size", "count", "file")

    def __init__(self, file: Any, block_size: int = 1 << 16, count: int | None = None) -> None:
        if count is not None and count < 0:
            raise ValueError(f"A file has no {count} octets.")
        self.file = file
        self.block_size = block_size
        self.count = count

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        block: bytes = self.file.read(self.block_size if self.count is None else min(self.block_size, self.count))
        if block == b"":
            raise StopIteration
        if self.count is not None:
            self.count -= len(block)
        return block

    def seekable(self) -> bool:
        """Tell whether `seek` and `tell` may be called."""
        return hasattr(self.file, "seekable") and bool(self.file.seekable())

    def seek(self, place: int) -> int:
        """Go on from a place of the file, and return it."""
        return int(self.file.seek(place))

    def tell(self) -> int:
        """Return where the file stands."""
        return int(self.file.tell())

    def close(self) -> None:
        """Close the file."""
        if hasattr(self.file, "close"):
            self.file.close()


class FileParts:
    """Parts of one open binary file as a body, with octets before each and at the end: then the file is closed.

    ``parts`` are the octets before, and the place and length of what of the file follows them.
    """

    __slots__ = ("end", "file", "parts")

    def __init__(self, file: Any, parts: Sequence[tuple[bytes, int, int]], end: bytes) -> None:
        self.file = file
        self.parts = parts
        self.end = end

    @property
    def size(self) -> int:
        """How many octets there are."""
        return sum(len(before) + count for before, _, count in self.parts) + len(self.end)

    def __iter__(self) -> Iterator[bytes]:
        for before, place, count in self.parts:
            yield before
            self.file.seek(place)
            yield from FileBody(self.file, count=count)
        yield self.end

    def close(self) -> None:
        self.file.close()


def close_body(body: object) -> None:
    """Call the ``close`` that a body may have, whoever is done with it (PEP 3333): sent or not."""
    close = getattr(body, "close", None)
    if close is not None:
        close()


class Outlet(Protocol):
    """Where the pieces of a `FedBody` go. Any thread."""

    def write(self, data: bytes) -> bool:
        """Have data sent; wait for nobody. False if nothing more is taken: the client has left, or takes too little."""

    def wait_for_room(self) -> bool:
        """Wait until all that was written has been taken; False if nothing more is taken. Never in a handler."""

    def end(self, failure: BaseException | None = None) -> None:
        """End the body; so that nobody takes it for complete if there was a failure."""


class FedBody:
    """A body that others feed, for as long as they want. No thread of the server waits for it.

    Where there is no server of ours it is an iterable of its pieces, like any other body.
    """

    greeting = b""
    """What is sent with the head."""
    heartbeat: float | None = None
    """After how many seconds of silence the sign of life is sent."""
    sign_of_life = b""
    holds_thread = False
    """Whether a thread waits for the pieces: a server wants a bound for that."""

    def begin(self, outlet: Outlet) -> None:
        """Begin to feed. Called once, and must not block."""
        raise NotImplementedError

    def close(self) -> None:
        """Stop. Called once, whether it has begun or not, by any thread, and must not block."""
        raise NotImplementedError

    def __iter__(self) -> Iterator[bytes]:
        raise NotImplementedError


class PassedOn(FedBody):
    """A body that is fed, on its way through somebody who wants to see what becomes of it."""

    def __init__(self, body: FedBody) -> None:
        self.greeting = body.greeting
        self.heartbeat = body.heartbeat
        self.sign_of_life = body.sign_of_life
        self.holds_thread = body.holds_thread
        self.body = body

    def begin(self, outlet: Outlet) -> None:
        self.body.begin(outlet)

    def close(self) -> None:
        self.body.close()

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.body)
