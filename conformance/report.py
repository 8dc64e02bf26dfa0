"""Verdicts as words: the table of the terminal, and the tables of docs/conformance.md. Judges nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from conformance.cases import GROUPS
from conformance.results import Judged, Results
from conformance.verdict import Grade

MARKED = re.compile(r"(?<=<!-- figures -->\n).*?(?=<!-- end of figures -->)", re.DOTALL)
GRADES = [grade.value for grade in Grade]
SIGNS = {"pass": "", "warn": "warn", "fail": "**fail**"}


def summary(results: Results) -> str:
    """Return the table of the terminal: a line per server, then why ehttpd and others did not pass."""
    lines = ["", f"{'':18}{'passed':>8}{'failed':>8}{'warned':>8}"]
    for server in results.servers:
        count = results.count(server)
        lines.append(f"{server:18}{count['pass']:8}{count['fail']:8}{count['warn']:8}")
    return "\n".join(lines) + "\n"


def reasons(results: Results, server: str) -> str:
    """Return why ``server`` did not pass, a paragraph per case."""
    return "".join(
        f"\n{case.grades[server]}: {case.group}, {case.name} ({case.section})\n    {case.reasons[server]}\n"
        for case in results.cases
        if server in case.reasons
    )


def markdown(results: Results) -> str:
    """Return all tables, between the marks of the page."""
    facts = [f"- {name}: {value}" for name, value in results.facts.items()]
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    groups = (cases_of(group, results) for group in results.groups())
    return "\n".join(["", *totals(results), "", *facts, f"- versions: {versions}", "", *by_group(results), "", *groups])


def totals(results: Results) -> Iterable[str]:
    yield row(["", "passed", "failed", "warned"])
    yield row(["---", "--:", "--:", "--:"])
    for server in results.servers:
        count = results.count(server)
        yield row([server, count["pass"], count["fail"], count["warn"]])


def by_group(results: Results) -> Iterable[str]:
    yield "### By group"
    yield ""
    yield "Failed and warned, of so many cases; empty where all passed."
    yield ""
    yield row(["group", "cases", *results.servers])
    yield row(["---", "--:", *("--:" for _ in results.servers)])
    for group in results.groups():
        counts = [results.count(server, group) for server in results.servers]
        yield row(
            [group, counts[0].total(), *(f"{count['fail']} + {count['warn']}".replace("0 + 0", "") for count in counts)]
        )


def cases_of(title: str, results: Results) -> str:
    """Return the cases of a group that somebody did not pass, and what that means."""
    stake = next((group.stake for group in GROUPS if group.title == title), "")
    lines = [f"### {title}", "", stake, ""]
    shown = list(results.without_passes(title))
    if not shown:
        return "\n".join([*lines, "All passed.", ""])
    lines += [row(["case", "rule", *results.servers]), row(["---", "---", *("---" for _ in results.servers)])]
    return "\n".join([*lines, *(case_row(case, results.servers) for case in shown), ""])


def case_row(case: Judged, servers: list[str]) -> str:
    return row([case.name.replace("|", "\\|"), case.section, *(SIGNS[case.grades[server]] for server in servers)])


def row(cells: Iterable[object]) -> str:
    return f"| {' | '.join(map(str, cells))} |"


def renewed(document: str, results: Results) -> str:
    """Return ``document`` with what stands between its marks replaced."""
    return MARKED.sub(lambda _: markdown(results), document)
