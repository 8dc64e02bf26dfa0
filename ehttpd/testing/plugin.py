"""The plugin of pytest: servers as fixtures that verify themselves, and what they saw in the report of a failure.

Pytest's. Loaded by pytest alone, at its start: so it imports nothing of ehttpd before a fixture is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

import pytest

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.testing.certificates import Authority
    from ehttpd.testing.keeper import Keeper
    from ehttpd.testing.mock import MockServer
    from ehttpd.testing.server import TestServer
    from ehttpd.testing.session import SharedServer

MARKER = (
    "ehttpd(strict=True, exceptions=True, leaks=True): strict=False: rules that are not met and requests that no rule "
    "is for are no failure; exceptions=False: what handlers raise is none; leaks=False: threads and sockets that the "
    "test leaves behind are none."
)
KEEPER: pytest.StashKey[Keeper] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    from ehttpd.testing.holding import WHERE_THEY_ARE, HoldAction

    group = parser.getgroup("ehttpd")
    group.addoption(
        "--ehttpd-hold", action=HoldAction, nargs="?", const=WHERE_THEY_ARE, metavar="ADDRESS",
        help="After a failure keep its servers up until Enter is pressed; with an address such as 0.0.0.0:8000 or "
        "unix:path, the first of them there as well.",
    )  # fmt: skip
    group.addoption(
        "--ehttpd-log", choices=("exchanges", "wire"), default="exchanges",
        help="What the report of a failure shows of its servers: every exchange, or every octet as well.",
    )  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", MARKER)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    keeper = item.stash.get(KEEPER, None)
    if keeper is not None and call.excinfo is not None:
        keeper.cut_short = True  # also by a skip, or by a failure that was expected
    if keeper is not None and report.failed:
        keeper.failed = True
        if keeper.servers:
            section = keeper.section(with_failures=report.when != "teardown")  # else they are in the report already
            report.sections.append((f"ehttpd exchanges ({report.when})", section))
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
    verdict = item.stash[KEEPER].verdict() if KEEPER in item.stash else None
    if verdict is not None:
        raise verdict


@pytest.fixture
def _ehttpd_keeper(request: pytest.FixtureRequest) -> Iterator[Keeper]:
    from ehttpd.testing.keeper import Keeper

    said: dict[str, Any] = {}
    for mark in reversed(list(request.node.iter_markers("ehttpd"))):
        said.update({repr(each): each for each in mark.args}, **mark.kwargs)  # what has no name is no name of ours
    config = request.config
    try:
        keeper = Keeper(request.node.name, said, notes_octets=config.getoption("--ehttpd-log") == "wire")
    except TypeError:
        raise pytest.UsageError(f"The mark of {request.node.nodeid} is none of: {MARKER} Found {said}.") from None
    request.node.stash[KEEPER] = keeper
    yield keeper
    address = config.getoption("--ehttpd-hold")
    if address is not None and keeper.servers and keeper.has_failed:
        from ehttpd.testing.holding import hold

        capture = config.pluginmanager.getplugin("capturemanager")
        if capture is not None:
            capture.suspend(in_=True)
        hold(request.node.name, keeper.servers, address)
        if capture is not None:
            capture.resume()
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
    from ehttpd.testing.django import allowed_host, shared_connections, site

    with allowed_host("127.0.0.1"), shared_connections() as connections:
        server: TestServer = _ehttpd_keeper.serve(site(connections))
        yield server
        server.stop()


@pytest.fixture(scope="session")
def ehttpd_ca() -> Authority:
    """The authority that signs the certificates of servers with `tls=True`; `.pem` is the path of its own."""
    from ehttpd.testing.certificates import session_authority

    return session_authority()
