"""Which fields of a request a response depends on, for caches: RFC 9110 §12.5.5."""

from __future__ import annotations

from ehttpd.messages import Response


def add_vary(response: Response, name: str) -> None:
    """Add a field name to the Vary field of a response, unless it is there."""
    value = response.headers.get("vary") or ""
    there = [each.strip().lower() for each in value.split(",")]
    if "*" not in there and name.lower() not in there:
        response.headers["Vary"] = f"{value}, {name}" if value else name
