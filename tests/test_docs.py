"""What the pages say is true: examples run, commands exist, links lead somewhere, tables are the code's.

Knows how a page is written, and which part of it follows from which table; ``docs/settings.md`` as a whole is held by
tests/launch/test_reference.py. ``python -m tests.test_docs`` renews the parts that are made from tables.
"""

from __future__ import annotations

import importlib
import importlib.util
import re
import shlex
import shutil
import socket
import subprocess
import tomllib
from argparse import Namespace
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from urllib.request import urlopen

import pytest

from ehttpd.commands import COMMANDS, completion
from ehttpd.errors import RequestRefused
from ehttpd.http11.state import TIMEOUTS, TRANSITIONS, State, Step
from ehttpd.launch.arguments import read_arguments
from ehttpd.launch.rivals import APP, RIVALS, Rival
from ehttpd.launch.strangers import STRANGERS
from ehttpd.launch.usual import USUAL_FILES
from ehttpd.native import ConnectionHandler, Handler, Server
from ehttpd.settings import Settings
from ehttpd.testing.certificates import session_authority
from ehttpd.wsgi import Application, adapt
from tests.records import shown

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ehttpd"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("examples/*/*.md")])
PATIENCE = 20.0  # Seconds, for a server on a machine that is busy.

FENCED = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s#]+)[^)\s]*\)")
MODULE = re.compile(r"`([\w/]+\.py)`")
FLAG = re.compile(r"`(--[a-z0-9_-]+)")
THEIRS = {*USUAL_FILES, "manage.py", "gunicorn.conf.py", "settings.py"}  # modules of users that pages name
# A line of a drawn tree: its branches, then the name of a file or a folder.
BRANCH = re.compile(r"^((?:│   |    )*)[├└]── ([\w.]+)", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    text: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT)}:{self.line}"


def blocks(language: str) -> list[Block]:
    """Return the blocks of all pages in one language."""
    return [
        Block(page, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for page in PAGES
        for text in [page.read_text("utf-8")]
        for found in FENCED.finditer(text)
        if found[1] == language
    ]


# Examples

Addresses = str | Sequence[str]


def serve_native(
    handler: Handler | None = None,
    bind: Addresses = "127.0.0.1:8000",
    *,
    connection: ConnectionHandler | None = None,
    **settings: Any,
) -> None:
    """Stand in for `ehttpd.native.serve`: serve on a free port, ask once, stop."""
    with Server(handler, connection=connection, bind="127.0.0.1:0", **settings) as server:
        if connection is not None:
            host, port = server.addresses[0].split(":")
            with socket.create_connection((host, int(port)), PATIENCE) as client:
                client.sendall(b"bye\n")
                assert client.recv(100)
        else:
            with urlopen(server.url, timeout=PATIENCE) as answer:
                assert answer.read()


def serve_wsgi(application: Application, bind: Addresses = "127.0.0.1:8000", **settings: Any) -> None:
    """Stand in for `ehttpd.wsgi.serve`."""
    serve_native(adapt(application), bind, **settings)


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_an_example_runs(block: Block, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.native.serve", serve_native)
    monkeypatch.setattr("ehttpd.wsgi.serve", serve_wsgi)
    monkeypatch.setenv("no_proxy", "*")
    names: dict[str, Any] = {"__name__": "__main__"}
    exec(compile("\n" * block.line + block.text, block.page, "exec"), names)
    for test in [value for name, value in names.items() if name.startswith("test_")]:
        test()


# Commands


def commands() -> list[tuple[str, list[str]]]:
    """Return every command that a page shows, with where it stands."""
    return [
        (f"{block}: {line}", shlex.split(line, comments=True)[1:])
        for block in blocks("console")
        for line in block.text.splitlines()
        if line.startswith("$ ")
    ]


SHOWN = commands()


@pytest.mark.parametrize("words", [words for _, words in SHOWN], ids=[where for where, _ in SHOWN])
def test_a_command_can_be_given(words: list[str]) -> None:
    match words:
        case ["ehttpd", command, *rest] | ["python" | "python3", "-m", "ehttpd", command, *rest] if command in COMMANDS:
            module = importlib.import_module(f"ehttpd.commands.{command}")
            first = rest[:1] if rest[:1] and rest[0] in getattr(module, "WORDS", ()) else []
            assert module.make_parser().parse_args(rest[len(first) :], Namespace(given={}))
        case ["ehttpd", *rest] | ["python" | "python3", "-m", "ehttpd", *rest]:
            arguments = read_arguments(rest, "")
            assert Settings.from_sources(arguments.given)
            assert not arguments.application.startswith("examples/") or example(arguments.application).exists()
        case ["python" | "python3", "-m", module, *_]:
            assert importlib.util.find_spec(module)
        case ["python" | "python3", script, *flags]:
            assert script == "manage.py" or knows((ROOT / script).read_text("utf-8"), flags)
        case ["make", target, *_]:
            assert re.search(rf"^{target}:", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE)
        case _:
            pytest.fail(f"nobody checks {words[0]!r}")


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_a_file_of_settings_is_one(block: Block) -> None:
    values = tomllib.loads(block.text)
    assert Settings(**values.get("tool", {}).get("ehttpd", values))


@pytest.mark.parametrize("block", blocks("haproxy"), ids=str)
def test_a_configuration_of_haproxy_is_one(block: Block, tmp_path: Path) -> None:
    haproxy = shutil.which("haproxy") or pytest.skip("there is no haproxy")
    text = re.sub(r"/etc/ssl/\S+", lambda _: session_authority().pem_for(), block.text)
    (tmp_path / "haproxy.cfg").write_text(text)
    subprocess.run([haproxy, "-c", "-f", str(tmp_path / "haproxy.cfg")], check=True, capture_output=True)


def example(named: str) -> Path:
    """Return the file of an application that is named by its file."""
    return ROOT / named.partition(":")[0]


def knows(source: str, words: list[str]) -> bool:
    """Tell whether every flag among ``words`` is spelled out in a program."""
    return all(f'"{word}"' in source for word in words if word.startswith("-"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_flag_that_a_page_names_is_a_setting(page: Path) -> None:
    if page.name in ("benchmarks.md", "coming-from.md"):
        pytest.skip("its flags are not ours alone")
    table = Settings.declared().values()
    flags = {flag for entry in table for flag in (*entry.flags, *entry.aliases, entry.opposite)}
    flags |= {flag for stranger in STRANGERS for flag in stranger.flags} | {"--host", "--port"}
    flags |= {flag for command in completion.commands() for each in command.flags for flag in each.names}
    assert set(FLAG.findall(page.read_text("utf-8"))) <= flags


# Links and names


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_link_leads_to_a_file(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text("utf-8")) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_module_that_a_page_names_exists(page: Path) -> None:
    names = MODULE.findall(page.read_text("utf-8"))
    places = [ROOT, PACKAGE, PACKAGE / "http11", PACKAGE / "server", ROOT / "benchmarks"]
    ours = [name for name in names if name not in THEIRS]
    assert [name for name in ours if not any((place / name).exists() for place in places)] == []


def files_drawn(text: str) -> Iterator[str]:
    """Yield the path of each file in a drawn tree."""
    above: list[str] = []
    for branches, name in BRANCH.findall(text):
        above[len(branches) // 4 :] = [name]
        if name.endswith(".py"):
            yield "/".join(above)


def test_the_site_leads_to_every_page_once() -> None:
    navigation = (ROOT / "website" / "mkdocs.yml").read_text("utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"(\S+\.md)$", navigation, re.MULTILINE)) == sorted(
        page.name for page in (ROOT / "docs").glob("*.md")
    )


def test_the_house_is_drawn_as_it_stands() -> None:
    files = {str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py")}
    rooms = {file for file in files if not file.endswith("/__init__.py")}
    assert set(files_drawn(ARCHITECTURE.read_text("utf-8"))) == rooms


def leaves(kind: type[RequestRefused]) -> Iterator[type[RequestRefused]]:
    """Yield the classes below ``kind``."""
    for each in kind.__subclasses__():
        yield each
        yield from leaves(each)


def test_every_refusal_is_listed_for_authors_of_applications() -> None:
    page = (ROOT / "docs" / "wsgi.md").read_text("utf-8")
    statuses = {int(status) for status in re.findall(r"^\| (\d{3}) \|", page, re.MULTILINE)}
    refusals = [kind for kind in leaves(RequestRefused) if kind.__module__ == RequestRefused.__module__]
    assert statuses == {kind.status for kind in refusals}, "those of the toolkit are its handlers' business"


# docs/rfc.md

SHOWN_BY = re.compile(r"\[([^\]]+)\]\(\.\./(tests/[^)]+)\)")
SECTION = re.compile(
    r"^\| \[([0-9.]+)\]\(https://www\.rfc-editor\.org/rfc/rfc(\d+)#section-([0-9.]+)\) \| (\w+(?: not)?) \|"
)


def walked() -> list[str]:
    """Return the lines of docs/rfc.md that tell what a section asks."""
    page = (ROOT / "docs" / "rfc.md").read_text("utf-8")
    return [line for line in page.splitlines() if line.startswith("| [")]


def test_the_walk_through_the_rfcs_goes_from_section_to_section() -> None:
    found = [SECTION.match(line) for line in walked()]
    assert len(found) > 80
    places = [(each[2] == "9110", [int(part) for part in each[1].split(".")]) for each in found if each]
    assert len(places) == len(found)
    assert places == sorted(places)
    assert all(each and each[1] == each[3] and each[4] in ("must", "must not", "should", "may") for each in found)


@pytest.mark.parametrize("line", walked(), ids=lambda line: line.partition("]")[0][3:])
def test_each_step_of_the_walk_is_shown_by_a_case_or_a_test_of_that_name(line: str) -> None:
    shown_by = SHOWN_BY.findall(line)
    assert shown_by
    for name, path in shown_by:
        if path.endswith(".py"):
            assert f"def test_{name.replace(' ', '_')}(" in (ROOT / path).read_text("utf-8"), path
        else:
            assert path.removesuffix(".http").rpartition("/")[2] == name.replace(" ", "-")
            assert (ROOT / path).is_file()


# What is made from the table of states


def life_of_a_connection() -> str:
    """Return the picture and the list of states, as docs/architecture.md has them between its marks."""
    return "\n".join([*picture(), "", *states()]) + "\n"


def picture() -> Iterator[str]:
    yield "```mermaid"
    yield "stateDiagram-v2"
    yield f"    [*] --> {State.IDLE.value}"
    for state, steps in TRANSITIONS.items():
        for step, after in steps.items():
            if step is not Step.CLOSE:
                yield f"    {state.value} --> {after.value}: {step.value}"
    yield "```"


def states() -> Iterator[str]:
    yield "| state | bounded by | steps |"
    yield "| --- | --- | --- |"
    for state, steps in TRANSITIONS.items():
        bound = f"`{TIMEOUTS[state]}`" if state in TIMEOUTS else ""
        ways = "; ".join(f"{step.value} -> {after.value}" for step, after in steps.items())
        yield f"| {state.value} | {bound} | {ways} |"


# What is made from the tables of other servers


def flags_of(rival: Rival) -> str:
    """Return another server's flags in our words, as docs/coming-from.md has them between its marks."""
    rows = ["| there | here | |", "| --- | --- | --- |"]
    for row in rival.rows:
        here = row.ours.replace("{}", "…")
        written = f"`{here}`" if here else ""
        if here == APP:
            written = "APP, the first word"
        elif here.startswith(":"):
            written = f"behind APP: `{here}`"
        rows.append(f"| {', '.join(f'`{flag}`' for flag in row.names)} | {written} | {row.note} |")
    return "\n".join(["", *rows, ""]) + "\n"


def made(text: str, name: str) -> re.Match[str] | None:
    """Return the part of a page between the marks that are called ``name``."""
    return re.search(rf"(?<=<!-- {name} -->\n).*?(?=<!-- /{name} -->)", text, re.DOTALL)


LOGGING = ROOT / "docs" / "logging.md"
PARTS = [(ARCHITECTURE, "states", life_of_a_connection())]
PARTS += [(ROOT / "docs" / "coming-from.md", name, flags_of(rival)) for name, rival in RIVALS.items()]
PARTS += [(LOGGING, "formats", shown.formats()), (LOGGING, "atoms", shown.atoms())]


def test_what_is_written_behind_one_of_our_flags_is_shown_as_it_is_written() -> None:
    assert "| `--unix-socket` | `--bind unix:…` |" in flags_of(RIVALS["waitress"])


@pytest.mark.parametrize(("page", "name", "text"), PARTS, ids=[name for _, name, _ in PARTS])
def test_what_is_made_from_a_table_is_made_from_it(page: Path, name: str, text: str) -> None:
    found = made(page.read_text("utf-8"), name)
    assert found
    assert found[0] == text, "run: python -m tests.test_docs"


if __name__ == "__main__":
    for page, name, text in PARTS:
        before = page.read_text("utf-8")
        found = made(before, name)
        assert found
        page.write_text(before[: found.start()] + text + before[found.end() :], "utf-8")
