"""Variables and the folder are as the settings say before an application is imported."""

from __future__ import annotations

import os
import sys
from contextlib import closing
from pathlib import Path

import pytest

from ehttpd.errors import OperatorError, SettingsError
from ehttpd.launch.surroundings import anchored, current_folder, folder_as_named, prepare_surroundings, variables_of
from ehttpd.settings import Given, Settings
from ehttpd.testing.certificates import Authority
from tests.server.tls.conftest import authority
from tests.test_cli import HELLO, folder, running

__all__ = ["authority", "folder"]

FILE = """\
# of the shop
DEBUG=1
export NAME = anna
QUOTED="two words\\n"   # with a comment
PLAIN='$as it is # all of it'
URL=http://a/#b
EMPTY=
"""


@pytest.mark.skipif(sys.platform == "win32", reason="nobody removes the folder of a process there")
def test_a_folder_that_was_removed_is_told_as_that(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    for ask in (current_folder, folder_as_named):
        with pytest.raises(OperatorError, match="has been removed"):
            ask()


@pytest.mark.skipif(sys.platform == "win32", reason="not everybody may make links there")
def test_the_folder_has_the_name_that_the_shell_has_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "release").mkdir()
    (tmp_path / "current").symlink_to("release")
    monkeypatch.chdir(tmp_path / "current")
    monkeypatch.setenv("PWD", str(tmp_path / "current"))
    assert folder_as_named() == str(tmp_path / "current")
    for other in (str(tmp_path), "current", str(tmp_path / "nothing"), ""):
        monkeypatch.setenv("PWD", other)
        assert folder_as_named() == str(tmp_path / "release")


def test_a_file_of_variables_is_read_line_by_line(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(FILE)
    assert variables_of(str(tmp_path / ".env")) == {
        "DEBUG": "1",
        "NAME": "anna",
        "QUOTED": "two words\n",
        "PLAIN": "$as it is # all of it",
        "URL": "http://a/#b",
        "EMPTY": "",
    }


def test_a_line_that_is_no_variable_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("A=1\nB C\n")
    with pytest.raises(SettingsError, match=r"\.env:2: not a variable: 'B C'"):
        variables_of(str(tmp_path / ".env"))


def test_a_flag_wins_over_the_environment_and_that_over_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "environ", {"BOTH": "environment", "ALL": "environment"})
    monkeypatch.setattr("ehttpd.launch.surroundings._before", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("BOTH=file\nALL=file\nONE=file\n")
    (tmp_path / "below").mkdir()
    prepare_surroundings(Settings(env_file=".env", env=["ALL=flag"], chdir="below"))
    assert dict(os.environ) == {"BOTH": "environment", "ALL": "flag", "ONE": "file"}
    assert Path.cwd() == tmp_path / "below"
    prepare_surroundings(Settings())
    assert dict(os.environ) == {"BOTH": "environment", "ALL": "environment"}


@pytest.mark.parametrize("values", [{"env_file": "missing"}, {"chdir": "missing"}])
def test_what_is_not_there_is_told(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="'missing': no such file or directory"):
        prepare_surroundings(Settings(**values))


@pytest.mark.parametrize("flags", [(), ("--supervise",)])
def test_files_are_where_they_were_when_an_application_has_gone_elsewhere(
    folder: Path, authority: Authority, flags: tuple[str, ...]
) -> None:
    (folder / "shop.py").write_text(f"import os\nos.chdir('/')\n{HELLO}")
    (folder / "shop.pem").write_text(Path(authority.pem_for()).read_text())
    (folder / "public").mkdir()
    (folder / "public" / "a").write_text("of a file")
    words = ("-b", "http://127.0.0.1:0", "-b", "unix:shop.sock", "--certfile", "shop.pem", "--static", "/p=public")
    with running("shop", *words, *flags) as server, closing(server.connect()) as client:
        client.request("GET", "/p/a")
        assert client.getresponse().read() == b"of a file"
        assert (folder / "shop.sock").is_socket()
        server.process.terminate()
        assert server.process.wait() == 0
    assert not (folder / "shop.sock").exists()


def test_names_of_files_that_are_opened_later_hold_whatever_the_folder_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    given = {"certfile": Given(["a.pem", "/b.pem"], "--certfile"), "ca_certs": Given("c.pem", "ehttpd.toml")}
    settings = anchored(Settings.from_sources(given))
    assert list(settings.certfile) == [f"{tmp_path}/a.pem", "/b.pem"]
    assert (settings.ca_certs, settings.origin("ca_certs")) == (f"{tmp_path}/c.pem", "ehttpd.toml")
    assert settings.keyfile_password_file == ""
