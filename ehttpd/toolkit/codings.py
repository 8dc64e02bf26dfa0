"""Content codings: how data becomes gzip, br or zstd, piece by piece.

RFC 9110 §8.4.1, RFC 1952, RFC 7932 and RFC 8878. Which one a client wants is negotiation.py.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple, Protocol


class Encoder(Protocol):
    """One content being encoded."""

    def compress(self, data: bytes) -> bytes:
        """Take data; return what comes out so far."""

    def flush(self) -> bytes:
        """Return all that has been taken, so that its reader can have it now."""

    def finish(self) -> bytes:
        """Return what ends the content."""


class _Gzip:
    def __init__(self) -> None:
        # Level 6 is zlib's own choice; 31: with the header and trailer of gzip, whose time stamp stays 0.
        self._object = zlib.compressobj(6, zlib.DEFLATED, 31)
        self.compress = self._object.compress

    def flush(self) -> bytes:
        return self._object.flush(zlib.Z_SYNC_FLUSH)

    def finish(self) -> bytes:
        return self._object.flush(zlib.Z_FINISH)


class _Zstd:
    def __init__(self) -> None:
        self._object: Any = import_module("compression.zstd").ZstdCompressor()
        self.compress = self._object.compress

    def flush(self) -> bytes:
        return bytes(self._object.flush(self._object.FLUSH_BLOCK))

    def finish(self) -> bytes:
        return bytes(self._object.flush(self._object.FLUSH_FRAME))


class _Brotli:
    def __init__(self) -> None:
        # Its usual quality, 11, is for what is compressed once and sent often: it takes 50 times as long as 4.
        self._object: Any = import_module("brotli").Compressor(quality=4)
        self.compress = self._object.process

    def flush(self) -> bytes:
        return bytes(self._object.flush())

    def finish(self) -> bytes:
        return bytes(self._object.finish())


class Coding(NamedTuple):
    """A content coding: its name, the module that must be there, and what encodes."""

    name: str
    module: str
    encoder: Callable[[], Encoder]


# The best first: what is as small as the others and made in less time.
CODINGS = (Coding("zstd", "compression.zstd", _Zstd), Coding("br", "brotli", _Brotli), Coding("gzip", "zlib", _Gzip))


def encoders() -> dict[str, Callable[[], Encoder]]:
    """Return the encoders that this Python has, by the name of their coding."""
    return {coding.name: coding.encoder for coding in CODINGS if _has(coding.module)}


def _has(module: str) -> bool:
    try:
        import_module(module)
    except ImportError:
        return False
    return True
