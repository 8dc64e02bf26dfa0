"""Variables and the folder are as the settings say before an application is imported."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.surroundings import prepare_surroundings, variables_of
from ehttpd.settings import Settings

FILE = """\
# of the shop
DEBUG=1
export NAME = anna
QUOTED="two words\\n"   # with a comment
PLAIN='$as it is # all of it'
URL=http://a/#b
EMPTY=
"""


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
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("BOTH=file\nALL=file\nONE=file\n")
    (tmp_path / "below").mkdir()
    prepare_surroundings(Settings(env_file=".env", env=["ALL=flag"], chdir="below"))
    assert dict(os.environ) == {"BOTH": "environment", "ALL": "flag", "ONE": "file"}
    assert Path.cwd() == tmp_path / "below"


@pytest.mark.parametrize("values", [{"env_file": "missing"}, {"chdir": "missing"}])
def test_what_is_not_there_is_told(values: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="'missing': no such file or directory"):
        prepare_surroundings(Settings(**values))
