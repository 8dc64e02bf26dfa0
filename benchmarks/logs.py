#!/usr/bin/env python3
"""What it costs to tell of requests: the scenario ``browser`` with no access log and no figures, with each format in a
file, with figures alone, and with everything: JSON, figures and the health path. Others beside it, each with the access
log that it has.

    python benchmarks/logs.py --pin --others gunicorn,granian

The servers run side by side, and the load goes from one to the next: who is not asked takes no time, and a machine
whose speed drifts is fair to all. The share is that of the rate of the same server with nothing in the same round;
where others use the machine, the processor time tells more. Medians; needs wrk.
"""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
from contextlib import ExitStack
from pathlib import Path

import environment
import load
from measure import Measurement, measure_running, warm_up
from processes import Family, ServerFailed, exit_when_terminated
from scenarios import SCENARIOS
from servers import SERVERS, Server, home_of, serving

WITHOUT = "nothing"
FORMATS = ("json", "combined", "logfmt", "dev")
FIGURES = " --admin 127.0.0.1:0"
HEALTH = " --health-path /healthz"
# What has others write their access log; to a file, as all that they write goes there.
ACCESS_LOGS = {
    "gunicorn": (" {application}", " --access-logfile - {application}"),
    "granian": (" {application}", " --access-log {application}"),
    "uwsgi": (" --disable-logging", ""),
}


@dataclasses.dataclass(frozen=True)
class Row:
    """One server as it is started, and what was measured of it. ``plain`` is the row of the same with nothing."""

    name: str
    server: Server
    plain: Row | None = None
    found: list[Measurement] = dataclasses.field(default_factory=list)

    def line(self) -> str:
        base = (self.plain or self).found
        rate = statistics.median(each.rate for each in self.found)
        share = statistics.median(each.rate / other.rate for each, other in zip(self.found, base, strict=True))
        processor = statistics.median(each.cpu_us for each in self.found)
        within = statistics.median(each.p99_ms or 0.0 for each in self.found)
        return f"{self.name:24}{rate:12,.0f}{share:8.2f}{processor:14.1f}{within:8.1f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--starts", type=int, default=2, help="so often all are started: where memory lies counts, too")
    parser.add_argument("--rounds", type=int, default=5, help="so often each is loaded then")
    parser.add_argument("--seconds", type=int, default=2, help="for so long")
    parser.add_argument("--pin", action="store_true", help="server and load each on a processor of its own")
    parser.add_argument("--formats", default=",".join(FORMATS), help="with commas between them")
    parser.add_argument("--others", default="", help=f"with commas between them, of {', '.join(ACCESS_LOGS)}")
    parser.add_argument("--peers", type=Path, default=environment.DEFAULT_FOLDER, help="where the peers are installed")
    parser.add_argument("--scenario", default="browser", choices=SCENARIOS)
    options = parser.parse_args()
    exit_when_terminated()
    rows = rows_of(options.formats.split(","), [each for each in options.others.split(",") if each])
    try:
        load.require()
        for _ in range(options.starts):
            measure_all(rows, options)
    except (load.LoadGeneratorMissing, ServerFailed) as failure:
        sys.exit(f"benchmarks: {failure}")
    print(f"{'':24}{'requests/s':>12}{'share':>8}{'processor us':>14}{'p99 ms':>8}")
    for row in rows:
        print(row.line())


def rows_of(formats: list[str], others: list[str]) -> list[Row]:
    """Return ehttpd with nothing, with each of the formats, figures and everything; then others, each with nothing and
    with its access log.
    """
    plain = Row(WITHOUT, SERVERS["ehttpd"])
    rows = [plain]
    for name in (*formats, "figures", "everything"):
        rows.append(Row(name, changed(plain.server, plain.server.command + flags_of(name)), plain))
    for name in others:
        server = SERVERS[name]
        alone = Row(f"{name}, nothing", server)
        rows += [alone, Row(f"{name}, access log", changed(server, server.command.replace(*ACCESS_LOGS[name])), alone)]
    return rows


def changed(server: Server, command: str) -> Server:
    return dataclasses.replace(server, command=command)


def flags_of(name: str) -> str:
    """Return the flags behind a name: that of a format, or one of ours. All write to the file of the server's output,
    as others do.
    """
    if name == "figures":
        return FIGURES
    everything = name == "everything"
    return f" --access-log - --access-log-format {'json' if everything else name}" + (
        FIGURES + HEALTH if everything else ""
    )


def measure_all(rows: list[Row], options: argparse.Namespace) -> None:
    """Start a server for each row, and add to each what was measured of it, in turns."""
    scenario = SCENARIOS[options.scenario]
    running: list[tuple[Row, Family, int]] = []
    with ExitStack() as stack:
        for row in rows:
            family, port = stack.enter_context(
                serving(
                    row.server,
                    home_of(row.server, options.peers),
                    application=scenario.application,
                    threads=scenario.threads,
                    pinned=options.pin,
                )
            )
            warm_up(port, scenario, pinned=options.pin)
            running.append((row, family, port))
        for _ in range(options.rounds):
            for row, family, port in running:
                row.found.append(measure_running(family, port, scenario, options.seconds, pinned=options.pin))


if __name__ == "__main__":
    main()
