"""Metrics, as the parsers of Prometheus itself read them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_prometheus

from ehttpd.admin.exposition import written
from ehttpd.admin.metrics import METRICS
from ehttpd.admin.reference import reference
from ehttpd.admin.source import LocalSource, Overview
from ehttpd.commands import init
from ehttpd.messages import Request, Response
from ehttpd.server.figures import BOUNDS
from ehttpd.server.snapshot import Snapshot
from tests.server.live import LiveServer, come_true, serving

# The metrics that are promised, with their labels behind `worker`.
PROMISED = {
    "ehttpd_requests_total": {"method", "code_class"},
    "ehttpd_request_seconds": set(),
    "ehttpd_queue_seconds": set(),
    "ehttpd_threads_busy": set(),
    "ehttpd_threads_alive": set(),
    "ehttpd_threads_max": set(),
    "ehttpd_queue_length": set(),
    "ehttpd_connections": {"state"},
    "ehttpd_connections_total": set(),
    "ehttpd_rejected_total": {"reason"},
    "ehttpd_parse_errors_total": {"reason"},
    "ehttpd_timeouts_total": {"kind"},
    "ehttpd_body_bytes_total": {"direction"},
    "ehttpd_process_rss_bytes": set(),
    "ehttpd_gc_seconds_total": set(),
    "ehttpd_tls_handshakes_total": set(),
    "ehttpd_upgrades": set(),
    "ehttpd_health": set(),
    "ehttpd_build_info": {"version", "python"},
}
OVERVIEW: Overview = {
    "application": "shop:app", "pid": 1, "started": 0.0, "workers": 2, "restarts": {"crash": 3}, "ready_max_queue": 5.0,
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[LiveServer]:
    def handler(request: Request) -> Response:
        return Response.text("12345", 404 if request.path == "/nowhere" else 200)

    with serving(handler, counts=True) as server:
        peer = server.connect()
        for target in ("/", "/", "/nowhere"):
            peer.ask(target)
        server.connect().ask("/", method="POST", body=b"123")
        refused = server.connect()
        refused.send(b"GET\r\n\r\n")
        refused.rest()
        yield server


def families(text: str, *, openmetrics: bool) -> list[Family]:
    read: Any = read_openmetrics if openmetrics else read_prometheus
    return list(read(text))


def samples(found: list[Family]) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {(each.name, frozenset(each.labels.items())): each.value for family in found for each in family.samples}


def labelled(name: str, **labels: str) -> tuple[str, frozenset[tuple[str, str]]]:
    return name, frozenset({"worker": "1", **labels}.items())


@pytest.mark.parametrize("openmetrics", [False, True])
def test_the_real_parser_reads_what_has_been_counted(server: LiveServer, openmetrics: bool) -> None:
    source = LocalSource(server)

    def told() -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
        text = written(source.overview(), source.snapshots(), openmetrics=openmetrics)
        return samples(families(text, openmetrics=openmetrics))

    come_true(lambda: labelled("ehttpd_requests_total", method="other", code_class="4xx") in told())
    found = told()
    assert found[labelled("ehttpd_requests_total", method="GET", code_class="2xx")] == 2
    assert found[labelled("ehttpd_requests_total", method="GET", code_class="4xx")] == 1
    assert found[labelled("ehttpd_requests_total", method="POST", code_class="2xx")] == 1
    assert found[labelled("ehttpd_request_seconds_count")] == found[labelled("ehttpd_queue_seconds_count")] == 5
    assert found[labelled("ehttpd_request_seconds_bucket", le="+Inf")] == 5
    assert found[labelled("ehttpd_connections_total")] == 3
    assert found[labelled("ehttpd_connections", state="idle")] == 2
    assert found[labelled("ehttpd_parse_errors_total", reason="bad_request")] == 1
    assert found[labelled("ehttpd_parse_errors_total", reason="fields_too_large")] == 0
    assert found[labelled("ehttpd_body_bytes_total", direction="in")] == 3
    assert found[labelled("ehttpd_body_bytes_total", direction="out")] >= 20
    assert found[labelled("ehttpd_health")] == 1
    assert found[labelled("ehttpd_process_rss_bytes")] > 1 << 20


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_metric_that_is_promised_is_there_with_its_labels(server: LiveServer, openmetrics: bool) -> None:
    source = LocalSource(server)
    found = families(written(source.overview(), source.snapshots(), openmetrics=openmetrics), openmetrics=openmetrics)
    labels: dict[str, set[str]] = {}
    for name, pairs in samples(found):
        for suffix in ("_bucket", "_sum", "_count"):
            name = name.removesuffix(suffix)
        labels.setdefault(name, set()).update(dict(pairs))
    assert {name: found - {"worker", "le"} for name, found in labels.items() if name in PROMISED} == PROMISED
    assert all("worker" in labels[name] for name in PROMISED)


def test_kinds_and_texts_are_those_of_the_table(server: LiveServer) -> None:
    source = LocalSource(server)
    found = families(written(source.overview(), source.snapshots(), openmetrics=True), openmetrics=True)
    # OpenMetrics knows no counter that is called like a gauge.
    gauges = {metric.name for metric in METRICS if metric.kind == "gauge"}
    clash = [metric.kind == "counter" and metric.name in gauges for metric in METRICS]
    assert [(family.name, family.type, family.documentation) for family in found] == [
        (each.full_name if clashes else f"ehttpd_{each.name}", "unknown" if clashes else each.kind, each.help)
        for each, clashes in zip(METRICS, clash, strict=True)
    ]


def test_buckets_are_cumulated() -> None:
    with serving(lambda request: Response.text("done"), counts=True) as server:
        snapshot: Snapshot = server.snapshot("1")
    assert snapshot["requests"] is not None
    snapshot["requests"]["seconds"] = {"counts": [1] * (len(BOUNDS) + 1), "sum": 3.5}
    found = samples(families(written(OVERVIEW, [snapshot], openmetrics=False), openmetrics=False))
    buckets = [found[labelled("ehttpd_request_seconds_bucket", le=repr(bound))] for bound in BOUNDS]
    assert buckets == list(range(1, len(BOUNDS) + 1))
    assert found[labelled("ehttpd_request_seconds_sum")] == 3.5


def test_workers_have_lines_of_their_own_and_replacements_are_counted_by_their_reason() -> None:
    with serving(lambda request: Response.text("done"), counts=True) as server:
        text = written(OVERVIEW, [server.snapshot("1"), server.snapshot('odd "name"\\')], openmetrics=False)
    found = samples(families(text, openmetrics=False))
    assert ("ehttpd_threads_max", frozenset({("worker", 'odd "name"\\')})) in found
    assert labelled("ehttpd_threads_max") in found
    assert found["ehttpd_worker_restarts_total", frozenset({("reason", "crash")})] == 3
    assert found["ehttpd_workers", frozenset()] == 2


def test_the_page_lists_the_metrics_of_the_table() -> None:
    page = (Path(__file__).parents[2] / "docs" / "figures.md").read_text("utf-8")
    listed = page.partition("<!-- metrics -->\n")[2].partition("<!-- /metrics -->")[0]
    assert listed == reference(), "run: python -m ehttpd.admin.reference"


def test_the_dashboard_asks_for_metrics_that_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    assert init.run(["grafana", "shop:app"]) == 0
    asked = set(re.findall(r"ehttpd_\w+", capsys.readouterr().out))
    there = {metric.full_name for metric in METRICS}
    buckets = {f"{metric.full_name}_bucket" for metric in METRICS if metric.kind == "histogram"}
    assert asked
    assert asked <= there | buckets


def test_a_name_means_one_thing() -> None:
    assert len({metric.full_name for metric in METRICS}) == len(METRICS)
