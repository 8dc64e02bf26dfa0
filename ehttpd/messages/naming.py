"""Names for requests, by which the logs of several programs find together: made here, or taken from a field."""

from __future__ import annotations

import re

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# What comes from a client ends in logs: a name there has no spaces, quotes or line ends, and an end.
NAME = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
_random_bits: Callable[[int], int] | None = None


def new_name() -> str:
    """Return 16 hexadecimal digits that name nothing else, in this process or another. No secret. Any thread."""
    global _random_bits
    if _random_bits is None:
        from random import getrandbits  # takes 2 ms, and many servers name nothing

        _random_bits = getrandbits
    return _random_bits(64).to_bytes(8, "big").hex()


def given_name(value: str | None) -> str:
    """Return a name that a client has given in a field, nothing if it is not fit to be one."""
    return value if value and NAME.fullmatch(value) else ""
