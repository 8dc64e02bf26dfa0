"""A mock server that many tests share, one after the other, each as if it were its own.

The test author's. Between two tests nobody is answered: what comes then is late, and said to be.
"""

from __future__ import annotations

from ehttpd.messages import Request, Response
from ehttpd.testing.faults import Fault
from ehttpd.testing.journal import ReceivedRequest
from ehttpd.testing.mock import MockServer
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

DRAIN = 1.0  # Seconds that requests may take once their test is over.


class SharedServer(MockServer):
    """A `MockServer` that begins anew for each test."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._resting = True
        self._strays: list[str] = []

    def begin(self, *, strict: bool) -> list[str]:
        """Begin with nothing, for another test; return which requests came after the one before had ended."""
        self.reset()
        self.strict = strict
        strays, self._strays = self._strays, []
        self._resting = False
        return strays

    def end(self) -> None:
        """Have what still runs come to its end, then answer nobody, and close the connections."""
        self.settle(DRAIN)
        self._resting = True
        self.hang_up()

    def _respond(self, request: Request, received: ReceivedRequest) -> tuple[Response, Fault | None]:
        if not self._resting:
            return super()._respond(request, received)
        self._strays.append(f"{request.method} {request.target}")
        return Response.error("The test that this was for is over.\n", 503), None
