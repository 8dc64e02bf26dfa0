"""What workers say of the application that they have imported, for the banner."""

from __future__ import annotations

from collections.abc import Iterable

from ehttpd.launch.cautions import Caution
from ehttpd.launch.kind import Kind


class Described:
    """An application that only workers know."""

    def __init__(self, name: str, written_for: str, description: str, unusual: Iterable[Iterable[str]] = ()) -> None:
        self.name = name
        self.kind = Kind(written_for)
        self.description = description
        self.unusual = [Caution(*each) for each in unusual]
