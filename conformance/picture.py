"""Verdicts as a picture: a bar per server, of what it passed, failed and was warned for; in the hand of the benchmarks.

Authority: SVG 1.1. Judges nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from chart import MARGIN, WIDTH, opening, text

from conformance.results import Results

NAME_WIDTH = 130
FIGURES_WIDTH = 230
BAR = 20
BAR_STEP = 32
TOP = 104
LONGEST_BAR = WIDTH - 2 * MARGIN - NAME_WIDTH - FIGURES_WIDTH
BASELINE = "ehttpd"
SHOWN = ("pass", "fail", "warn")
WORDS = {"pass": "passed", "fail": "failed: a must is broken", "warn": "warned: a should, or leniency"}

# Blue, vermilion and amber can be told apart by those who do not see red and green; the figures say it again.
STYLE = """
    .pass { fill: #1f6feb; }
    .fail { fill: #cf3a24; }
    .warn { fill: #e3a72f; }
    @media (prefers-color-scheme: dark) {
      .pass { fill: #4493f8; }
      .fail { fill: #f0654d; }
    }
"""


def draw(results: Results) -> str:
    """Return the chart, the servers in the order of the results."""
    height = TOP + len(results.servers) * BAR_STEP + MARGIN / 2
    parts = [*opening(height), f"<style>{STYLE}</style>", *caption(results)]
    for position, server in enumerate(results.servers):
        parts += bar(TOP + position * BAR_STEP, server, results)
    return "\n".join([*parts, "</svg>", ""])


def caption(results: Results) -> Iterator[str]:
    yield '<title id="title">Cases that ehttpd and other WSGI servers passed, failed and were warned for</title>'
    yield text(MARGIN, 36, f"{len(results.cases)} cases of RFC 9110, RFC 9112 and PEP 3333", "text title")
    yield text(MARGIN, 57, "the same WSGI application, every server as it comes", "soft")
    left = float(MARGIN)
    for grade in SHOWN:
        yield f'<rect class="{grade}" x="{left:.0f}" y="74" width="12" height="12" rx="2"/>'
        yield text(left + 18, 84, WORDS[grade], "soft")
        left += 40 + 7 * len(WORDS[grade])


def bar(top: float, server: str, results: Results) -> Iterator[str]:
    count = results.count(server)
    left, baseline = float(MARGIN + NAME_WIDTH), top + BAR - 6
    weight = "text strong" if server == BASELINE else "text"
    yield text(MARGIN, baseline, server, weight)
    for grade in SHOWN:
        width = LONGEST_BAR * count[grade] / len(results.cases)
        if width:
            yield f'<rect class="{grade}" x="{left:.1f}" y="{top}" width="{width:.1f}" height="{BAR}"/>'
        left += width
    figures = f"{count['pass']} passed, {count['fail']} failed, {count['warn']} warned"
    yield text(left + 8, baseline, figures, weight if server == BASELINE else "soft")
