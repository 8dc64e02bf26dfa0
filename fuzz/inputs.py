"""What the targets make of an input: pieces of it, or choices. Know nothing of what is fuzzed."""

from __future__ import annotations

from itertools import islice


def pieces_of(stream: bytes, size: int) -> list[bytes]:
    """Cut a stream into pieces of so many octets; 0 leaves it whole."""
    return [stream[at : at + size] for at in range(0, len(stream), size)] if size else [stream]


class Choices:
    """Reads an input as a sequence of choices; once it has run out, every choice is 0."""

    def __init__(self, data: bytes) -> None:
        self._octets = iter(data)

    def number(self, below: int) -> int:
        return next(self._octets, 0) % below

    def octets(self) -> bytes:
        return bytes(islice(self._octets, self.number(32)))

    def exactly(self, count: int) -> bytes:
        return bytes(islice(self._octets, count)).ljust(count, b"\0")

    def text(self, alphabet: str) -> str:
        """Return text of an alphabet mostly; of octets or of any characters else."""
        kind, octets = self.number(8), self.octets()
        if kind == 6:
            return octets.decode("latin-1")
        if kind == 7:
            return octets.decode("utf-8", "replace")
        return "".join(alphabet[octet % len(alphabet)] for octet in octets)
