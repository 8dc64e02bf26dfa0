"""Metrics as text: the format of Prometheus, and that of OpenMetrics.

https://prometheus.io/docs/instrumenting/exposition_formats/ (0.0.4) and
https://prometheus.io/docs/specs/om/open_metrics_spec/ (1.0.0). They differ in the names that head a family, in what an
info is, and in the last line.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ehttpd.admin.metrics import METRICS, PREFIX, Metric
from ehttpd.admin.source import Overview
from ehttpd.server.figures import BOUNDS, Histogram
from ehttpd.server.snapshot import Snapshot

PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"
# How names beyond ASCII are to be written, of which we have none:
# https://prometheus.io/docs/instrumenting/content_negotiation/.
ESCAPINGS = ("allow-utf-8", "underscores", "dots", "values")
MEDIA_TYPES = (PROMETHEUS, OPENMETRICS, *(f"{OPENMETRICS}; escaping={each}" for each in ESCAPINGS))


def written(overview: Overview, snapshots: Sequence[Snapshot], *, openmetrics: bool) -> str:
    """Return all metrics as text."""
    lines = [line for metric in METRICS for line in _family(metric, overview, snapshots, openmetrics)]
    if openmetrics:
        lines.append("# EOF")
    return "\n".join([*lines, ""])


# OpenMetrics calls a counter by its name without _total. Where a gauge has that name, the counter keeps its own, and is
# of no kind.
GAUGES = {metric.name for metric in METRICS if metric.kind == "gauge"}


def _family(metric: Metric, overview: Overview, snapshots: Sequence[Snapshot], openmetrics: bool) -> Iterator[str]:
    family, kind = metric.full_name, str(metric.kind)
    if not openmetrics:
        kind = "gauge" if kind == "info" else kind
    elif kind == "counter" and metric.name in GAUGES:
        kind = "unknown"
    else:
        family = f"{PREFIX}{metric.name}"
    yield f"# HELP {family} {metric.help}"
    yield f"# TYPE {family} {kind}"
    for values, value in metric.samples(overview, snapshots):
        labels = [f'{name}="{_escaped(each)}"' for name, each in zip(metric.label_names, values, strict=True)]
        if isinstance(value, dict):
            yield from _buckets(metric.full_name, labels, value)
        else:
            yield f"{metric.full_name}{_braced(labels)} {_number(value)}"


def _buckets(name: str, labels: list[str], histogram: Histogram) -> Iterator[str]:
    """Yield a histogram: how many were within each bound, cumulated."""
    within = 0
    for bound, count in zip((*map(repr, BOUNDS), "+Inf"), histogram["counts"], strict=True):
        within += count
        within_bound = _braced([*labels, f'le="{bound}"'])
        yield f"{name}_bucket{within_bound} {within}"
    yield f"{name}_sum{_braced(labels)} {_number(histogram['sum'])}"
    yield f"{name}_count{_braced(labels)} {within}"


def _braced(labels: Sequence[str]) -> str:
    return "{" + ",".join(labels) + "}" if labels else ""


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else repr(float(value))


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
