"""``ehttpd static`` serves a folder: in parts, with entity tags, with lists that nothing breaks out of."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import pytest

from ehttpd.cli import main
from tests.running import PATIENCE, running


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, int]]:
    folder = tmp_path_factory.mktemp("site")
    (folder / "page.txt").write_text("0123456789")
    (folder / "<b>&'.txt").write_text("odd")
    (folder / ".secret").write_text("secret")
    (folder / "docs").mkdir()
    (folder / "docs" / "index.html").write_text("<h1>Index</h1>")
    with running(sys.executable, "-m", "ehttpd", "static", str(folder), "--bind", "fd:{fd}") as served:
        yield served


def ask(address: tuple[str, int], target: str, **headers: str) -> tuple[HTTPResponse, str]:
    with closing(HTTPConnection(*address, timeout=PATIENCE)) as client:
        client.request("GET", target, headers={name.replace("_", "-"): value for name, value in headers.items()})
        answer = client.getresponse()
        return answer, answer.read().decode()


@pytest.mark.shared_server
def test_a_file_is_served_whole_in_parts_and_not_again(address: tuple[str, int]) -> None:
    answer, body = ask(address, "/page.txt")
    assert (answer.version, answer.status, body) == (11, 200, "0123456789")
    part, body = ask(address, "/page.txt", Range="bytes=2-4")
    assert (part.status, part.headers["Content-Range"], body) == (206, "bytes 2-4/10", "234")
    assert ask(address, "/page.txt", If_None_Match=answer.headers["ETag"])[0].status == 304


@pytest.mark.shared_server
def test_a_folder_is_its_index_or_a_list_with_every_name_escaped(address: tuple[str, int]) -> None:
    assert ask(address, "/docs/")[1] == "<h1>Index</h1>"
    page = ask(address, "/")[1]
    assert "&lt;b&gt;&amp;&#x27;.txt</a>" in page
    assert "secret" not in page
    assert ask(address, "/.secret")[0].status == 404
    assert ask(address, "/%2e%2e/etc/passwd")[0].status == 404


def test_what_is_no_folder_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["static", "/no/such/folder"]) == 2
    assert "'/no/such/folder' is not a folder" in capsys.readouterr().err


def test_what_one_process_does_not_do_is_refused_and_not_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["static", str(tmp_path), "--user", "nobody", "--workers", "4", "--bind", "127.0.0.1:0"]) == 2
    assert "--workers, --user: not for ehttpd static" in capsys.readouterr().err


def test_the_pid_file_is_written(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    words = ("static", str(tmp_path), "--bind", "fd:{fd}", "--pid", str(pid))
    with running(sys.executable, "-m", "ehttpd", *words) as served:
        assert f'<a href="./{pid.name}">' in ask(served, "/")[1]


def test_the_help_page_is_about_folders() -> None:
    command = [sys.executable, "-m", "ehttpd", "static", "--help"]
    page = subprocess.run(command, capture_output=True, text=True, check=True)
    assert page.stdout.startswith("usage: ehttpd static [DIR] [flags]")
