"""Results as a picture: an SVG of bars, a panel per scenario, readable on light and on dark pages.

Authority: SVG 1.1 and the style sheet below. Knows results.py only; measures nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

from results import BASELINE, Results, Summary
from scenarios import SCENARIOS

# What the README shows; a run without one of these leaves its panel out.
SHOWN = ("browser", "varied", "blocking", "mixed", "flask", "django")

COLUMNS = 3
WIDTH = 960
MARGIN = 24
GAP = 36
PANEL_TOP = 76
HEADING = 48
BAR = 15
BAR_STEP = 22
NAME_WIDTH = 68
FIGURE_WIDTH = 56

PANEL_WIDTH = (WIDTH - 2 * MARGIN - (COLUMNS - 1) * GAP) / COLUMNS
LONGEST_BAR = PANEL_WIDTH - NAME_WIDTH - FIGURE_WIDTH

STYLE = """
    svg { font: 12px system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
    .page { fill: #ffffff; stroke: #d0d7de; }
    .text { fill: #1f2328; }
    .soft { fill: #59636e; }
    .bar { fill: #b6c2cf; }
    .ours { fill: #1f6feb; }
    .range { stroke: #59636e; }
    .title { font-size: 18px; font-weight: 600; }
    .strong { font-weight: 600; }
    .small { font-size: 11px; }
    @media (prefers-color-scheme: dark) {
      .page { fill: #0d1117; stroke: #3d444d; }
      .text { fill: #f0f6fc; }
      .soft { fill: #9198a1; }
      .bar { fill: #465260; }
      .ours { fill: #4493f8; }
      .range { stroke: #9198a1; }
    }
"""


def draw(results: Results) -> str:
    """Return the chart of the scenarios in ``SHOWN`` that the run has."""
    panels = [
        (scenario, sorted(summaries, key=lambda summary: -summary.rate))
        for scenario in SHOWN
        if scenario in results.figures and (summaries := results.summaries(scenario))
    ]
    rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    parts: list[str] = []
    top = float(PANEL_TOP)
    for row in rows:
        for column, (scenario, summaries) in enumerate(row):
            parts += panel(MARGIN + column * (PANEL_WIDTH + GAP), top, scenario, summaries)
        top += HEADING + max(len(summaries) for _, summaries in row) * BAR_STEP + GAP / 2
    height = top + MARGIN / 2
    return "\n".join([*opening(height), *caption(results), *parts, "</svg>", ""])


def opening(height: float) -> Iterator[str]:
    yield (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height:.0f}" width="{WIDTH}"'
        f' height="{height:.0f}" role="img" aria-labelledby="title">'
    )
    yield f"<style>{STYLE}</style>"
    yield f'<rect class="page" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1:.0f}" rx="8"/>'


def caption(results: Results) -> Iterator[str]:
    yield '<title id="title">Requests per second of ehttpd and other WSGI servers</title>'
    yield text(MARGIN, 36, "Requests per second, the same WSGI application", "text title")
    how = "server and load on one processor each" if results.pinned else "server and load on the same processors"
    conditions = (
        f"median of {results.rounds} rounds, line: least to most",
        f"one process, {how}",
        f"{results.facts['processor']}, CPython {results.versions['python']}",
    )
    yield text(MARGIN, 57, " · ".join(conditions), "soft")


def panel(left: float, top: float, scenario: str, summaries: list[Summary]) -> Iterator[str]:
    """Yield the bars of one scenario; ``summaries`` is not empty."""
    yield text(left, top + 16, scenario, "text strong")
    yield text(left, top + 33, SCENARIOS[scenario].shows, "soft small")
    longest = max(summary.most for summary in summaries) or 1.0
    for position, summary in enumerate(summaries):
        yield from bar(left, top + HEADING + position * BAR_STEP, summary, LONGEST_BAR / longest)


def bar(left: float, top: float, summary: Summary, scale: float) -> Iterator[str]:
    ours = summary.server == BASELINE
    start, middle, baseline = left + NAME_WIDTH, top + BAR / 2, top + BAR - 3.5
    yield text(left, baseline, summary.server, "text strong" if ours else "text")
    yield (
        f'<rect class="{"ours" if ours else "bar"}" x="{start:.1f}" y="{top:.1f}"'
        f' width="{max(summary.rate * scale, 1):.1f}" height="{BAR}" rx="2"/>'
    )
    yield (
        f'<path class="range" d="M{start + summary.least * scale:.1f} {middle:.1f}'
        f'H{start + summary.most * scale:.1f}"/>'
    )
    figure = f"{summary.rate:,.0f}"
    yield text(start + summary.most * scale + 6, baseline, figure, "text strong" if ours else "soft")


def text(left: float, baseline: float, words: str, style: str) -> str:
    return f'<text class="{style}" x="{left:.1f}" y="{baseline:.1f}">{escape(words)}</text>'
