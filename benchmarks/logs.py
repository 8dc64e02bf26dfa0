#!/usr/bin/env python3
"""What it costs to tell of requests: the scenario ``browser`` with no access log and no figures, with each format in a
file, with figures alone, and with everything: JSON, figures and the health path.

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

WITHOUT = "nothing"
FORMATS = ("json", "combined", "logfmt", "dev")
FIGURES = " --admin 127.0.0.1:0"
HEALTH = " --health-path /healthz"


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
    """Return the requests per second with nothing and with each of the others, in each round."""
    scenario, plain = SCENARIOS[options.scenario], SERVERS["ehttpd"]
    rates: dict[str, list[float]] = {}
    for _ in range(options.rounds):
        for name in (WITHOUT, *options.formats.split(","), "figures", "everything"):
            with tempfile.TemporaryDirectory() as folder:
                server = dataclasses.replace(plain, command=plain.command + flags_of(name, f"{folder}/access.log"))
                rate = measure(server, scenario, Path(sys.prefix), options.seconds, pinned=options.pin).rate
            rates.setdefault(name, []).append(rate)
    return rates


def flags_of(name: str, log: str) -> str:
    """Return the flags behind a name: that of a format, or one of ours."""
    if name == WITHOUT:
        return ""
    if name == "figures":
        return FIGURES
    everything = name == "everything"
    return f" --access-log {log} --access-log-format {'json' if everything else name}" + (
        FIGURES + HEALTH if everything else ""
    )


if __name__ == "__main__":
    main()
