"""The last minutes: a point for each second, whatever happens to workers."""

from __future__ import annotations

import logging

import pytest

from ehttpd.admin.history import POINTS, History, point
from ehttpd.admin.merging import quantile, total
from ehttpd.admin.source import LocalSource
from ehttpd.messages import Response
from ehttpd.server.figures import BOUNDS
from ehttpd.server.snapshot import Snapshot, Total
from tests.server.live import LiveServer, come_true, serving


def snapshot() -> Snapshot:
    with serving(lambda request: Response.text("done"), counts=True) as server:
        server.connect().ask()
        come_true(lambda: bool((server.snapshot()["requests"] or {"by_kind": {}})["by_kind"]))
        return server.snapshot("1")


@pytest.fixture(scope="module")
def taken() -> Snapshot:
    return snapshot()


def with_requests(taken: Snapshot, by_class: dict[str, int], place: int = 0) -> Snapshot:
    """Return a snapshot with so many requests, all of durations within the bound at ``place``."""
    counts = [0] * (len(BOUNDS) + 1)
    counts[place] = sum(by_class.values())
    assert taken["requests"] is not None
    histogram = {"counts": counts, "sum": 1.0}
    requests = {**taken["requests"], "by_kind": {"GET": by_class}, "seconds": histogram}
    return {**taken, "requests": requests}  # type: ignore[typeddict-item]


def whole(*snapshots: Snapshot) -> Total:
    return total(snapshots)


def test_a_point_tells_what_was_added_for_each_second(taken: Snapshot) -> None:
    before = whole(with_requests(taken, {"2xx": 10}))
    now = whole(with_requests(taken, {"2xx": 30, "5xx": 4}))
    found = point(5.0, 2.0, before, now)
    assert (found.moment, found.requests, found.errors) == (5.0, 12.0, 2.0)
    assert 0 < found.p50 <= found.p99 <= BOUNDS[0]


def test_a_worker_that_begins_again_makes_no_negative_rates(taken: Snapshot) -> None:
    before, now = whole(with_requests(taken, {"2xx": 1000})), whole(with_requests(taken, {"2xx": 3}))
    assert point(1.0, 1.0, before, now)[1:5] == (0.0, 0.0, 0.0, 0.0)


def test_workers_are_added_up_and_the_gravest_state_is_that_of_all(taken: Snapshot) -> None:
    one, two = with_requests(taken, {"2xx": 1, "4xx": 2}), with_requests(taken, {"2xx": 5})
    two = {**two, "state": "draining", "ailment": "draining", "queue": {"length": 3, "longest_wait": 0.5}}
    found = whole(one, two)
    assert found["requests"] is not None
    assert found["requests"]["by_kind"] == {"GET": {"2xx": 6, "4xx": 2}}
    assert found["requests"]["seconds"]["counts"][0] == 8
    assert found["threads"]["max"] == 2 * taken["threads"]["max"]
    assert (found["state"], found["ailment"]) == ("draining", "draining")
    assert found["queue"] == {"length": 3, "longest_wait": 0.5}


@pytest.mark.parametrize(
    ("counts", "share", "seconds"),
    [
        ([0] * 17, 0.5, 0.0),
        ([100] + [0] * 16, 0.5, 0.00005),
        ([0, 100] + [0] * 15, 1.0, 0.00025),
        ([0] * 16 + [1], 0.99, 10.0),  # beyond the last bound nothing is known
    ],
)
def test_a_quantile_is_estimated_between_two_bounds(counts: list[int], share: float, seconds: float) -> None:
    assert quantile(counts, share) == pytest.approx(seconds)


def test_points_are_kept_for_some_minutes_only() -> None:
    with serving(lambda request: Response.text("done"), counts=True) as server:
        history = History(LocalSource(server))
        for _ in range(POINTS + 5):
            history.note()
        points = history.points()
        assert len(points) == POINTS
        assert points == sorted(points)
        assert history.earlier()[0]["pid"] == server.snapshot()["pid"]


class Unsteady(LocalSource):
    """A source that fails at first."""

    failures = 1

    def snapshots(self) -> list[Snapshot]:
        if self.failures:
            self.failures -= 1
            raise ConnectionError("the supervisor is busy")
        return super().snapshots()


def test_who_cannot_be_asked_now_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("ehttpd.admin.history.SECONDS_BETWEEN", 0.01)
    server: LiveServer
    with serving(lambda request: Response.text("done"), counts=True) as server:
        history = History(Unsteady(server))
        history.start()
        come_true(lambda: len(history.points()) > 1)
        history.stop()
    assert [each.getMessage() for each in caplog.records if each.levelno == logging.ERROR] == [
        "The figures cannot be taken."
    ]
