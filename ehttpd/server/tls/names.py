"""Names of hosts that clients ask for (RFC 6066 §3) and that are no text: nothing is written to the standard error.

Python's. Its `ssl` reads such a name before it calls anybody, and reports that it cannot to `sys.unraisablehook`. That
writes a traceback there and then: the leader would wait for whoever reads the standard error, perhaps for ever, and any
client could fill a log.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

from ehttpd.logs import log
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Reports:
    """In the place of the hook that there was, which hears of all else."""

    def __init__(self, former: Callable[[Any], object]) -> None:
        self._former = former

    def __call__(self, report: Any) -> None:
        if isinstance(report.object, bytes) and isinstance(report.exc_value, UnicodeDecodeError):
            log.debug("A client asks for a host whose name is no text: %r.", report.object)
        else:
            self._former(report)


def leave_out_names() -> None:
    """Have such names told of at DEBUG only, in this process and for as long as nobody else takes the hook."""
    if not isinstance(sys.unraisablehook, Reports):
        sys.unraisablehook = Reports(sys.unraisablehook)
