"""The end of a process that serves nothing: threads of an application do not hold it.

The operator's room. Python waits for threads that are not daemons; but those of an application that could not be
served, or was only looked at, may never end, and whoever started the process waits for its exit code.
"""

from __future__ import annotations

import os
import sys
import threading


def end(exit_code: int) -> int:
    """Return ``exit_code``; or end the process with it, if Python would wait for threads."""
    others = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    if all(thread.daemon for thread in others):
        return exit_code
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # nobody reads it
            pass
    os._exit(exit_code)
