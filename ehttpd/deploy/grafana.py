"""A dashboard for Grafana, of what /metrics has: https and not, one process or many."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ehttpd.deploy.plan import Plan

SOURCE = {"type": "prometheus", "uid": "${datasource}"}
WINDOW = "$__rate_interval"
CHOSEN = '{job=~"$job"}'
SCHEMA = 39  # of dashboards, as Grafana 11 writes it


class Panel(NamedTuple):
    """A panel: its title, the unit, what is asked for with how it is called, and what it tells."""

    title: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    tells: str


def rate(metric: str, by: str = "") -> str:
    """Return how fast a counter grows."""
    return f"sum{f' by ({by})' if by else ''} (rate({metric}{CHOSEN}[{WINDOW}]))"


def quantile(share: float, metric: str) -> str:
    """Return a quantile of a histogram."""
    return f"histogram_quantile({share}, sum by (le) (rate({metric}_bucket{CHOSEN}[{WINDOW}])))"


def total(metric: str, by: str = "") -> str:
    """Return the sum of a gauge over all workers."""
    return f"sum{f' by ({by})' if by else ''} ({metric}{CHOSEN})"


PANELS = (
    Panel("Requests", "reqps", ((rate("ehttpd_requests_total", "code_class"), "{{code_class}}"),), "By class of code."),
    Panel(
        "Errors",
        "reqps",
        (
            (f'sum (rate(ehttpd_requests_total{{job=~"$job",code_class="5xx"}}[{WINDOW}]))', "5xx"),
            (rate("ehttpd_rejected_total", "reason"), "no room: {{reason}}"),
            (rate("ehttpd_timeouts_total", "kind"), "timeout: {{kind}}"),
        ),
        "Failures of the application, requests for which there was no room, deadlines that passed.",
    ),
    Panel(
        "Latency",
        "s",
        tuple((quantile(share, "ehttpd_request_seconds"), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
        "From the call of the handler until its response was produced.",
    ),
    Panel(
        "Queue wait",
        "s",
        tuple((quantile(share, "ehttpd_queue_seconds"), f"p{share * 100:g}") for share in (0.5, 0.95, 0.99)),
        "How long whole requests waited for a thread. Above some milliseconds: more threads, or more processes.",
    ),
    Panel(
        "Threads",
        "short",
        (
            (total("ehttpd_threads_busy"), "busy"),
            (total("ehttpd_threads_alive"), "alive"),
            (total("ehttpd_threads_max"), "most"),
            (total("ehttpd_queue_length"), "requests that wait"),
        ),
        "All busy and some waiting: the pool is exhausted.",
    ),
    Panel("Connections", "short", ((total("ehttpd_connections", "state"), "{{state}}"),), "By what they are at."),
    Panel(
        "Processes",
        "short",
        (
            (total("ehttpd_workers"), "workers"),
            (f"sum by (reason) (increase(ehttpd_worker_restarts_total{CHOSEN}[{WINDOW}]))", "replaced: {{reason}}"),
        ),
        "Worker processes, and why they were replaced.",
    ),
    Panel("Memory", "bytes", ((total("ehttpd_process_rss_bytes", "worker"), "worker {{worker}}"),), "Of each process."),
)


def dashboard(plan: Plan) -> str:
    """Return the dashboard as JSON, to be imported."""
    return json.dumps(
        {
            "title": f"ehttpd: {plan.name}",
            "uid": f"ehttpd-{plan.name}"[:40],
            "description": "Requests, latency, queue and threads of ehttpd, from its /metrics.",
            "tags": ["ehttpd"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": True,
            "refresh": "10s",
            "time": {"from": "now-1h", "to": "now"},
            "timezone": "browser",
            "templating": {"list": variables()},
            "annotations": {"list": []},
            "links": [],
            "panels": [panel(number, each) for number, each in enumerate(PANELS)],
        },
        indent=2,
    ) + "\n"


def variables() -> list[dict[str, Any]]:
    """Return what a viewer may choose: where the figures are, and of which jobs."""
    return [
        {"name": "datasource", "label": "Data source", "type": "datasource", "query": "prometheus", "hide": 0},
        {
            "name": "job",
            "label": "Job",
            "type": "query",
            "datasource": SOURCE,
            "query": {"query": "label_values(ehttpd_build_info, job)", "refId": "job"},
            "definition": "label_values(ehttpd_build_info, job)",
            "refresh": 2,
            "includeAll": True,
            "multi": True,
            "allValue": ".*",
            "current": {"text": "All", "value": "$__all"},
            "hide": 0,
        },
    ]


def panel(number: int, described: Panel) -> dict[str, Any]:
    """Return one panel, two in a row."""
    return {
        "id": number + 1,
        "type": "timeseries",
        "title": described.title,
        "description": described.tells,
        "datasource": SOURCE,
        "gridPos": {"x": 12 * (number % 2), "y": 8 * (number // 2), "w": 12, "h": 8},
        "targets": [
            {"refId": chr(ord("A") + place), "datasource": SOURCE, "expr": query, "legendFormat": legend}
            for place, (query, legend) in enumerate(described.queries)
        ],
        "fieldConfig": {"defaults": {"unit": described.unit, "min": 0, "custom": {"fillOpacity": 8}}, "overrides": []},
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": []},
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }
