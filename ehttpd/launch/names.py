"""What processes are called in lists of processes: by ps, top, pgrep.

Linux lets a process write its name, of 15 octets. Elsewhere, and for the words of its command line, nothing is done.
"""

from __future__ import annotations

LONGEST = 15
USUAL = "ehttpd"


def name_process(name: str, part: str = "") -> None:
    """Call this process ``name``, or ehttpd, and say which ``part`` it is. Main thread only."""
    room = LONGEST - len(part) - 1 if part else LONGEST
    try:
        with open("/proc/self/comm", "w") as file:
            file.write(f"{(name or USUAL)[:room]} {part}".rstrip())
    except OSError:
        return  # not Linux
