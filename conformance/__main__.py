"""Hold every case with ehttpd and its peers, and renew docs/conformance.md: ``make conformance``.

    make conformance                                       every server; renews the page, the chart and results.json
    make conformance ARGS="--servers ehttpd,gunicorn"      some of them; tells why, writes nothing

The peers are installed when first needed, into benchmarks/.peers; one that does not install or start sits out.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import environment
import machine
from processes import exit_when_terminated

from conformance import contest, picture, report
from conformance.results import FILE, Results

PAGE = Path(__file__).parent.parent / "docs" / "conformance.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", type=names, help=f"some of {','.join(contest.CONTESTANTS)}")
    options = parser.parse_args()
    exit_when_terminated()
    results = run(options.servers or list(contest.CONTESTANTS))
    sys.stdout.write(report.summary(results))
    if options.servers:
        sys.stdout.writelines(f"\n# {server}\n{report.reasons(results, server)}" for server in results.servers)
    else:
        publish(results)


def names(words: str) -> list[str]:
    """Read names of servers, separated by commas."""
    found = words.split(",")
    for name in found:
        if name not in contest.CONTESTANTS:
            raise argparse.ArgumentTypeError(f"unknown name {name!r}; there are: {', '.join(contest.CONTESTANTS)}")
    return found


def run(servers: list[str]) -> Results:
    peers = environment.DEFAULT_FOLDER
    environment.install(peers)
    took_part, cases = contest.hold(servers, peers)
    distributions = {contest.CONTESTANTS[name].distribution for name in took_part} | {"python"}
    versions = {name: text for name, text in machine.versions_compared(peers).items() if name in distributions}
    facts = {name: text for name, text in machine.facts("").items() if name in ("date", "system")}
    return Results(facts, versions, took_part, cases)


def publish(results: Results) -> None:
    results.servers.sort(key=lambda server: -results.count(server)["pass"])
    results.save(FILE)
    PAGE.with_suffix(".svg").write_text(picture.draw(results), "utf-8")
    PAGE.write_text(report.renewed(PAGE.read_text("utf-8"), results), "utf-8")


if __name__ == "__main__":
    main()
