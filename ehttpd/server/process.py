"""What the operating system and the interpreter say of this process: its memory, its processor time, its collector."""

from __future__ import annotations

import gc
import os
import sys
import time

# Where Linux tells the sizes of a process, in pages; the second is what is resident.
SIZES = "/proc/self/statm"


def resident_octets() -> int:
    """Return how much memory the process holds now; where the system does not tell, the most it ever held."""
    try:
        with open(SIZES, "rb", buffering=0) as sizes:
            return int(sizes.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return _most_resident_octets()


def _most_resident_octets() -> int:
    if sys.platform == "win32":
        return 0
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024


def processor_seconds() -> float:
    """Return how much processor time the process has taken, in all its threads."""
    return time.process_time()


class CollectorClock:
    """Measures how long the garbage collector takes, while it is started. The interpreter calls it one at a time."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0

    def start(self) -> None:
        gc.callbacks.append(self._note)

    def stop(self) -> None:
        if self._note in gc.callbacks:
            gc.callbacks.remove(self._note)

    def _note(self, phase: str, _: object) -> None:
        if phase == "start":
            self._began = time.perf_counter()
        else:
            self.seconds += time.perf_counter() - self._began
