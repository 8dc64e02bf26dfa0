#!/usr/bin/env python3
"""What it costs to tell of requests: the scenario ``browser`` with no access log and no figures, with each format in a
file, with figures alone, and with everything: JSON, figures and the health path.

    python benchmarks/logs.py --pin

The servers run side by side, and the load goes from one to the next: who is not asked takes no time, and a machine
whose speed drifts is fair to all. The share is that of the rate with nothing in the same round; where others use the
machine, the processor time tells more. Medians; needs wrk.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import load
from measure import Measurement, measure_running, warm_up
from processes import Family, ServerFailed, exit_when_terminated
from scenarios import SCENARIOS
from servers import SERVERS, serving

WITHOUT = "nothing"
FORMATS = ("json", "combined", "logfmt", "dev")
FIGURES = " --admin 127.0.0.1:0"
HEALTH = " --health-path /healthz"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=2, help="so often all are started: where memory lies counts, too")
    parser.add_argument("--rounds", type=int, default=5, help="so often each is loaded then")
    parser.add_argument("--seconds", type=int, default=2, help="for so long")
    parser.add_argument("--pin", action="store_true", help="server and load each on a processor of its own")
    parser.add_argument("--formats", default=",".join(FORMATS), help="with commas between them")
    parser.add_argument("--scenario", default="browser", choices=SCENARIOS)
    options = parser.parse_args()
    exit_when_terminated()
    names = (WITHOUT, *options.formats.split(","), "figures", "everything")
    found: dict[str, list[Measurement]] = {name: [] for name in names}
    try:
        load.require()
        for _ in range(options.starts):
            measure_all(found, options)
    except (load.LoadGeneratorMissing, ServerFailed) as failure:
        sys.exit(f"benchmarks: {failure}")
    print(f"{'':12}{'requests/s':>12}{'share':>8}{'processor us':>14}{'p99 ms':>8}")
    for name, each in found.items():
        print(row(name, each, found[WITHOUT]))


def measure_all(found: dict[str, list[Measurement]], options: argparse.Namespace) -> None:
    """Start a server for each of the names in ``found``, and add to each what was measured of it, in turns."""
    scenario, plain = SCENARIOS[options.scenario], SERVERS["ehttpd"]
    running: dict[str, tuple[Family, int]] = {}
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        for name in found:
            server = dataclasses.replace(plain, command=plain.command + flags_of(name, f"{folder}/{name}.log"))
            running[name] = stack.enter_context(
                serving(
                    server,
                    Path(sys.prefix),
                    application=scenario.application,
                    threads=scenario.threads,
                    pinned=options.pin,
                )
            )
            warm_up(running[name][1], scenario, pinned=options.pin)
        for _ in range(options.rounds):
            for name, (family, port) in running.items():
                found[name].append(measure_running(family, port, scenario, options.seconds, pinned=options.pin))


def row(name: str, found: list[Measurement], without: list[Measurement]) -> str:
    rate = statistics.median(each.rate for each in found)
    share = statistics.median(each.rate / other.rate for each, other in zip(found, without, strict=True))
    processor = statistics.median(each.cpu_us for each in found)
    within = statistics.median(each.p99_ms or 0.0 for each in found)
    return f"{name:12}{rate:12,.0f}{share:8.2f}{processor:14.1f}{within:8.1f}"


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
