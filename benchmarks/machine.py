"""On what the figures were measured: processor, memory, kernel, versions. Nothing that names the machine itself."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

from environment import HERE, versions
from servers import SERVERS

FRAMEWORKS = ("flask", "django")


def facts(load_generator: str) -> dict[str, str]:
    """Return what a reader must know to weigh the figures, ready to print."""
    processor = _found(r"model name\s*: (.+)", "/proc/cpuinfo") or platform.machine()
    kibibytes = int(_found(r"MemTotal:\s*(\d+)", "/proc/meminfo") or 0)
    return {
        "date": datetime.now(UTC).strftime("%Y-%m-%d"),
        "processor": f"{os.cpu_count()} x {processor}",
        "memory": f"{kibibytes / (1 << 20):.0f} GiB",
        "system": f"{platform.system()} {platform.release().partition('-')[0]}",
        "load": load_generator,
    }


def versions_compared(peers: Path) -> dict[str, str]:
    """Return the version of the interpreter, of ehttpd (its commit), of each peer and of each framework."""
    installed = versions(peers)
    compared = {"python": installed["python"], "ehttpd": _commit()}
    for name in (*(server.distribution for server in SERVERS.values()), *FRAMEWORKS):
        if name in installed:
            compared[name] = installed[name]
    return compared


def _found(pattern: str, file: str) -> str:
    found = re.search(pattern, Path(file).read_text())
    return found[1].strip() if found else ""


def _commit() -> str:
    command = ["git", "-C", str(HERE), "describe", "--always", "--dirty"]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip() or "not from git"
