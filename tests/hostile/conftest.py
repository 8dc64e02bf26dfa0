"""The server that tests of one module attack, one after the other, and servers that one test attacks."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hostile.siege import Victim, attacked

if sys.platform != "linux":
    collect_ignore_glob = ["test_*.py"]  # What a process has is read from /proc.


@pytest.fixture(scope="module")
def victim(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Victim]:
    """A server that goes through all attacks of a module: what one leaves behind, the next finds."""
    with attacked(tmp_path_factory.mktemp("victim")) as victim:
        yield victim


@pytest.fixture
def own_victim(tmp_path: Path) -> Iterator[Victim]:
    """A server for one test, which may take something from it."""
    with attacked(tmp_path) as victim:
        yield victim
