#!/usr/bin/env python3
"""What it is worth to write for ehttpd: the same JSON from a native handler, a router, a WSGI application and Flask.

    python benchmarks/native.py

All four are served by ehttpd, and asked with the twelve fields of a browser. They take turns, so that a machine whose
speed drifts is fair to all. Medians; needs wrk, and Flask beside ehttpd.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from pathlib import Path

import load
from measure import measure
from processes import ServerFailed, exit_when_terminated
from scenarios import Scenario
from servers import SERVERS

APPLICATIONS = {
    "native handler": "native_json:handler",
    "router": "native_json:router",
    "WSGI": "native_json:application",
    "Flask": "flask_json:application",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--pin", action="store_true", help="server and load each on a processor of its own")
    options = parser.parse_args()
    exit_when_terminated()
    try:
        load.require()
        rates = measured(options.rounds, options.seconds, options.pin)
    except (load.LoadGeneratorMissing, ServerFailed) as failure:
        sys.exit(f"benchmarks: {failure}")
    wsgi, flask = (statistics.median(rates[name]) for name in ("WSGI", "Flask"))
    print(f"{'':16}{'requests/s':>12}{'x WSGI':>10}{'x Flask':>10}")
    for name, each in rates.items():
        rate = statistics.median(each)
        print(f"{name:16}{rate:12,.0f}{rate / wsgi:10.2f}{rate / flask:10.2f}   ({min(each):,.0f} to {max(each):,.0f})")


def measured(rounds: int, seconds: int, pinned: bool) -> dict[str, list[float]]:
    """Return the requests per second of each application, in each round."""
    rates: dict[str, list[float]] = {name: [] for name in APPLICATIONS}
    for _ in range(rounds):
        for name, application in APPLICATIONS.items():
            scenario = Scenario(
                name, "JSON to a browser", connections=32, script="browser.lua", application=application
            )
            rates[name].append(measure(SERVERS["ehttpd"], scenario, Path(sys.prefix), seconds, pinned=pinned).rate)
    return rates


if __name__ == "__main__":
    main()
