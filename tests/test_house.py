"""The rules of the house that a machine can hold: who may import whom, how long a function is, nothing required."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ehttpd"

# From the top of the house to its cellar, as docs/architecture.md draws it. A room imports from rooms below it only.
ROOMS = [
    "__init__",
    "__main__",
    "cli",
    "commands",
    "develop",
    "supervisor",
    "deploy",
    "testing",
    "launch",
    "native",
    "toolkit",
    "admin",
    "wsgi",
    "server",
    "proxies",
    "http11",
    "records",
    "messages",
    "fields",
    "cancellation",
    "forks",
    "settings",
    "logs",
    "errors",
    "typed",
]
# RFC 9112 is about bytes: who reads it needs no operating system.
FORBIDDEN_IN_HTTP11 = {"socket", "threading", "_thread", "time", "ssl", "logging", "select", "selectors", "os"}
# What a feature may need that the standard library does not have: module -> distribution, imported late.
EXTRAS = {"brotli": "brotli", "watchfiles": "watchfiles", "multipart": "multipart", "wsproto": "wsproto"}
# Modules for the users of one distribution, who have it: nothing else imports them.
HOSTS = {"ehttpd.testing.plugin": "pytest", "ehttpd.testing.django": "django"}
# Requests and responses offer what the toolkit does with them, and import it when it is asked for: the one way up.
DOORS = {("messages", "toolkit")}
LONGEST_FUNCTION = 60  # Lines. Over about 40 it is usually two.


class Import(NamedTuple):
    """One imported module or name, in full: ``ehttpd.http11.reader`` or ``ehttpd.errors.BadRequest``."""

    file: Path
    line: int
    name: str
    at_run_time: bool
    late: bool  # inside of a function

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}:{self.line} imports {self.name}"


def module_name(file: Path) -> str:
    parts = file.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def room_of(name: str) -> str:
    """Return the room of a module or name of ours; names of the package itself live in its ``__init__``."""
    room = name.split(".")[1] if "." in name else "__init__"
    return room if (PACKAGE / f"{room}.py").exists() or (PACKAGE / room).is_dir() else "__init__"


def is_type_checking(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING")


def import_statements(
    node: ast.AST, at_run_time: bool = True, late: bool = False
) -> Iterator[tuple[ast.Import | ast.ImportFrom, bool, bool]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child, at_run_time, late
        else:
            inside = late or isinstance(child, ast.FunctionDef)
            yield from import_statements(child, at_run_time and not is_type_checking(child), inside)


def imports_of(file: Path) -> Iterator[Import]:
    for node, at_run_time, late in import_statements(ast.parse(file.read_text())):
        for alias in node.names:
            name = alias.name
            if isinstance(node, ast.ImportFrom):
                name = f"{base_of(node, file)}.{alias.name}"
            yield Import(file, node.lineno, name, at_run_time, late)


def base_of(node: ast.ImportFrom, file: Path) -> str:
    """Return the full name of what ``from … import`` names, for relative imports too."""
    if not node.level:
        return node.module or ""
    here = file.relative_to(ROOT).parts[:-1]
    base = here[: len(here) - node.level + 1]
    return ".".join([*base, *([node.module] if node.module else [])])


def is_ours(name: str) -> bool:
    return name.partition(".")[0] == "ehttpd"


FILES = sorted(PACKAGE.rglob("*.py"))
IMPORTS = [found for file in FILES for found in imports_of(file)]


def through_a_door(found: Import) -> bool:
    door = (room_of(module_name(found.file)), room_of(found.name))
    return door in DOORS and (found.late or not found.at_run_time)


def test_every_file_belongs_to_a_room() -> None:
    assert {room_of(module_name(file)) for file in FILES} <= set(ROOMS)


def test_imports_point_downwards_only() -> None:
    def points_down(found: Import) -> bool:
        importer, imported = room_of(module_name(found.file)), room_of(found.name)
        return importer == imported or ROOMS.index(importer) < ROOMS.index(imported)

    # The version is no more than a word: it may be read from everywhere.
    ours = [found for found in IMPORTS if is_ours(found.name) and found.name != "ehttpd.__version__"]
    assert [str(found) for found in ours if not (points_down(found) or through_a_door(found))] == []


def module_of(name: str, modules: set[str]) -> str:
    """Return the module that an imported name is, or lies in."""
    return name if name in modules else module_of(name.rpartition(".")[0], modules)


def test_no_module_imports_itself_in_a_circle() -> None:
    graph: dict[str, set[str]] = {module_name(file): set() for file in FILES}
    for found in IMPORTS:
        if not found.at_run_time or through_a_door(found):
            continue
        if is_ours(found.name) and found.name != "ehttpd.__version__":
            graph[module_name(found.file)].add(module_of(found.name, set(graph)))
    for module, imported in graph.items():
        imported.discard(module)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as circle:
        pytest.fail(" imports ".join(reversed(circle.args[1])))


def test_http11_imports_no_socket_thread_or_clock() -> None:
    inside = [found for found in IMPORTS if PACKAGE / "http11" in found.file.parents]
    assert [str(found) for found in inside if found.name.partition(".")[0] in FORBIDDEN_IN_HTTP11] == []


def test_only_the_standard_library_is_imported() -> None:
    others = [found for found in IMPORTS if found.at_run_time and not is_ours(found.name)]
    foreign = [found for found in others if found.name.partition(".")[0] not in sys.stdlib_module_names]
    foreign = [found for found in foreign if found.name.partition(".")[0] != HOSTS.get(module_name(found.file))]
    assert [str(found) for found in foreign if not (found.late and found.name.partition(".")[0] in EXTRAS)] == []


def test_nothing_imports_what_is_for_the_users_of_one_distribution() -> None:
    others = [found for found in IMPORTS if module_name(found.file) not in HOSTS]
    assert [str(found) for found in others if found.name.startswith(tuple(HOSTS))] == []


def test_an_extra_is_declared() -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    required = {re.split(r"[^\w-]", each)[0] for extra in extras.values() for each in extra}
    assert set(EXTRAS.values()) <= required


def test_the_package_requires_nothing() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["dependencies"] == []
    assert "dependencies" not in project.get("dynamic", [])


def test_the_version_is_the_same_everywhere() -> None:
    from ehttpd import __version__

    assert __version__ == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_functions_are_short(file: Path) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    lengths = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FUNCTION} == {}


@pytest.mark.parametrize("file", FILES, ids=module_name)
def test_every_module_says_what_its_job_is(file: Path) -> None:
    assert ast.get_docstring(ast.parse(file.read_text())), f"{file.relative_to(ROOT)} has no docstring."


# Dear, or for those who have what the name says: a start with no flag but an address needs none of them.
NOT_AT_START = {"typing", "dataclasses", "inspect", "logging", "ssl", "ctypes", "subprocess", "tempfile", "json"}
NOT_AT_START |= {f"ehttpd.server.{name}" for name in ("raw", "tunnel", "switch", "opening", "overdue", "snapshot")}
NOT_AT_START |= {"ehttpd.supervisor.command", "ehttpd.launch.strangers", "ehttpd.records", "ehttpd.proxies"}
NOT_AT_START |= {"ehttpd.launch.attending", "ehttpd.launch.banner", "ehttpd.admin.control", "ehttpd.server.notify"}


def test_what_a_plain_start_does_not_need_is_not_imported() -> None:
    program = """if True:
        import sys
        from ehttpd.commands import run
        import ehttpd.native
        from ehttpd.launch.arguments import read_arguments

        read_arguments(["hello.py", "--bind", ":8000"], run.VERSION, run.COMMANDS)
        print(*sys.modules)
    """
    imported = subprocess.check_output([sys.executable, "-S", "-c", program], cwd=ROOT, text=True).split()
    assert "ehttpd.server.lane" in imported
    assert not NOT_AT_START & set(imported)
