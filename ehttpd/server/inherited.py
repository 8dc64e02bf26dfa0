"""Sockets that another program has opened for us, as systemd passes them: sd_listen_fds(3).

The environment says how many there are (LISTEN_FDS), for whom (LISTEN_PID) and what they are called (LISTEN_FDNAMES).
"""

from __future__ import annotations

import os

FIRST_DESCRIPTOR = 3
NO_NAME = "unknown"  # as systemd calls a socket that its unit gives no name


def passed_sockets() -> list[tuple[int, str]]:
    """Return number and name of each descriptor that was passed to this very process; none if there are none."""
    if os.environ.get("LISTEN_PID") != str(os.getpid()):
        return []
    count = os.environ.get("LISTEN_FDS", "")
    if not (count.isascii() and count.isdigit()):
        return []
    names = os.environ.get("LISTEN_FDNAMES", "").split(":")
    names += [""] * (int(count) - len(names))
    return [(FIRST_DESCRIPTOR + place, name or NO_NAME) for place, name in zip(range(int(count)), names, strict=False)]
