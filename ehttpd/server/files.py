"""Bodies made of open files, as pieces that the kernel sends where it can.

The operating system's: knows what its descriptors hold. Sending is output.py's.
"""

from __future__ import annotations

import io
import os
import stat
import threading
from collections.abc import Callable, Iterable
from functools import partial

from ehttpd.logs import log
from ehttpd.messages import FileBody, FileParts
from ehttpd.server.output import FileSlice
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeAlias

Piece: TypeAlias = "bytes | FileSlice"


# Whoever reads these reads their ``file``. What others read, such as gzip, need not be what their descriptor holds.
WRAPPERS = frozenset(
    [
        "tempfile._TemporaryFileWrapper",
        "django.core.files.base.File",
        "django.db.models.fields.files.FieldFile",
    ]
)
BUFFERED = (io.BufferedReader, io.BufferedRandom)


def pieces_of(body: FileBody | FileParts) -> list[Piece] | None:
    """Return what is to be sent; None if it is not certain that the descriptor holds it, and all of it."""
    try:
        file = _plain_file(body.file)
        size, offset = _size_on_disk(file), file.tell()
    except (AttributeError, OSError, ValueError):
        return None
    if not size:
        return None
    if isinstance(body, FileParts):
        pieces: list[Piece] = []
        for before, place, count in body.parts:
            pieces += [before, FileSlice(file, place, min(count, max(0, size - place)))]
        return [*pieces, body.end]
    rest = max(0, size - offset)
    return [FileSlice(file, offset, rest if body.count is None else min(rest, body.count))]


def length_of(pieces: Iterable[Piece]) -> int:
    """Return how many octets these are."""
    return sum(piece.count if isinstance(piece, FileSlice) else len(piece) for piece in pieces)


def cut(pieces: Iterable[Piece], length: int) -> list[Piece]:
    """Return the first ``length`` octets of these, without what is empty."""
    kept: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, FileSlice):
            piece.count = min(piece.count, length)
            length -= piece.count
            kept += [piece] * bool(piece.count)
        else:
            kept += [piece[:length]] * bool(length)
            length -= min(len(piece), length)
    return kept


def closing(body: FileBody | FileParts) -> Callable[[], object]:
    """Return what the lane is to call for a body to be closed. It waits for nobody: where an application has put a call
    of its own in the place of its file's, a thread makes that.
    """
    return partial(_close_apart, body) if "close" in getattr(body.file, "__dict__", ()) else body.close


def _close_apart(body: FileBody | FileParts) -> None:
    try:
        threading.Thread(target=_close, args=(body,), name="ehttpd-closing", daemon=True).start()
    except RuntimeError:  # there can be no more threads now
        _close(body)


def _close(body: FileBody | FileParts) -> None:
    try:
        body.close()
    except Exception:
        log.error("Closing a file after its response failed.", exc_info=True)


def _plain_file(file: Any) -> Any:
    """Return what reads the octets of a descriptor just as they are; None if that is not certain."""
    while f"{type(file).__module__}.{type(file).__qualname__}" in WRAPPERS:
        file = file.file
    if type(file) is io.BufferedRandom:
        file.flush()  # what was written may be in its buffer only
    raw = file.raw if type(file) in BUFFERED else file
    return file if type(raw) is io.FileIO else None


def _size_on_disk(file: Any) -> int:
    """Return how many octets a regular file has; 0 if nobody knows. Those in /proc say 0, and have more."""
    status = os.fstat(file.fileno())
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
