"""Figures as a person reads them: numbers, sizes, durations, and what went wrong."""

from __future__ import annotations

from collections.abc import Mapping

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def mishaps(told: Mapping[str, Any]) -> dict[str, int]:
    """Return what went wrong, in words, with how often."""
    if not told["total"]:
        return {}
    found = told["total"]["mishaps"]
    words = {"parse_errors": "refused", "rejected": "no room", "timeouts": "timeout"}
    return {
        f"{word}: {reason.replace('_', ' ')}": count
        for kind, word in words.items()
        for reason, count in found[kind].items()
    }


def number_said(value: float) -> str:
    """Return a number as a person reads it: 1,234, 12.3, 0.42."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def size(octets: float) -> str:
    """Return a size in the unit that suits it."""
    for unit in ("B", "KiB", "MiB"):
        if octets < 1024:
            return f"{octets:.0f} {unit}"
        octets /= 1024
    return f"{octets:.1f} GiB"


def duration(seconds: float) -> str:
    """Return a duration by its two largest units: 3d 4h, 12m 5s."""
    left, found = int(seconds), list[str]()
    for name, length in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)):
        count, left = divmod(left, length)
        if count or found:
            found.append(f"{count}{name}")
    return " ".join(found[:2]) or "0s"
