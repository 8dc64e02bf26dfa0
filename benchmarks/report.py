"""Results as words: the tables of the terminal, and the table of docs/benchmarks.md.

Knows results.py only; measures nothing.
"""

from __future__ import annotations

import re

from results import BASELINE, Results, Summary
from scenarios import SCENARIOS

HEADINGS = ("", "requests/s", "least", "most", "p99 ms", "cpu us", "MiB", "errors", f"{BASELINE} is")
WIDTHS = (18, 11, 10, 10, 9, 9, 8, 8, 11)
MARKED = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)


def scenario_table(results: Results, scenario: str) -> str:
    """Return the figures of one scenario, a line per server."""
    lines = ["", f"{scenario}: {SCENARIOS[scenario].shows}", line(HEADINGS)]
    for summary in results.summaries(scenario):
        beside = f"   beside it {summary.beside_rate:.0f}/s" if summary.beside_rate is not None else ""
        lines.append(line(cells(summary)) + beside)
    return "\n".join(lines)


def cells(summary: Summary) -> tuple[str, ...]:
    ratio = summary.baseline_ratio
    return (
        summary.server,
        f"{summary.rate:,.0f}",
        f"{summary.least:,.0f}",
        f"{summary.most:,.0f}",
        number(summary.p99_ms, 2),
        f"{summary.cpu_us:,.1f}",
        f"{summary.memory_mib:.0f}",
        f"{summary.errors}",
        f"{ratio:.2f} x" if ratio is not None else "",
    )


def number(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


def line(row: tuple[str, ...]) -> str:
    first, *others = (cell.rjust(width) for cell, width in zip(row, WIDTHS, strict=True))
    return ("  " + first.strip().ljust(WIDTHS[0]) + "".join(others)).rstrip()


def facts(results: Results) -> str:
    """Return on what, and how, the figures were measured: one line each."""
    how = "server and load on a processor each" if results.pinned else "server and load share all processors"
    measured = {**results.facts, "rounds": f"{results.rounds} of {results.seconds} s; {how}"}
    measured["versions"] = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    return "\n".join(f"{name}: {value}" for name, value in measured.items())


def markdown(results: Results) -> str:
    """Return medians of all scenarios as one table, the best of each row in bold, and the facts below it."""
    servers = results.servers()
    rows = [["requests/s", *servers], ["---", *("--:" for _ in servers)]]
    for scenario in results.figures:
        rates = {summary.server: summary.rate for summary in results.summaries(scenario)}
        best = max(rates.values(), default=0)
        rows.append([scenario, *(rate_cell(rates.get(server), best) for server in servers)])
    table = "\n".join(f"| {' | '.join(row)} |" for row in rows)
    return f"\n{table}\n\n" + "\n".join(f"- {fact}" for fact in facts(results).splitlines()) + "\n\n"


def rate_cell(rate: float | None, best: float) -> str:
    if rate is None:
        return ""
    return f"**{rate:,.0f}**" if rate == best else f"{rate:,.0f}"


def renewed(document: str, results: Results) -> str:
    """Return ``document`` with the table between its marks replaced."""
    return MARKED.sub(lambda _: markdown(results), document)
