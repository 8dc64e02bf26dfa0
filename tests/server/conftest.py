"""Live servers for the tests of the server half."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol

import pytest

from ehttpd.http11.limits import DEFAULT_LIMITS
from ehttpd.messages import Handler
from ehttpd.server.clock import StandingFields
from ehttpd.server.entrance import Entrance
from ehttpd.server.exchange import HTTPService
from ehttpd.server.lane import Lane
from ehttpd.server.poller import Poller, SelectorPoller, new_poller
from ehttpd.server.pool import Pool
from ehttpd.settings import Settings
from tests.server.live import Gate, LiveServer, hello, serving


class LiveServers(Protocol):
    def __call__(self, handler: Handler | None = None, **options: Any) -> LiveServer: ...


@pytest.fixture
def live_server(caplog: pytest.LogCaptureFixture) -> Iterator[LiveServers]:
    """Start servers that end with the test, and must end well: everything answered, no defect logged."""
    with ExitStack() as servers:
        yield lambda handler=None, **options: servers.enter_context(serving(handler, **options))
    defects = [record.getMessage() for record in caplog.get_records("call") if record.levelno >= logging.CRITICAL]
    assert not defects


@pytest.fixture
def gate(live_server: LiveServers) -> Iterator[Gate]:
    """A gate that opens at the latest before the servers are stopped."""
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def no_last_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have servers leave threads to themselves as soon as the grace is over."""
    monkeypatch.setattr("ehttpd.server.server.LAST_MOMENT", 0.1)


@pytest.fixture
def selectors_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lanes use the poller of platforms that have no better one."""
    monkeypatch.setattr("ehttpd.server.lane.new_poller", SelectorPoller)


@pytest.fixture(params=[new_poller, SelectorPoller], ids=["best poller", "selectors"])
def each_poller(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have lanes use the poller of this platform, and that of platforms that have no better one."""
    make: Callable[[], Poller] = request.param
    monkeypatch.setattr("ehttpd.server.lane.new_poller", make)


@pytest.fixture
def resting_lane() -> Iterator[Lane]:
    """A lane that nobody leads."""
    standing = StandingFields()
    lane = Lane(HTTPService(hello, standing), Settings(), DEFAULT_LIMITS, standing, 0)
    lane.pool = Pool(lane, Settings())
    yield lane
    lane.close()


@pytest.fixture
def entrance() -> Iterator[Entrance]:
    """One without listeners, through which nobody has come yet."""
    poller = new_poller()
    yield Entrance(poller, 0)
    poller.close()
