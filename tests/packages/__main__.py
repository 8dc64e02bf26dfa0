"""Runs the test suites of other people's packages twice: with the server they were written for, and with ours.

    python -m tests.packages [NAME …]

Needs the package index, so it is no part of the suite. Each package has an environment of its own below
``.venv-packages``; its tests come from its source distribution, and are not changed: our fixture takes the place of
theirs. Prints the table of docs/testing.md; fails if a suite does not pass with ours as it does with theirs.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import venv
from pathlib import Path
from typing import NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
WORK = ROOT / ".venv-packages"


class Package(NamedTuple):
    """A package whose tests use pytest-httpserver."""

    name: str
    version: str
    tests: tuple[str, ...]  # as arguments of pytest, from the folder of its source distribution
    needs: tuple[str, ...] = ()


class Outcome(NamedTuple):
    """What a run of a suite came to."""

    passed: int
    failed: int
    seconds: float


PACKAGES = (
    Package("responses", "0.26.3", ("responses",), ("pytest-asyncio", "tomli-w")),
    Package("geoip2", "5.3.0", ("tests/webservice_test.py",)),
)


def run(*command: str | Path) -> None:
    subprocess.run([str(word) for word in command], check=True)


def prepared(package: Package) -> tuple[Path, Path]:
    """Return the interpreter of a package's environment, and the folder of its source distribution."""
    place = WORK / f"{package.name}-{package.version}"
    python = place / "environment" / "bin" / "python"
    if not python.exists():
        venv.create(place / "environment", with_pip=True)
    requirement = f"{package.name}=={package.version}"
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    run(*pip, "install", requirement, "pytest", "pytest-httpserver", *package.needs, ROOT)
    source = place / f"{package.name}-{package.version}"
    if not source.exists():
        run(*pip, "download", "--no-deps", "--no-binary", package.name, "-d", place, requirement)
        with tarfile.open(place / f"{source.name}.tar.gz") as archive:
            archive.extractall(place, filter="data")
        (place / "pytest.ini").touch()  # for those without one: or they would find that of this repository
    return python, source


def tested(python: Path, source: Path, package: Package, *plugins: str) -> Outcome:
    """Run the suite with these plugins."""
    environment = {name: value for name, value in os.environ.items() if not name.endswith("_CA_BUNDLE")}
    environment.update(PYTHONPATH=str(HERE), no_proxy="*")
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", *plugins, *package.tests]
    output = subprocess.run(command, cwd=source, env=environment, capture_output=True, text=True).stdout
    counts = {what: int(count) for count, what in re.findall(r"(\d+) (passed|failed|errors?)", output)}
    seconds = re.search(r"in ([\d.]+)s", output)
    if seconds is None or counts.get("failed") or counts.get("error") or counts.get("errors"):
        print(output)
    failed = sum(count for what, count in counts.items() if what != "passed")
    return Outcome(counts.get("passed", 0), failed, float(seconds[1]) if seconds else 0.0)


def main() -> None:
    print("| tests of | pass with pytest-httpserver | with ehttpd |")
    print("| --- | --: | --: |")
    complete = True
    for package in PACKAGES:
        if sys.argv[1:] and package.name not in sys.argv[1:]:
            continue
        python, source = prepared(package)
        theirs = tested(python, source, package)
        ours = tested(python, source, package, "-p", "no:pytest_httpserver", "-p", "httpserver")
        complete = complete and ours.passed > 0 and (ours.passed, ours.failed) == (theirs.passed, theirs.failed)
        cells = [f"{each.passed} in {each.seconds:.1f} s" for each in (theirs, ours)]
        print(f"| {package.name} {package.version} | {' | '.join(cells)} |", flush=True)
    sys.exit(0 if complete else 1)


if __name__ == "__main__":
    main()
