"""``/status`` as one page: figures, charts, workers and requests in flight. No external resource.

The page is whole without its script, which polls ``/stats.json`` and draws the same anew. Looks are status.css's, the
outline is status.html's, and what happens in the browser status.js's.
"""

from __future__ import annotations

import hashlib
import json
import time
from base64 import b64encode
from collections.abc import Mapping, Sequence
from functools import cache
from html import escape
from pathlib import Path
from string import Template
from typing import Any, NamedTuple

from ehttpd.admin.history import POINTS, Point
from ehttpd.admin.merging import count_of
from ehttpd.admin.threads import InFlight
from ehttpd.admin.wording import duration, mishaps, number_said, size
from ehttpd.server.snapshot import Snapshot

HERE = Path(__file__).parent
UNKNOWN = "–"
MOST_FLIGHTS = 50  # that are listed
HEIGHT = 60.0  # of a chart, in its own unit; it is as wide as there are points


class Chart(NamedTuple):
    """A chart: its lines are fields of `Point`, ``scale`` times as large; the first has an area below it."""

    title: str
    lines: tuple[str, ...]
    unit: str
    wide: bool = False
    scale: float = 1.0
    keys: tuple[str, ...] = ()


CHARTS = (
    Chart("Requests", ("requests", "errors"), "per second", wide=True, keys=("all", "5xx")),
    Chart("Duration", ("p99", "p50"), "ms, 99 of 100 within", wide=True, scale=1000.0, keys=("p99", "p50")),
    Chart("Threads busy", ("busy",), "of {max_threads}"),
    Chart("Requests that wait for a thread", ("queued",), "waiting"),
    Chart("Connections", ("connections",), "open"),
)


@cache
def _file(name: str) -> str:
    return (HERE / name).read_text("utf-8").strip()


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def fields() -> dict[str, str]:
    """Return the fields of the response: nothing but what the page itself brings along is run, loaded or asked."""
    policy = (
        f"default-src 'none'; script-src {_hash(_file('status.js'))}; style-src {_hash(_file('status.css'))}; "
        "connect-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
    )
    kind = "text/html; charset=utf-8"
    return {"Content-Type": kind, "Content-Security-Policy": policy, "Referrer-Policy": "no-referrer"}


def rendered(told: Mapping[str, Any], points: Sequence[Point], earlier: Sequence[Snapshot]) -> bytes:
    """Return the page. ``told`` is what ``/stats.json`` says; ``earlier`` is how the workers were a moment ago."""
    before = {each["pid"]: each for each in earlier}
    data = {
        "told": told,
        "earlier": earlier,
        "points": points,
        "fields": Point._fields,
        "charts": [chart._asdict() for chart in CHARTS],
        "most": POINTS,
    }
    page = Template(_file("status.html")).substitute(
        application=escape(told["application"] or "ehttpd"),
        state=told["state"],
        state_said=escape(told["ailment"] or told["state"]),
        taken=time.strftime("%H:%M:%S", time.gmtime(told["taken"])),
        facts=_facts(told),
        charts="\n".join(_chart(chart, told, points) for chart in CHARTS),
        workers="".join(_worker(each, before.get(each["pid"])) for each in told["worker_status"]),
        flights="".join(map(_flight, told["requests"][:MOST_FLIGHTS])) or _nothing(5, "No request is being served."),
        connections=_counts((told["total"] or {}).get("connections", {})),
        mishaps=_counts(mishaps(told)) or _counts({"nothing": 0}),
        told=json.dumps(data).replace("<", "\\u003c"),
        style=_file("status.css"),
        script=_file("status.js"),
    )
    return page.encode()


def _facts(told: Mapping[str, Any]) -> str:
    facts = {
        "up": duration(told["uptime"]),
        "pid": str(told["pid"]),
        "workers": f"{told['booted_workers']} of {told['workers']}",
        "at": ", ".join(told["addresses"]),
        **{name if name != "python" else "Python": version for name, version in told["versions"].items()},
    }
    return "".join(f'<span>{name} <b id="fact-{name}">{escape(value)}</b></span>' for name, value in facts.items())


