#!/usr/bin/env python3
"""How soon a server answers: from the start of its process to its first answer; and what ``import ehttpd`` takes.

    python benchmarks/startup.py

The servers take turns, so that a machine whose speed drifts is fair to both. Medians; the first round only fills the
caches of the file system and does not count.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import environment
from processes import ServerFailed, exit_when_terminated
from servers import ENVIRONMENT, PROJECT, SERVERS, serving

HELLO = str(PROJECT / "examples" / "hello.py")
# What is measured, the server, the application it serves.
STARTS = (
    ("ehttpd examples/hello.py", "ehttpd", HELLO),
    ("ehttpd, a WSGI application", "ehttpd", "plain:application"),
    ("gunicorn, the same application", "gunicorn", "plain:application"),
)
IMPORT = "from time import perf_counter as now; start = now(); import ehttpd; print(now() - start)"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--peers", type=Path, default=environment.DEFAULT_FOLDER, help="where the peers are installed")
    options = parser.parse_args()
    exit_when_terminated()
    environment.install(options.peers)
    try:
        durations = starts(options.peers, options.rounds)
    except ServerFailed as failure:
        sys.exit(f"benchmarks: {failure}")
    for what, seconds in durations.items():
        counted = [each * 1000 for each in seconds[1:]]
        print(f"{what:32}{statistics.median(counted):8.1f} ms   ({min(counted):.1f} to {max(counted):.1f})")


def starts(peers: Path, rounds: int) -> dict[str, list[float]]:
    """Return the seconds that each start took, and each import, in one round more than ``rounds``."""
    durations: dict[str, list[float]] = {what: [] for what, _, _ in STARTS}
    imports = []
    for _ in range(rounds + 1):
        for what, server, application in STARTS:
            durations[what].append(first_answer(server, application, peers))
        imports.append(import_duration(peers))
    return {**durations, "import ehttpd": imports}


def first_answer(server: str, application: str, peers: Path) -> float:
    """Return the seconds from the start of the process to the end of its first answer."""
    start = time.perf_counter()
    with serving(SERVERS[server], peers, application=application, threads=4):
        return time.perf_counter() - start


def import_duration(peers: Path) -> float:
    """Return the seconds that ``import ehttpd`` takes in an interpreter that has only just started."""
    command = [str(peers / "bin" / "python"), "-c", IMPORT]
    variables = {**os.environ, **ENVIRONMENT}
    return float(subprocess.run(command, env=variables, capture_output=True, text=True, check=True).stdout)


if __name__ == "__main__":
    main()
