"""The command line is taken apart, and its help page comes from the table."""

from __future__ import annotations

import re

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.arguments import read_arguments
from ehttpd.launch.strangers import STRANGERS
from ehttpd.settings import Settings, Switch, Threads

# What is no default but a value that the setting takes.
SAMPLES = {
    "static": "/a=b",
    "url_scheme": "https",
    "forwarded_allow_ips": "10.0.0.0/8",
    "umask": "027",
    "admin": ":9100",
    "statsd_host": "127.0.0.1:8125",
    "env": "A=1",
    "header": "X-Served-By:web1",
}


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
            value = [] if entry.unit is Switch else [SAMPLES.get(entry.name) or entry.default.written() or "/a"]
            given = read_arguments(["shop", flag, *value], "").given
            assert list(given) == list(dict.fromkeys([entry.name, "app"]))
            assert Settings.from_sources(given).origin(entry.name) in (flag, "command line")


def test_every_alias_of_the_table_is_understood() -> None:
    for entry in Settings.declared().values():
        for flag, template in entry.aliases.items():
            words = [flag, "7"] if "{}" in template else [flag]
            assert Settings.from_sources(read_arguments(words, "").given).origin(entry.name) == flag


@pytest.mark.parametrize(
    ("words", "bind"),
    [
        ("--host 0.0.0.0 --port 80", ("0.0.0.0:80",)),
        ("--host ::1", ("[::1]:8000",)),
        ("--port 80", ("127.0.0.1:80",)),
        ("-b :1 --port 80", (":1", "127.0.0.1:80")),
        ("--uds /run/a --fd 3", ("unix:/run/a", "fd:3")),
    ],
)
def test_addresses_may_be_written_as_other_servers_have_them(words: str, bind: tuple[str, ...]) -> None:
    assert read(words).bind == bind


@pytest.mark.parametrize(
    ("words", "admin"),
    [
        ("--metrics", "127.0.0.1:9090"),
        ("--metrics --metrics-port 9999", "127.0.0.1:9999"),
        ("--metrics --metrics-address ::", "[::]:9090"),
        ("--metrics --no-metrics --admin :9100", "127.0.0.1:9100"),
        ("--no-metrics", ""),
    ],
)
def test_metrics_may_be_asked_for_as_granian_has_them(words: str, admin: str) -> None:
    assert read(words).admin == admin


def test_a_duration_that_another_server_has_in_milliseconds_is_read_as_such() -> None:
    assert read("--http1-header-read-timeout 300").header_timeout == 0.3


def test_a_switch_is_turned_on_and_off() -> None:
    assert read("--reload").reload
    assert not read("--reload --no-reload").reload
    assert not read("--no-date-header").date_header


def test_a_log_needs_no_file_to_be_named() -> None:
    assert read("shop --access-log").access_log == "-"
    assert read("shop --access-log --no-access-log").access_log == ""


def test_what_loses_nothing_is_noted_and_the_rest_is_refused_with_a_tip() -> None:
    assert read_arguments(["-k", "gthread"], "").notes[0].startswith("-k gthread: there is one kind of worker")
    assert read_arguments(["--interface", "wsgi"], "").notes == []
    with pytest.raises(SettingsError, match=r"^-k gevent is not for ehttpd") as caught:
        read_arguments(["-k", "gevent"], "")
    assert "--threads" in caught.value.cure
    with pytest.raises(SettingsError, match=r"^--daemon is not for ehttpd") as caught:
        read_arguments(["--daemon"], "")
    assert "ehttpd init systemd" in caught.value.cure


def test_no_flag_stands_for_two_things() -> None:
    flags = [flag for entry in Settings.declared().values() for flag in (*entry.flags, *entry.aliases)]
    flags += [flag for stranger in STRANGERS for flag in stranger.flags]
    assert sorted(flags) == sorted(set(flags))


def test_wrong_usage_is_told_with_what_was_meant() -> None:
    assert refused("shop --thread 3") == "unknown flag '--thread'. Did you mean --threads?"
    assert refused("shop --bnd=:1") == "unknown flag '--bnd=:1'. Did you mean --bind?"
    assert refused("shop stall") == "one application at a time: 'shop' and 'stall' are two."
    assert refused("shop --threads") == "argument --threads: expected one argument."


def test_help_shows_every_section_and_setting_and_no_alias(capsys: pytest.CaptureFixture[str]) -> None:
    page = help_page(capsys)
    for entry in Settings.declared().values():
        assert f"\n{entry.section}:\n" in page
        assert re.search(rf"\s{entry.flag}\b", page) or entry.opposite in page
    assert "--listen" not in page


def test_help_fits_a_small_terminal(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert max(map(len, help_page(capsys).splitlines())) <= 80


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        read_arguments(["--version"], "ehttpd 1.2.3")
    assert (ended.value.code, capsys.readouterr().out) == (0, "ehttpd 1.2.3\n")
