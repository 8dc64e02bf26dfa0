"""Which servers run on this machine that this user may command, as far as Linux tells.

The authority is proc(5), which lists the names of Unix sockets. Anybody may take a name that is free: so a name is
believed only where its process is of this user, and the socket that process's own.
"""

from __future__ import annotations

import os
import socket

from ehttpd.admin.control import PREFIX, ROOT, Peer

PROCESSES = "/proc"


def controlled_processes() -> list[int]:
    """Return the number of each process that takes commands of this user; for root, of whatever user it is."""
    found = set()
    for name in _names():
        number = name.removeprefix(PREFIX)
        if number.isdigit() and _may_command(int(number)):
            found.add(int(number))
    return sorted(found)


def is_genuine(name: str, connected: socket.socket) -> bool:
    """Tell whether the socket of this name, which we are connected to, is of the process that the name says, and that
    process of this user. To root everybody's process is.
    """
    peer = Peer.of(connected)
    return name == f"{PREFIX}{peer.process}" and (os.geteuid() == ROOT or peer.user in (ROOT, os.geteuid()))


def _may_command(process: int) -> bool:
    try:
        return os.geteuid() == ROOT or os.stat(f"{PROCESSES}/{process}").st_uid == os.geteuid()
    except OSError:  # it has ended
        return False


def _names() -> list[str]:
    try:
        with open(f"{PROCESSES}/net/unix", encoding="utf-8", errors="replace") as table:
            return [words[7] for words in map(str.split, table) if len(words) == 8 and words[7].startswith(PREFIX)]
    except OSError:
        return []
