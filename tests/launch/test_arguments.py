"""The command line is taken apart, and its help page comes from the table."""

from __future__ import annotations

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.arguments import read_arguments
from ehttpd.settings import Settings, Threads


def read(words: str) -> Settings:
    return Settings.from_sources(read_arguments(words.split(), "").given)


def refused(words: str) -> str:
    with pytest.raises(SettingsError) as caught:
        read_arguments(words.split(), "")
    return str(caught.value)


def help_page(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as ended:
        read_arguments(["--help"], "")
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_application_stands_before_or_after_the_flags() -> None:
    assert read_arguments(["shop:app", "--threads", "4"], "").application == "shop:app"
    assert read_arguments(["--threads", "4", "shop:app"], "").application == "shop:app"


def test_a_value_remembers_its_flag() -> None:
    settings = read("shop --threads 2:4 --listen :1")
    assert (settings.threads, settings.origin("threads")) == (Threads(2, 4), "--threads")
    assert settings.origin("bind") == "--listen"


def test_addresses_add_up_and_of_other_settings_the_last_one_holds() -> None:
    settings = read("shop -b :1 --bind unix:/a --listen=fd:3 --backlog 1 --backlog 2")
    assert settings.bind == (":1", "unix:/a", "fd:3")
    assert settings.backlog == 2


@pytest.mark.parametrize(("words", "value"), [("--access-log -", "-"), ("--access-log=a.log", "a.log")])
def test_the_standard_output_is_a_dash(words: str, value: str) -> None:
    assert read(f"shop {words}").access_log == value


def test_every_flag_of_the_table_is_understood() -> None:
    for entry in Settings.declared().values():
        for flag in entry.flags:
            given = read_arguments([flag, entry.default.written() or "-", "shop"], "").given
            assert list(given) == [entry.name]


def test_wrong_usage_is_told_with_what_was_meant() -> None:
    assert refused("") == "name the application to serve, such as module:attribute."
    assert refused("shop --thread 3") == "unknown flag '--thread'. Did you mean --threads?"
    assert refused("shop --bnd=:1") == "unknown flag '--bnd=:1'. Did you mean --bind?"
    assert refused("shop stall") == "one application at a time: 'shop' and 'stall' are two."
    assert refused("shop --threads") == "argument --threads: expected one argument."


def test_help_shows_every_section_and_setting_and_no_alias(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_page(capsys)
    for entry in Settings.declared().values():
        assert f"\n{entry.section}:\n" in page
        assert f" {entry.flag} {entry.unit.metavar}" in page
    assert "--listen" not in page


def test_help_fits_a_small_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, help_page(capsys).splitlines())) <= 80


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(["--version"], "ehttpd 1.2.3")
    assert (ended.value.code, capsys.readouterr().out) == (0, "ehttpd 1.2.3\n")
