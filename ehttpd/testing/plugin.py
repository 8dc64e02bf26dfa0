"""The plugin of pytest: servers as fixtures that verify themselves, and what they saw in the report of a failure.

Pytest's. Loaded by pytest alone, at its start: so it imports nothing of ehttpd before a fixture is asked for.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from ehttpd.testing.certificates import Authority
    from ehttpd.testing.leaks import Inventory
    from ehttpd.testing.mock import MockServer
    from ehttpd.testing.server import TestServer
    from ehttpd.testing.session import SharedServer

MARKER = (
    "ehttpd(strict=True, leaks=True): strict=False: rules that are not met and requests that no rule is for are no "
    "failure; leaks=False: threads and sockets that the test leaves behind are none either."
)
HELD = "\nehttpd: the test has failed, and {urls} is held up. Press Enter to go on.\n"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.getgroup("ehttpd").addoption(
        "--ehttpd-hold", action="store_true", help="After a failure keep its servers up until Enter is pressed."
    )
    parser.getgroup("ehttpd").addoption(
        "--ehttpd-log", choices=("exchanges", "wire"), default="exchanges",
        help="What the report of a failure shows of its servers: every exchange, or every octet as well.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


class Keeper:
    """The servers of one test, from the first fixture that asks for one to the last that needs it."""

    def __init__(self, item: pytest.Item) -> None:
        self._item = item
        options: dict[str, Any] = {}
        for mark in reversed(list(item.iter_markers("ehttpd"))):
            options.update(mark.kwargs)
        self._strict = bool(options.get("strict", True))
        self._inventory: Inventory | None = None
        if options.get("leaks", True):
            from ehttpd.testing.leaks import Inventory

            self._inventory = Inventory()
        self.servers: list[TestServer] = []
        self._ends: list[Callable[[], object]] = []  # what is to be done with them at the end
        self._places: list[Any] = []  # where they were
        self.failures: list[BaseException] = []
        self.failed = False

    def serve(self, app_or_handler: Any = None, **options: Any) -> Any:
        """Return a server that runs: of an application or a handler, or without either a mock server."""
        from ehttpd.testing import MockServer, TestServer

        if app_or_handler is None:
            server: TestServer = MockServer(**{"strict": self._strict, **options})
        else:
            server = TestServer(app_or_handler, **options)
        self._watch(server)
        server.start()
        self._places.append(server.place)
        self._ends.append(server.stop)
        return server

    def share(self, server: SharedServer) -> SharedServer:
        """Return a server that other tests have used, and will."""
        from ehttpd.testing.verification import StrayRequest

        for stray in server.begin(strict=self._strict):
            warnings.warn(StrayRequest(f"After the test that it was for had ended, there came {stray}."), stacklevel=2)
        self._watch(server)
        self._places.append(server.place)
        self._ends.append(server.end)
        return server

    def _watch(self, server: TestServer) -> None:
        if self._item.config.getoption("--ehttpd-log") == "wire":
            from ehttpd.testing.wire_log import WireLog

            server.wire_log = WireLog()
        self.servers.append(server)

    def finish(self) -> None:
        """Stop all servers, and note what went wrong."""
        if self.failed and self.servers and self._item.config.getoption("--ehttpd-hold"):
            self._hold()
        for server, end in zip(self.servers, self._ends, strict=True):
            end()
            if not server.verified:
                self.failures += server.failures()

    def verify(self) -> None:
        """Raise what went wrong, unless the test has failed without that. Once all of the test's fixtures have ended:
        one that was set up before the servers may close its connections to them later.
        """
        from ehttpd.testing.verification import raise_together

        if not self.failed:
            left = self._inventory.left_behind(self._places) if self._inventory is not None else []
            raise_together(f"What the servers of {self._item.name} have seen", [*self.failures, *left])

    def _hold(self) -> None:
        """Keep the servers up until somebody presses Enter, or nobody is there to do so."""
        capture = self._item.config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.suspend(in_=True)
        try:
            sys.stdout.write(HELD.format(urls=", ".join(server.url for server in self.servers)))
            sys.stdout.flush()
            sys.stdin.readline()
        except (OSError, ValueError):  # no standard input: a worker of xdist
            pass
        finally:
            if capture is not None:
                capture.resume()

    def section(self) -> str:
        """Return a line for each exchange of each server, and what went wrong besides."""
        lines = []
        for server in self.servers:
            lines.append(server.url)
            lines += [f"  {exchange}" for exchange in server.exchanges] or ["  no request came"]
            lines += [f"  {line}" for line in (server.wire_log.lines() if server.wire_log is not None else ())]
            lines += [f"  ! {failure}" for failure in server.failures() if isinstance(failure, AssertionError)]
        return "\n".join(lines)


KEEPER = pytest.StashKey[Keeper]()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    keeper = item.stash.get(KEEPER, None)
    if keeper is not None and report.failed:
        keeper.failed = True
        if keeper.servers:
            report.sections.append((f"ehttpd exchanges ({report.when})", keeper.section()))
    return report


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_teardown(item: pytest.Item) -> Generator[None, None, None]:
    try:
        yield
    except BaseException as error:  # of another fixture
        if KEEPER in item.stash:
            for failure in item.stash[KEEPER].failures:
                error.add_note(f"ehttpd has seen: {failure!r}")
        raise
    if KEEPER in item.stash:
        item.stash[KEEPER].verify()


@pytest.fixture
def _ehttpd_keeper(request: pytest.FixtureRequest) -> Iterator[Keeper]:
    keeper = Keeper(request.node)
    request.node.stash[KEEPER] = keeper
    yield keeper
    keeper.finish()


@pytest.fixture
def ehttpd_server(_ehttpd_keeper: Keeper) -> MockServer:
    """A mock server of this test's own: say what it expects with `on`; see `ehttpd.testing.MockServer`."""
    server: MockServer = _ehttpd_keeper.serve()
    return server


