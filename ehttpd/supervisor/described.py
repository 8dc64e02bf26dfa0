"""What workers say of the application that they have imported, for the banner."""

from __future__ import annotations

from ehttpd.launch.kind import Kind


class Described:
    """An application that only workers know."""

    def __init__(self, name: str, written_for: str, description: str) -> None:
        self.name = name
        self.kind = Kind(written_for)
        self.description = description
