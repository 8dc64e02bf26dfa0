"""The environment of the peers: a virtual environment of their own, made when it is first needed.

Authority: pip. Knows peers.txt; does not know how a server is started.
"""

from __future__ import annotations

import json
import platform
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE / "peers.txt"
DEFAULT_FOLDER = HERE / ".peers"
LIST_VERSIONS = """
import json, platform
from importlib.metadata import distributions
found = {each.metadata["Name"].lower(): each.version for each in distributions()}
print(json.dumps({"python": platform.python_version(), **found}))
"""


def install(folder: Path) -> None:
    """Make the environment and install every peer, unless it is of this Python and holds just what peers.txt names.

    One by one, for a peer that does not build on this machine must not keep the others out.
    """
    stamp = folder / "installed.txt"
    wanted = f"# Python {platform.python_version()}\n{REQUIREMENTS.read_text()}"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    print(f"Installing the peers into {folder} ...", file=sys.stderr)
    subprocess.run([sys.executable, "-m", "venv", "--clear", folder], check=True)
    for requirement in wanted.splitlines():
        if requirement and not requirement.startswith("#"):
            install_one(folder, requirement)
    stamp.write_text(wanted)


def install_one(folder: Path, requirement: str) -> None:
    pip = [str(folder / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    done = subprocess.run([*pip, "install", "--quiet", requirement], capture_output=True, text=True, check=False)
    if done.returncode:
        reason = done.stderr.strip().splitlines()[-1:] or ["pip gave no reason"]
        print(f"Not installed: {requirement}. {reason[0]}", file=sys.stderr)


def versions(folder: Path) -> dict[str, str]:
    """Return the version of every distribution and of the interpreter, by name in lower case."""
    command = [str(folder / "bin" / "python"), "-c", LIST_VERSIONS]
    found: dict[str, str] = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    return found
