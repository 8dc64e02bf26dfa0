"""Run a server in the main thread until SIGINT or SIGTERM.

For the ``serve`` functions, which promise that; a `Server` never touches signals.
"""

from __future__ import annotations

import queue
import signal
import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ehttpd.server.server import Server


def run(server: Server) -> None:
    """Start ``server``, wait for a signal, drain. A second signal stops at once. Main thread only."""
    events: queue.SimpleQueue[str] = queue.SimpleQueue()  # its put may interrupt its get

    def drain() -> None:
        server.stop()
        events.put("drained")

    before = {each: signal.signal(each, lambda *_: events.put("signal")) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        server.start()
        events.get()
        threading.Thread(target=drain, name="ehttpd-stop", daemon=True).start()
        if events.get() == "signal":
            server.stop(grace=0)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
