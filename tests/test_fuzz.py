"""What fuzzing has kept: every input that reaches something of its own, and every one that once broke a promise."""

from __future__ import annotations

from pathlib import Path

import pytest

from fuzz.run import CORPUS, FINDINGS, RUNS, TOTAL, seeds, total
from fuzz.targets import TARGETS

# Findings that are not mended yet, and what they wait for.
OPEN: dict[str, str] = {}


def found(file: Path) -> object:
    name = f"{file.parent.name}/{file.name}"
    marks = [pytest.mark.xfail(reason=OPEN[name], raises=AssertionError)] if name in OPEN else []
    return pytest.param(file, id=name, marks=marks)


@pytest.mark.parametrize("target", TARGETS)
def test_what_was_kept_breaks_no_promise(target: str) -> None:
    files = sorted((CORPUS / target).iterdir())
    assert files
    for data in [file.read_bytes() for file in files] + list(seeds(target).values()):
        TARGETS[target](data)


@pytest.mark.parametrize("file", [found(file) for file in sorted(FINDINGS.glob("*/*"))])
def test_what_was_found_breaks_no_promise_any_more(file: Path) -> None:
    TARGETS[file.parent.name](file.read_bytes())


def test_the_sum_of_all_runs_is_right() -> None:
    text = RUNS.read_text("utf-8")
    line = TOTAL.search(text)
    assert line and line[0] == total(text)
    assert text.count("\n| 20") == int(line[0].split()[-2])
