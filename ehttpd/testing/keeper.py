"""The servers of one test of pytest's: begun by its fixtures, ended and looked at when the test is over.

Pytest's, as far as it tells whether the test has failed. Knows no hook and no fixture.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from textwrap import indent

from ehttpd.testing.leaks import Inventory
from ehttpd.testing.mock import MockServer
from ehttpd.testing.server import TestServer
from ehttpd.testing.verification import SlowStop, StrayRequest, all_together
from ehttpd.testing.wire_log import WireLog
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.testing.session import SharedServer


class Expectations:
    """What a test has said of its servers with ``@pytest.mark.ehttpd(…)``.

    Raises:
        TypeError: it has said something else.
    """

    def __init__(self, *, strict: bool = True, exceptions: bool = True, leaks: bool = True) -> None:
        self.strict = strict
        self.exceptions = exceptions
        self.leaks = leaks


class Keeper:
    """The servers of the test called ``name``, from the first fixture that asks for one to the last that needs it."""

    def __init__(self, name: str, said: Mapping[str, Any], *, notes_octets: bool) -> None:
        self._name = name
        self._expected = Expectations(**said)
        self._notes_octets = notes_octets
        self._inventory = Inventory() if self._expected.leaks else None
        self._ends: list[Callable[[], object]] = []  # what is to be done with the servers at the end
        self.servers: list[TestServer] = []
        self.failures: list[BaseException] = []
        self.failed = False
        self.cut_short = False  # the test has not run to its end, whatever it is reported as

    def serve(self, app_or_handler: Any = None, **options: Any) -> Any:
        """Return a server that runs: of an application or a handler, or without either a mock server."""
        __tracebackhide__ = True  # pytest: what is refused is shown where the test asks for it
        if app_or_handler is None:
            server: TestServer = MockServer(**{"strict": self._expected.strict, **options})
        else:
            server = TestServer(app_or_handler, **options)
        server.start()
        self._keep(server, server.stop)
        return server

    def share(self, server: SharedServer) -> SharedServer:
        """Return a server that other tests have used, and will."""
        for stray in server.begin(strict=self._expected.strict):
            warnings.warn(StrayRequest(f"After the test that it was for had ended, there came {stray}."), stacklevel=2)
        self._keep(server, server.end)
        return server

    def _keep(self, server: TestServer, end: Callable[[], object]) -> None:
        if self._notes_octets:
            server.wire_log = WireLog()
        self.servers.append(server)
        self._ends.append(end)

    @property
    def has_failed(self) -> bool:
        """Whether the test has failed, or is about to."""
        return self.failed or (not self.cut_short and any(map(self._failures_of, self.servers)))

    def finish(self) -> None:
        """Stop all servers, and note what went wrong."""
        for server, end in zip(self.servers, self._ends, strict=True):
            end()
            self.failures += self._failures_of(server)
            if server.slowness:
                warnings.warn(SlowStop(server.slowness), stacklevel=2)

    def _failures_of(self, server: TestServer) -> list[BaseException]:
        if server.verified:
            return []
        failures = server.failures()
        return failures if self._expected.exceptions else found_by_us(failures)

    def verdict(self) -> BaseException | None:
        """Return what makes the test fail, if anything does and it has come to its end without. To be asked once all of
        its fixtures have ended: one that was set up before the servers may close its connections to them later.
        """
        if self.failed or self.cut_short:
            return None
        left = self._inventory.left_behind(self.servers) if self._inventory is not None else []
        failures = [*self.failures, *left]
        return all_together(f"What the servers of {self._name} have seen", failures) if failures else None

    def section(self, *, with_failures: bool) -> str:
        """Return a line for each exchange of each server; ``with_failures``: and what went wrong besides."""
        lines = []
        for server in self.servers:
            lines.append(server.url)
            lines += [f"  {exchange}" for exchange in server.exchanges] or ["  no request came"]
            lines += [f"  {line}" for line in (server.wire_log.lines() if server.wire_log is not None else ())]
            if with_failures:
                failures = found_by_us(self._failures_of(server))
                lines += [f"  ! {indent(str(each), '    ').lstrip()}" for each in failures]
        return "\n".join(lines)


def found_by_us(failures: Iterable[BaseException]) -> list[BaseException]:
    """Return those that are no exceptions of handlers."""
    return [each for each in failures if isinstance(each, AssertionError) and type(each).__module__ == "ehttpd.testing"]
