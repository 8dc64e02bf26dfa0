"""Names for requests, by which the logs of several programs find together: made here, or taken from a field."""

from __future__ import annotations

import os
import re

# What comes from a client ends in logs: a name there has no spaces, quotes or line ends, and an end.
NAME = re.compile(r"[A-Za-z0-9._~+/=:-]{1,128}")
# Names are made many at once, of random digits that they have in common and two of their own.
_TWO_DIGITS = [f"{number:02x}" for number in range(256)]
# What nothing has been named yet. Who names every request takes them from here: a call takes as long as all else.
unused: list[str] = []
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=unused.clear)  # else both processes would give the same names


def new_name() -> str:
    """Return 16 hexadecimal digits that name nothing else, in this process or another. No secret. Any thread."""
    try:
        return unused.pop()
    except IndexError:
        # Not of `random`: an application may seed that, and have its names come again.
        names = list(map(os.urandom(7).hex().__add__, _TWO_DIGITS))
        name = names.pop()
        unused.extend(names)
        return name


def given_name(value: str | None) -> str:
    """Return a name that a client has given in a field, nothing if it is not fit to be one."""
    return value if value and NAME.fullmatch(value) else ""
