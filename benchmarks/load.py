"""The load: starts wrk for a scenario, and reads what it reports.

Authority: wrk's command line and the words of its report. Does not know which server answers.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

from environment import HERE
from scenarios import Scenario

SCRIPTS = HERE / "scripts"
LOAD_PROCESSOR = "1"
MILLISECONDS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


class LoadGeneratorMissing(Exception):
    """wrk is not on this machine; the message says how to get it."""


@dataclass(frozen=True)
class LoadReport:
    """What wrk saw. ``errors``: broken connections, timeouts, and answers that were not 2xx or 3xx."""

    rate: float
    p99_ms: float | None
    requests: int
    errors: int


def require() -> str:
    """Return wrk's version.

    Raises:
        LoadGeneratorMissing: there is none on the search path.
    """
    if not shutil.which("wrk"):
        raise LoadGeneratorMissing("wrk, the load generator, is missing. Debian, Ubuntu: apt-get install wrk.")
    banner = subprocess.run(["wrk", "--version"], capture_output=True, text=True, check=False)  # its status is 1
    return " ".join((banner.stdout + banner.stderr).split()[:2])


def start(scenario: Scenario, port: int, seconds: int, *, pinned: bool) -> subprocess.Popen[str]:
    command = ["taskset", "-c", LOAD_PROCESSOR] if pinned else []
    command += ["wrk", "--threads=1", f"--connections={scenario.connections}", f"--duration={seconds}s", "--latency"]
    for field in scenario.fields:
        command += ["--header", field]
    if scenario.script:
        command += ["--script", scenario.script]
    command.append(f"http://127.0.0.1:{port}{scenario.path}")
    return subprocess.Popen(command, cwd=SCRIPTS, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)


def finish(load: subprocess.Popen[str]) -> LoadReport:
    """Wait for the load to end; returns its report."""
    text = load.communicate()[0]
    p99 = re.search(r"99%\s+([\d.]+)(us|ms|s)\b", text)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", text)
    refused = int(_number(r"Non-2xx or 3xx responses: (\d+)", text))
    return LoadReport(
        rate=float(_number(r"Requests/sec:\s+([\d.]+)", text)),
        p99_ms=float(p99[1]) * MILLISECONDS[p99[2]] if p99 else None,
        requests=int(_number(r"(\d+) requests in", text)),
        errors=refused + (sum(map(int, broken.groups())) if broken else 0),
    )


def _number(pattern: str, text: str) -> str:
    found = re.search(pattern, text)
    return found[1] if found else "0"
