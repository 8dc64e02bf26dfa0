"""Who holds a port: the process that listens there, as far as Linux lets us see.

The authority is proc(5). Elsewhere, and for a process of another user, nothing is found.
"""

from __future__ import annotations

import os
import time

LISTENING = "0A"  # TCP_LISTEN in /proc/net/tcp
LONGEST_COMMAND = 60


def port_holder(port: int) -> str:
    """Return a line about the process that listens on ``port``, or nothing if it cannot be found.

    The line starts with ``pid N``.
    """
    try:
        process = process_with_socket(listening_sockets(port))
        return describe(process) if process else ""
    except OSError:
        return ""


def listening_sockets(port: int) -> set[str]:
    """Return the listening sockets at ``port``, as the links in ``/proc/*/fd`` spell them."""
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        if os.path.exists(table):
            with open(table) as lines:
                columns = [line.split() for line in lines][1:]
            found |= {
                f"socket:[{entry[9]}]"
                for entry in columns
                if entry[3] == LISTENING and int(entry[1].rpartition(":")[2], 16) == port
            }
    return found


def process_with_socket(sockets: set[str]) -> int | None:
    """Return the first process that has one of ``sockets`` open."""
    for process in filter(str.isdigit, os.listdir("/proc")):
        try:
            if any(is_one_of(sockets, f"/proc/{process}/fd/{number}") for number in os.listdir(f"/proc/{process}/fd")):
                return int(process)
        except OSError:
            continue  # It has ended, or it is another user's.
    return None


def is_one_of(sockets: set[str], descriptor: str) -> bool:
    """Return whether ``descriptor`` is one of ``sockets``."""
    try:
        return os.readlink(descriptor) in sockets
    except FileNotFoundError:  # It was closed meanwhile.
        return False


def describe(process: int) -> str:
    """Return the number, command line, user and age of a process."""
    with open(f"/proc/{process}/cmdline", "rb") as file:
        words = file.read().decode("utf-8", "replace").split("\0")
    command = " ".join(word if word.isprintable() else repr(word) for word in words).strip()
    if len(command) > LONGEST_COMMAND:
        command = command[:LONGEST_COMMAND] + "…"
    status = os.stat(f"/proc/{process}")
    return f"pid {process}  {command}  (user {user_name(status.st_uid)}, started {ago(started(process))})"


def started(process: int) -> float:
    """Return how many seconds ago a process was started."""
    with open(f"/proc/{process}/stat") as file:
        # The second column, a name in brackets, may hold anything; the 22nd is the start in ticks since boot.
        ticks = int(file.read().rpartition(")")[2].split()[19])
    return time.clock_gettime(time.CLOCK_BOOTTIME) - ticks / os.sysconf("SC_CLK_TCK")


def user_name(number: int) -> str:
    """Return the name of a user, or the number if it has none."""
    from pwd import getpwuid

    try:
        return getpwuid(number).pw_name
    except KeyError:
        return str(number)


def ago(seconds: float) -> str:
    """Return a duration in the largest unit that fits, in words."""
    for unit, size in (("days", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (seconds >= size and unit != "days"):
            return f"{seconds // size:.0f} {unit} ago"
    return f"{max(seconds, 0):.0f} s ago"
