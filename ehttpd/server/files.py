"""Bodies made of open files, as pieces that the kernel sends where it can.

The operating system's: knows what its descriptors hold. Sending is output.py's.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Iterable

from ehttpd.messages import FileBody, FileParts
from ehttpd.server.output import FileSlice
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeAlias

Piece: TypeAlias = "bytes | FileSlice"


def pieces_of(body: FileBody | FileParts) -> list[Piece] | None:
    """Return what is to be sent; None if the descriptor does not hold it, or not all of it."""
    size = _size_on_disk(body.file)
    if size is None:
        return None
    if isinstance(body, FileParts):
        pieces: list[Piece] = []
        for before, place, count in body.parts:
            pieces += [before, FileSlice(body.file, place, min(count, max(0, size - place)))]
        return [*pieces, body.end]
    offset = body.file.tell()
    rest = max(0, size - offset)
    return [FileSlice(body.file, offset, rest if body.count is None else min(rest, body.count))]


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


def _size_on_disk(file: Any) -> int | None:
    """Return how many octets a regular file has; None for anything else."""
    raw = getattr(file, "raw", file)
    if isinstance(raw, io.IOBase) and not isinstance(raw, io.FileIO):
        return None  # what gzip and its like read is not what their descriptor holds
    try:
        status = os.fstat(file.fileno())
        file.tell()
    except (AttributeError, OSError, ValueError):
        return None
    return status.st_size if stat.S_ISREG(status.st_mode) else None
