"""The end of a process: threads of an application do not hold it for ever.

The operator's room. Python waits for threads that are not daemons; but those of an application that could not be
served, or was only looked at, may never end, and whoever started the process waits for its exit code. Those of one
that was served have until the end of the grace, like its requests.
"""

from __future__ import annotations

import os
import sys
import threading
import time

SPARE = 0.5  # seconds that a process has for its own end


def end(exit_code: int) -> int:
    """Return ``exit_code``; or end the process with it, if Python would wait for threads."""
    if not waited_for():
        return exit_code
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it
            pass
    os._exit(exit_code)


def end_by(deadline: float) -> None:
    """Have a process that was told to stop end a moment after ``deadline``, if Python still waits for threads then."""

    def cut_off() -> None:
        time.sleep(max(0.0, deadline - time.monotonic()) + SPARE)
        if names := ", ".join(waited_for()):
            from ehttpd.launch.banner import announce

            announce(f"ehttpd: the application's threads did not end in time and are cut off: {names}.")
            announce("  Have them end when Python does: threading.Thread(…, daemon=True)")
            os._exit(0)

    if waited_for():
        threading.Thread(target=cut_off, name="ehttpd-end", daemon=True).start()


def waited_for() -> list[str]:
    """Return the names of the threads that Python waits for."""
    main_thread = threading.main_thread()
    return [thread.name for thread in threading.enumerate() if thread is not main_thread and not thread.daemon]
