"""What the admin address shows, and what it does when it is told to."""

from __future__ import annotations

import pytest

from ehttpd.messages import Request, Response
from tests.admin.conftest import Watch
from tests.server.live import Gate, come_true

PUMAS = {"backlog", "running", "busy_threads", "pool_capacity", "max_threads", "requests_count"}


def hello(request: Request) -> Response:
    return Response.text("hello")


# What Prometheus 3 says of itself.
PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,"
    "text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)


def test_metrics_are_written_as_whoever_asks_reads_them(watched: Watch) -> None:
    it = watched(hello)
    plain = it.ask("/metrics")
    assert plain.fields["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert not plain.text.endswith("# EOF\n")
    prometheus = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
    openmetrics = it.ask("/metrics", Accept=prometheus)
    assert openmetrics.fields["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.text.endswith("# EOF\n")
    assert plain.fields["vary"] == openmetrics.fields["vary"] == "Accept"


@pytest.mark.parametrize(
    ("accept", "found"),
    [
        ("text/plain;version=0.0.4;q=0.5, application/openmetrics-text;version=1.0.0;q=0.4", "text/plain"),
        ("application/openmetrics-text;q=0, */*;q=0.1", "text/plain"),
        ("application/openmetrics-text;version=0.0.1, text/plain;q=0.5", "text/plain"),  # that version is not ours
        ("application/openmetrics-text", "application/openmetrics-text"),
        (PROMETHEUS_3, "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8"),
        (PROMETHEUS_3.replace("allow-utf-8", "underscores"), "application/openmetrics-text; version=1.0.0;"),
        ("text/html, */*;q=0.8", "text/plain"),
        ("image/png", "text/plain"),  # better than nothing
    ],
)
def test_metrics_come_as_the_client_wants_them_most(watched: Watch, accept: str, found: str) -> None:
    assert watched(hello).ask("/metrics", Accept=accept).fields["content-type"].startswith(found)


def test_statistics_have_the_names_of_puma_beside_ours(watched: Watch) -> None:
    it = watched(hello, threads=7)
    it.server.connect().ask()
    come_true(lambda: it.ask("/stats.json").json["requests_count"] == 1)
    told = it.ask("/stats.json").json
    assert told.keys() >= PUMAS | {"started_at", "workers", "booted_workers", "worker_status", "versions"}
    assert told["max_threads"] == told["pool_capacity"] == 7
    (worker,) = told["worker_status"]
    assert worker.keys() >= {"pid", "index", "booted", "last_checkin", "started_at", "last_status"}
    assert worker["last_status"].keys() == PUMAS
    assert told["total"]["requests"]["by_kind"] == {"GET": {"2xx": 1}}
    assert told["application"] == "shop:app"
    assert 0 < told["total"]["latency"]["p50"] <= told["total"]["latency"]["p99"]


def test_threads_are_shown_as_text_and_as_json_with_their_requests(watched: Watch, gate: Gate) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.text("done")

    it = watched(handler)
    peers = [it.server.connect() for _ in range(2)]
    for number, peer in enumerate(peers):
        peer.send(b"GET /reports/%d HTTP/1.1\r\nHost: here\r\n\r\n" % number)
        gate.await_arrivals()
    come_true(lambda: len(it.ask("/requests").json) == 2)
    oldest, newest = it.ask("/requests").json
    assert oldest["target"] == "/reports/0"
    assert oldest["seconds"] >= newest["seconds"]
    text = it.ask("/threads").text
    assert "serves GET /reports/0 of 127.0.0.1 for" in text
    assert f"{__file__}:" in text
    names = [each["name"] for each in it.ask("/threads", Accept="application/json").json[0]["threads"]]
    assert "ehttpd-1" in names
    assert it.ask("/stats.json").json["requests"][0]["target"] == "/reports/0"
    gate.open()


def test_it_lives_and_is_ready_while_every_thread_is_stuck_and_until_requests_wait_too_long(
    watched: Watch, gate: Gate
) -> None:
    def handler(request: Request) -> Response:
        gate.wait()
        return Response.text("done")

    it = watched(handler, threads=1, ready_max_queue=0.05)
    it.server.connect().send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    assert (it.ask("/healthz").status, it.ask("/readyz").status) == (200, 200)
    it.server.connect().send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    it.server.await_queued(1)
    come_true(lambda: it.ask("/readyz").status == 503)
    assert "requests wait for" in it.ask("/readyz").text
    assert (it.ask("/healthz").status, it.ask("/healthz").text) == (200, "alive\n")
    gate.open()
    come_true(lambda: it.ask("/readyz").status == 200)


def test_a_server_that_drains_lives_but_is_not_ready(watched: Watch) -> None:
    it = watched(hello)
    assert "Draining" in it.ask("/drain", "POST").text
    assert (it.ask("/readyz").status, it.ask("/readyz").text) == (503, "draining\n")
    assert it.ask("/healthz").status == 200
    assert it.server.connect().ask().fields["connection"] == "close"


def test_a_server_that_has_stopped_does_not_live(watched: Watch) -> None:
    it = watched(hello)
    it.server.hang_up()
    it.server.stop()
    assert it.ask("/healthz").status == 503
    assert it.ask("/readyz").status == 503


def test_a_command_is_done_once_and_its_argument_may_stand_in_two_places(watched: Watch) -> None:
    told: list[str] = []

    def stop() -> str:
        told.append("stop")
        return "Stopping."

    it = watched(hello, {"stop": stop})
    assert (it.ask("/stop", "POST").text, told) == ("Stopping.\n", ["stop"])
    assert it.ask("/log-level?info", "POST").text == "Logging from info upwards.\n"
    assert it.ask("/log-level", "POST", "info").text == "Logging from info upwards.\n"
    refused = it.ask("/workers?4", "POST")
    assert (refused.status, "--workers" in refused.text) == (409, True)


@pytest.mark.parametrize("target", ["/stop", "/drain", "/reload", "/workers"])
def test_nobody_commands_by_following_a_link(watched: Watch, target: str) -> None:
    answer = watched(hello).ask(target)
    assert (answer.status, answer.fields["allow"]) == (405, "POST")


def test_figures_are_not_written(watched: Watch) -> None:
    assert watched(hello).ask("/metrics", "POST").status == 405


def test_an_unknown_path_tells_the_known_ones(watched: Watch) -> None:
    answer = watched(hello).ask("/metric")
    assert (answer.status, "/metrics" in answer.text) == (404, True)
