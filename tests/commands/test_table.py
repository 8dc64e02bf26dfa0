"""The table of commands, and how the first word finds one."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import pytest

from ehttpd.cli import main
from ehttpd.commands import COMMANDS

PLACE = Path(__file__).parent.parent.parent / "ehttpd" / "commands"


def test_every_command_has_a_module() -> None:
    assert {file.stem for file in PLACE.glob("[!_]*.py")} >= set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_a_parser_and_a_sentence(name: str) -> None:
    assert import_module(f"ehttpd.commands.{name}").make_parser()
    assert COMMANDS[name].endswith(".")


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    page = capsys.readouterr().out
    for name, sentence in COMMANDS.items():
        assert f"  ehttpd {name} " in page
        assert sentence in page


@pytest.mark.parametrize("words", ["ctl dance", "ctl stop --now", "status --jsn", "top --interval soon"])
def test_wrong_words_of_a_command_lead_to_its_own_page_of_help(words: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words.split()) == 2
    assert capsys.readouterr().err.endswith(f"\n  See ehttpd {words.split()[0]} --help.\n")


def test_a_word_that_is_nearly_a_command_is_told(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    assert main(["rum"]) == 3
    assert "  Did you mean the command? ehttpd run\n" in capsys.readouterr().err


def test_a_module_that_fails_is_not_taken_for_a_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "runs.py").write_text("1 / 0")
    assert main(["runs"]) == 3
    said = capsys.readouterr().err.splitlines()
    assert said[:2] == ["ehttpd: importing 'runs' failed in its own code:", "    runs.py:1  1 / 0"]


def test_run_serves_a_module_that_is_called_like_a_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "run:"]) == 2, "the second one is an application"
    assert "'run:' does not name an application" in capsys.readouterr().err
