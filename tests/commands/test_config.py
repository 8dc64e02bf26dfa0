"""``ehttpd config`` shows each setting with its origin, and what it prints is a file of settings."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from ehttpd.cli import main
from ehttpd.settings import Settings


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EHTTPD_BACKLOG", "7")
    monkeypatch.setenv("PORT", "5000")
    (tmp_path / "pyproject.toml").write_text("[tool.ehttpd]\nkeep_alive_timeout = '70s'\nbacklog = 8\n")
    return tmp_path


def config(*words: str, capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["config", *words]) == 0
    return capsys.readouterr().out


def test_each_value_has_its_origin(capsys: pytest.CaptureFixture[str]) -> None:
    lines = [" ".join(line.split()) for line in config("shop", "--threads", "2:4", capsys=capsys).splitlines()]
    assert 'app = "shop" # command line' in lines
    assert 'threads = "2:4" # --threads' in lines
    assert "backlog = 7 # EHTTPD_BACKLOG" in lines
    assert 'keep_alive_timeout = "70s" # pyproject.toml:2' in lines
    assert 'bind = ["0.0.0.0:5000"] # PORT' in lines
    assert 'limit_request_head = "64k" # default' in lines


def test_what_is_printed_is_a_file_of_the_same_settings(capsys: pytest.CaptureFixture[str]) -> None:
    values = tomllib.loads(config("shop", "--header", 'X-A:"é"'.replace("é", "e"), "--reload", capsys=capsys))
    settings = Settings(**values)
    assert settings == Settings(
        app="shop", backlog=7, keep_alive_timeout=70, bind=["0.0.0.0:5000"], header=['X-A:"e"'], reload=True
    )


def test_every_character_can_be_read_back(capsys: pytest.CaptureFixture[str]) -> None:
    odd = "A=" + "".join(map(chr, range(1, 256)))
    assert tomllib.loads(config("shop", "--env", odd, capsys=capsys))["env"] == [odd]


def test_programs_read_it_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    table = json.loads(config("--json", "--no-date-header", capsys=capsys))
    assert list(table) == list(Settings.declared())
    assert table["keep_alive_timeout"] == {"value": 70.0, "origin": "pyproject.toml:2"}
    assert table["date_header"] == {"value": False, "origin": "--no-date-header"}
    assert table["threads"] == {"value": "1:32", "origin": "default"}


def test_a_flag_of_serving_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    shown = config("shop", capsys=capsys)
    assert main(["shop", "--print-config"]) == 0
    assert capsys.readouterr().out == shown
