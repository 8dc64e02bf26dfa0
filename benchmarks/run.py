#!/usr/bin/env python3
"""Compare ehttpd with its peers: the same work for all, in the same run.

    python benchmarks/run.py                                   the usual peers, every scenario
    python benchmarks/run.py --servers ehttpd,granian --scenarios browser,mixed --rounds 5
    python benchmarks/run.py --pin                             cost per processor: server on one, load on another

Each round runs every server once, in turn, so that a machine whose speed drifts is fair to all. Figures are medians
over the rounds; "ehttpd is 1.3 x" compares round by round. Needs Linux and wrk; the peers are installed when first
needed. A whole run renews the figures, the chart and the table of the docs; a partial one writes only where it is told.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import chart
import environment
import load
import machine
import report
from measure import Measurement, measure
from processes import ServerFailed, exit_when_terminated
from progress import Progress
from results import Results
from scenarios import SCENARIOS, Scenario
from servers import SERVERS, USUAL, Server

DOCUMENT = environment.HERE.parent / "docs" / "benchmarks.md"
CHART = DOCUMENT.with_suffix(".svg")
FIGURES = environment.HERE / "results.json"


def main() -> None:
    options = arguments()
    exit_when_terminated()
    if options.list:
        print(listing())
        return
    if options.from_json:
        results = Results.load(options.from_json)
        for scenario in results.figures:
            print(report.scenario_table(results, scenario))
    else:
        results = run(options)
    print("\n" + report.facts(results))
    write(results, options)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=some_of(SERVERS), help=f"default: {','.join(USUAL)}")
    parser.add_argument("--scenarios", type=some_of(SCENARIOS), help="default: all")
    parser.add_argument("--rounds", type=int, default=3, help="default: 3")
    parser.add_argument("--seconds", type=int, default=3, help="how long each measurement lasts; default: 3")
    parser.add_argument("--pin", action="store_true", help="server on processor 0, load on processor 1")
    parser.add_argument("--peers", type=Path, default=environment.DEFAULT_FOLDER, help="where the peers are installed")
    parser.add_argument("--json", type=Path, help="write every figure to this file")
    parser.add_argument("--chart", type=Path, help="draw the chart into this file")
    parser.add_argument("--from-json", type=Path, help="measure nothing: show the figures of an earlier run")
    parser.add_argument("--publish", action="store_true", help="renew the docs although the run is partial")
    parser.add_argument("--list", action="store_true", help="name the servers and the scenarios")
    return parser.parse_args()


def some_of(table: Iterable[str]) -> Callable[[str], list[str]]:
    """Return a reader of comma-separated names, each of which must be in ``table``."""

    def read(words: str) -> list[str]:
        names = words.split(",")
        for name in names:
            if name not in table:
                raise argparse.ArgumentTypeError(f"unknown name {name!r}; there are: {', '.join(table)}")
        return names

    return read


def listing() -> str:
    scenarios = (f"  {scenario.name:10} {scenario.shows}" for scenario in SCENARIOS.values())
    return "\n".join(["servers", f"  {', '.join(SERVERS)}", "scenarios", *scenarios])


def run(options: argparse.Namespace) -> Results:
    """Measure what the options choose; prints the table of each scenario as soon as it is complete."""
    try:
        load_generator = load.require()
    except load.LoadGeneratorMissing as missing:
        sys.exit(f"benchmarks: {missing}")
    environment.install(options.peers)
    results = Results(
        facts=machine.facts(load_generator),
        versions=machine.versions_compared(options.peers),
        pinned=options.pin,
        rounds=options.rounds,
        seconds=options.seconds,
    )
    plan = [(SCENARIOS[name], contenders(options, SCENARIOS[name])) for name in options.scenarios or SCENARIOS]
    progress = Progress(options.rounds * sum(len(servers) for _, servers in plan))
    for scenario, servers in plan:
        results.figures[scenario.name] = {server.name: [] for server in servers}
        for number in range(options.rounds):
            for server in servers:
                progress.step(f"{scenario.name}, round {number + 1} of {options.rounds}, {server.name}")
                results.figures[scenario.name][server.name].append(attempt(server, scenario, options, progress))
        progress.clear()
        print(report.scenario_table(results, scenario.name), flush=True)
    return results


def contenders(options: argparse.Namespace, scenario: Scenario) -> list[Server]:
    """Return the chosen servers that can take part in ``scenario``."""
    chosen = (SERVERS[name] for name in options.servers or USUAL)
    return [server for server in chosen if server.threaded or not scenario.needs_threads]


def attempt(server: Server, scenario: Scenario, options: argparse.Namespace, progress: Progress) -> Measurement | None:
    try:
        return measure(server, scenario, options.peers, options.seconds, pinned=options.pin)
    except ServerFailed as failure:
        progress.note(f"{server.name} failed in {scenario.name}: {failure}")
        return None


def write(results: Results, options: argparse.Namespace) -> None:
    partial = options.servers or options.scenarios or options.from_json
    publish = options.publish or not partial
    figures = options.json or (FIGURES if publish else None)
    if figures:
        results.save(figures)
    picture = options.chart or (CHART if publish else None)
    if picture:
        picture.write_text(chart.draw(results))
    if publish:
        DOCUMENT.write_text(report.renewed(DOCUMENT.read_text(), results))


if __name__ == "__main__":
    main()