@pytest.fixture
def ehttpd(ehttpd_server: MockServer) -> MockServer:
    """The same as `ehttpd_server`, for those who write it often."""
    return ehttpd_server


@pytest.fixture(scope="session")
def _ehttpd_shared() -> Iterator[SharedServer]:
    from ehttpd.testing.session import SharedServer

    server = SharedServer().start()
    yield server
    server.stop()


@pytest.fixture
def ehttpd_session(_ehttpd_keeper: Keeper, _ehttpd_shared: SharedServer) -> MockServer:
    """A mock server on a port that stays the same for all tests of the session; each has it as if it were its own."""
    return _ehttpd_keeper.share(_ehttpd_shared)


@pytest.fixture
def ehttpd_factory(_ehttpd_keeper: Keeper) -> Callable[..., Any]:
    """Makes servers that run: `ehttpd_factory(app_or_handler, tls=…)`, or a mock server without an application."""
    return _ehttpd_keeper.serve


@pytest.fixture
def ehttpd_app(_ehttpd_keeper: Keeper, app: Any) -> TestServer:
    """A server of the fixture `app`, a WSGI application such as Flask's, or a native handler."""
    server: TestServer = _ehttpd_keeper.serve(app)
    return server


@pytest.fixture
def ehttpd_live(transactional_db: None, _ehttpd_keeper: Keeper) -> Iterator[TestServer]:
    """A server of the Django project, with the database of the test; it has drained when the database is flushed.

    For users of pytest-django: `str()` and `.url` give the URL, as with its `live_server`.
    """
    from ehttpd.testing.django import shared_connections, site

    with shared_connections() as connections:
        server: TestServer = _ehttpd_keeper.serve(site(connections))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def ehttpd_ca() -> Authority:
    """The authority that signs the certificates of servers with `tls=True`; `.pem` is the path of its own."""
    from ehttpd.testing.certificates import session_authority

    return session_authority()