def _chart(chart: Chart, told: Mapping[str, Any], points: Sequence[Point]) -> str:
    lines = {name: [getattr(point, name) * chart.scale for point in points] for name in chart.lines}
    top = nice(max((value for values in lines.values() for value in values), default=0.0))
    drawn = "".join(reversed([_line(values, top, _kind(chart, at)) for at, values in enumerate(lines.values())]))
    now = {name: values[-1] if values else 0.0 for name, values in lines.items()}
    keys = "<br>".join(
        f'<i class="key{_kind(chart, number)}"></i>{key} <b>{number_said(now[name])}</b>'
        for number, (key, name) in enumerate(zip(chart.keys, chart.lines, strict=False))
    )
    return (
        f'<section class="card chart{" wide" if chart.wide else ""}" id="chart-{chart.lines[0]}"><h2>{chart.title}</h2>'
        f'<p class="number"><span>{number_said(now[chart.lines[0]])}</span>'
        f"<small>{chart.unit.format(max_threads=told.get('max_threads', 0))}</small></p>"
        f'<p class="aside">{keys}</p><p class="scale">{number_said(top)}</p>'
        f'<svg viewBox="0 0 {POINTS - 1} {HEIGHT:g}" preserveAspectRatio="none" role="img" aria-label="{chart.title}">'
        f'<path class="grid" d="M0 0H{POINTS - 1}M0 {HEIGHT / 2:g}H{POINTS - 1}M0 {HEIGHT:g}H{POINTS - 1}"/>'
        f"<g>{drawn}</g></svg></section>"
    )


def _kind(chart: Chart, number: int) -> str:
    return "" if not number else " bad" if chart.lines[number] == "errors" else " second"


def _line(values: Sequence[float], top: float, kind: str) -> str:
    """Return a line, the newest value at the right; the area below it belongs to the first and to errors."""
    if not values:
        return ""
    left = POINTS - len(values)
    path = "L".join(f"{left + place} {HEIGHT - HEIGHT * value / top:.1f}" for place, value in enumerate(values))
    area = "" if kind == " second" else f'<path class="area{kind}" d="M{left} {HEIGHT:g}L{path}V{HEIGHT:g}Z"/>'
    return f'{area}<path class="line{kind}" d="M{path}"/>'


def _worker(worker: Mapping[str, Any], before: Snapshot | None) -> str:
    threads, process, state, requests = worker["threads"], worker["process"], worker["state"], worker["requests"]
    then: Mapping[str, Any] = before or worker
    seconds = worker["taken"] - then["taken"]

    def rate(value: float, earlier: float, unit: str = "") -> tuple[str, str]:
        return "right", number_said(max(0.0, value - earlier) / seconds) + unit if seconds > 0 else UNKNOWN

    return _row(
        ("", escape(worker["worker"])),
        ("", worker["pid"]),
        ("", f'<span class="pill {state}">{state}</span>'),
        ("", f"{_meter(threads)}{threads['busy']} / {threads['alive']} / {threads['max']}"),
        ("right", worker["queue"]["length"]),
        rate(count_of(requests), count_of(then["requests"])),
        rate(count_of(requests, "5xx"), count_of(then["requests"], "5xx")),
        ("right", size(process["rss"])),
        rate(100 * process["cpu_seconds"], 100 * then["process"]["cpu_seconds"], " %"),
        ("right", f"{process['gc_seconds']:.2f} s"),
        ("right", duration(worker["taken"] - worker["started"])),
    )


def _meter(threads: Mapping[str, int]) -> str:
    most = max(1, threads["max"])
    return f'<meter min="0" max="{most}" high="{most * 0.85:g}" value="{threads["busy"]}"></meter>'


def _flight(flight: InFlight) -> str:
    return _row(
        ("right", f"{flight['seconds']:.2f} s"),
        ("long mono", escape(f"{flight['method']} {flight['target']}")),
        ("", escape(flight["client"])),
        ("", escape(f"{flight['thread']}/{flight['pid']}")),
        ("long mono", escape(flight["where"])),
    )


def _row(*cells: tuple[str, object]) -> str:
    """Return a row of cells, each with its class and its content."""
    return "".join(["<tr>", *(f'<td class="{kind}">{content}</td>' for kind, content in cells), "</tr>"])


def _nothing(columns: int, said: str) -> str:
    return f'<tr><td class="none" colspan="{columns}">{said}</tr>'


def _counts(counts: Mapping[str, int]) -> str:
    return "".join(
        f"<dt>{escape(name)}<dd{'' if count else ' class=zero'}>{count:,}</dd>" for name, count in counts.items()
    )


def nice(value: float) -> float:
    """Return the least of 1, 2, 5, 10, 20, … that is not below ``value``."""
    top = 1.0
    while top < value:
        for step in (2.0, 5.0, 10.0):
            if top * step >= value:
                return top * step
        top *= 10
    return top
