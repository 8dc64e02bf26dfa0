"""Whatever the ancestor offers is here: every row of docs/ancestor.md, by its name.

Knows how that page is written. A name that is missing fails, and one that is said to be missing and is not.
"""

from __future__ import annotations

import builtins
import keyword
import re
from collections import Counter
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from ehttpd import native
from ehttpd.messages import Request, Response
from ehttpd.settings import Settings

ROOT = Path(__file__).parent.parent
ROW = re.compile(r"^\| ([A-Z])(\d+) \| (.*?) \| (.*?) \| (.*?) ?\|$", re.MULTILINE)
# How many rows each table of the ancestor's capabilities has.
COUNTS = {"S": 5, "B": 10, "E": 3, "Q": 10, "R": 10, "V": 13, "N": 8, "U": 6}
STANDS_FOR: dict[str, Any] = {
    "native": native,
    "request": Request("GET", "/"),
    "response": Response(),
    "server": native.Server,
    "settings": Settings(),
    "builtins": builtins,
}


class Row(NamedTuple):
    """A row of a table, and a name that it gives."""

    number: str
    name: str
    not_yet: bool


ROWS = [
    Row(letter + number, name, "not yet" in note)
    for letter, number, _, names, note in ROW.findall((ROOT / "docs" / "ancestor.md").read_text("utf-8"))
    for name in re.findall(r"`([^`]+)`", names)
]


def exists(name: str) -> bool:
    """Tell whether there is what a row names: a file, or something to be reached through a module or an object."""
    if "/" in name:
        return (ROOT / name).exists()
    root, *parts = name.split(".")
    if root == "builtins" and keyword.iskeyword(parts[0]):
        return True
    found: Any = STANDS_FOR.get(root)
    if found is None or (root == "server" and not hasattr(found, parts[0])):
        found, parts = module(name)
    return reaches(found, parts)


def module(name: str) -> tuple[Any, list[str]]:
    """Return the module of ours that a dotted name lies in, and the rest of the name."""
    parts = name.split(".")
    for count in range(len(parts), 0, -1):
        try:
            return import_module(".".join(["ehttpd", *parts[:count]])), parts[count:]
        except ModuleNotFoundError:
            continue
    return None, parts


def reaches(found: Any, parts: list[str]) -> bool:
    for part in parts:
        if not hasattr(found, part):
            return False
        found = getattr(found, part)
    return found is not None or bool(parts)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number} {row.name}")
def test_a_name_is_there_unless_it_is_said_not_to_be(row: Row) -> None:
    assert exists(row.name) is not row.not_yet


def test_every_capability_has_a_row_with_a_name() -> None:
    named = Counter(letter for letter, _ in {(row.number[0], row.number[1:]) for row in ROWS})
    assert {letter: named[letter] for letter in COUNTS} == COUNTS


@pytest.mark.parametrize(
    "name", ["native.Nothing", "request.nothing", "nothing.at_all", "examples/nothing.py", "errors.Nothing"]
)
def test_what_does_not_exist_is_noticed(name: str) -> None:
    assert not exists(name)
