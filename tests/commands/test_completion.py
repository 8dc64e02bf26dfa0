"""Shells complete our words: asked in the shells themselves, where they are installed."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ehttpd.cli import main
from ehttpd.commands import COMMANDS
from ehttpd.commands.completion import SHELLS, commands
from ehttpd.settings import Settings


def script(shell: str) -> str:
    return "\n".join(SHELLS[shell](commands())) + "\n"


def program(shell: str) -> str:
    return shutil.which(shell) or pytest.skip(f"there is no {shell}")


def completed(*words: str) -> list[str]:
    """Ask bash for what may stand in place of the last word."""
    asked = f"""
        {script("bash")}
        COMP_WORDS=({" ".join(f"'{word}'" for word in words)}); COMP_CWORD={len(words) - 1}
        _ehttpd; printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    answer = subprocess.run([program("bash"), "--norc", "-euc", asked], capture_output=True, text=True, check=True)
    return answer.stdout.split()


def test_bash_completes_commands_and_their_flags() -> None:
    assert set(completed("ehttpd", "")) == set(COMMANDS)
    assert completed("ehttpd", "tr") == ["translate"]
    assert "--keep-alive" in completed("ehttpd", "shop:app", "--keep")
    assert "--no-listing" in completed("ehttpd", "static", "--no-")
    assert completed("ehttpd", "config", "--js") == ["--json"]


def test_bash_completes_values_that_are_one_of_a_few() -> None:
    assert completed("ehttpd", "completion", "") == ["bash", "zsh", "fish"]
    assert completed("ehttpd", "shop", "--log-level", "d") == ["debug"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_shell_can_read_its_script(shell: str, tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script(shell))
    subprocess.run([program(shell), "-n", str(tmp_path / "script")], check=True, capture_output=True)


def test_fish_completes_in_fish(tmp_path: Path) -> None:
    (tmp_path / "script").write_text(script("fish"))
    asked = f"source {tmp_path}/script; complete -C 'ehttpd trans'; complete -C 'ehttpd config --js'"
    answer = subprocess.run(
        [program("fish"), "--no-config", "-c", asked], capture_output=True, text=True, check=True,
        env={"HOME": str(tmp_path), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    assert [line.split("\t")[0] for line in answer.stdout.splitlines()] == ["translate", "--json"]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_every_setting_is_there(shell: str) -> None:
    text = script(shell)
    for entry in Settings.declared().values():
        assert entry.flag.lstrip("-") in text


def test_the_command_prints_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    assert capsys.readouterr().out == script("bash")
    assert main(["completion", "tcsh"]) == 2
    assert sys.argv
