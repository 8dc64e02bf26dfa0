"""The engine's process: libFuzzer, by way of atheris, calls a target again and again.

Started by run.py, which knows the folders and counts. The first argument is the target; the others are libFuzzer's.
"""

from __future__ import annotations

import logging
import sys

import atheris

with atheris.instrument_imports(include=["ehttpd"]):
    from fuzz.targets import TARGETS


def main() -> None:
    """Fuzz until libFuzzer ends the process."""
    _, target, *options = sys.argv
    logging.disable()  # who is not believed is said for each input
    # libFuzzer starts itself again, by its first argument, to merge what it found.
    atheris.Setup([f"{sys.executable} -m fuzz.engine {target}", *options], TARGETS[target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
