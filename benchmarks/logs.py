#!/usr/bin/env python3
"""What the access log costs: the scenario ``browser`` without one, and with one of each format in a file.

    python benchmarks/logs.py

All take turns, so that a machine whose speed drifts is fair to all; the share is that of the rate without a log in the
same round. Medians; needs wrk.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
from pathlib import Path

import load
from measure import measure
from processes import ServerFailed, exit_when_terminated
from scenarios import SCENARIOS
from servers import SERVERS

WITHOUT = "no access log"
FORMATS = ("json", "combined", "logfmt", "dev")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--pin", action="store_true", help="server and load each on a processor of its own")
    parser.add_argument("--formats", default=",".join(FORMATS), help="with commas between them")
    parser.add_argument("--scenario", default="browser", choices=SCENARIOS)
    options = parser.parse_args()
    exit_when_terminated()
    try:
        load.require()
        rates = measured(options)
    except (load.LoadGeneratorMissing, ServerFailed) as failure:
        sys.exit(f"benchmarks: {failure}")
    for name, each in rates.items():
        shares = [rate / without for rate, without in zip(each, rates[WITHOUT], strict=True)]
        print(f"{name:16}{statistics.median(each):12,.0f} requests/s{statistics.median(shares):8.0%}")


def measured(options: argparse.Namespace) -> dict[str, list[float]]:
    """Return the requests per second without a log and with each format, in each round."""
    scenario, plain = SCENARIOS[options.scenario], SERVERS["ehttpd"]
    rates: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name in (WITHOUT, *options.formats.split(",")):
            with tempfile.TemporaryDirectory() as folder:
                flags = f" --access-log {folder}/access.log --access-log-format {name}" if name != WITHOUT else ""
                server = dataclasses.replace(plain, command=plain.command + flags)
                rate = measure(server, scenario, Path(sys.prefix), options.seconds, pinned=options.pin).rate
            rates.setdefault(name, []).append(rate)
    return rates


if __name__ == "__main__":
    main()
