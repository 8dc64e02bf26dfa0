"""Every setting is read, checked and explained as its one declaration says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.settings import Addresses, Bytes, Given, Seconds, Settings, Threads

ROOT = Path(__file__).parent.parent


def refused(**values: object) -> str:
    with pytest.raises(SettingsError) as caught:
        Settings(**values)
    return str(caught.value)


def test_defaults_hold_where_nothing_is_given() -> None:
    settings = Settings()
    assert settings.bind == ("127.0.0.1:8000",)
    assert settings.threads == Threads(1, 32)
    assert settings.keep_alive_timeout == 5.0
    assert settings.limit_request_head == 65536
    assert settings.access_log == ""


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("30", 30.0), ("0.5", 0.5), ("500ms", 0.5), ("2m", 120.0), ("1h", 3600.0), ("3 s", 3.0), (7, 7.0), (0.05, 0.05)],
)
def test_durations_are_seconds_or_end_in_a_unit(written: object, seconds: float) -> None:
    assert Settings(keep_alive_timeout=written).keep_alive_timeout == seconds


@pytest.mark.parametrize(
    ("written", "size"),
    [
        ("8190", 8190),
        ("64k", 65536),
        ("64KiB", 65536),
        ("1kb", 1024),
        ("1M", 1 << 20),
        ("10 MB", 10 << 20),
        ("2g", 2 << 30),
        (5, 5),
        ("1.5k", 1536),
    ],
)
def test_sizes_are_bytes_or_end_in_a_unit(written: object, size: int) -> None:
    assert Settings(limit_request_body=written).limit_request_body == size


@pytest.mark.parametrize(
    ("written", "threads"),
    [
        (16, Threads(1, 16)),
        ("16", Threads(1, 16)),
        ("4:8", Threads(4, 8)),
        ((4, 8), Threads(4, 8)),
        ([4, 8], Threads(4, 8)),
        (Threads(2, 3), Threads(2, 3)),
    ],
)
def test_threads_are_a_number_or_a_range(written: object, threads: Threads) -> None:
    assert Settings(threads=written).threads == threads


@pytest.mark.parametrize("written", [":8000", "127.0.0.1:1, unix:/a", ["127.0.0.1:1", "unix:/a"], ("fd:3",)])
def test_addresses_are_one_text_or_several(written: str | list[str]) -> None:
    expected = written.replace(",", "").split() if isinstance(written, str) else written
    assert list(Settings(bind=written).bind) == list(expected)


@pytest.mark.parametrize(("written", "on"), [(True, 1), ("on", 1), ("no", 0), ("1", 1), (0, 0), ("", 0), ("True", 1)])
def test_a_switch_is_on_or_off(written: object, on: int) -> None:
    assert Settings(reload=written).reload == on


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("reload", "perhaps"),
        ("reload", 2),
        ("env", "A"),
        ("env", ["1=A"]),
        ("header", "X"),
        ("header", "X: a\r\nY: b"),
        ("header", "X Y: a"),
        ("header", "Content-Length: 1"),
        ("pythonpath", 3),
        ("static", "static=public"),
        ("static", "/static"),
        ("threads", 0),
        ("threads", "8:4"),
        ("threads", True),
        ("threads", 1.5),
        ("threads", "1:2:3"),
        ("keep_alive_timeout", -1),
        ("keep_alive_timeout", "-1"),
        ("keep_alive_timeout", "5 minutes"),
        ("keep_alive_timeout", float("nan")),
        ("keep_alive_timeout", float("inf")),
        ("keep_alive_timeout", False),
        ("backlog", 0),
        ("backlog", "1k"),
        ("limit_request_line", "0.5"),
        ("limit_request_body", "1e3"),
        ("limit_request_body", "64ki"),
        ("limit_request_body", "64b"),
        ("thread_stack_size", "31k"),
        ("thread_stack_size", 256),
        ("bind", []),
        ("bind", ""),
        ("bind", 8000),
        ("bind", ["127.0.0.1:1", ""]),
        ("bind", "localhost"),
        ("bind", "127.0.0.1:65536"),
        ("bind", "unix:"),
        ("bind", "unix:/a\0b"),
        ("bind", "fd:"),
        ("admin", ":65536"),
        ("statsd_host", "localhost"),
        ("log_level", "loud"),
        ("server_header", "a\r\nSet-Cookie: b"),
        ("access_log", 1),
    ],
)
def test_a_value_of_the_wrong_type_or_out_of_bounds_is_refused_by_name(name: str, value: object) -> None:
    message = refused(**{name: value})
    assert message.startswith(f"{name} must be ")
    assert message.endswith(f"not {value!r}.")


def test_an_unknown_name_is_refused_with_the_nearest_one() -> None:
    assert refused(keepalive_timeout=5) == "unknown setting 'keepalive_timeout'. Did you mean 'keep_alive_timeout'?"
    assert refused(colour="blue") == "unknown setting 'colour'."


def test_a_setting_is_called_as_its_flags_are_and_none_is_its_default() -> None:
    settings = Settings(keep_alive=7, limit_body=None, min_rate="1k")
    found = [settings.keep_alive_timeout, settings.limit_request_body, settings.minimum_rate]
    assert found == [Seconds(7), Bytes(0), Bytes(1024)]
    strong, weak = {"keep_alive_timeout": Given(1, "--keep-alive")}, {"keep_alive": Given(2, "ehttpd.toml")}
    assert Settings.from_sources(strong, weak).keep_alive_timeout == Seconds(1)
    assert Settings.from_sources(weak, strong).origin("keep_alive_timeout") == "ehttpd.toml"


def test_the_stronger_source_wins_and_is_remembered() -> None:
    flags = {"threads": Given("4", "--threads")}
    file = {"threads": Given(8, "pyproject.toml:3"), "backlog": Given(9, "pyproject.toml:4")}
    settings = Settings.from_sources(flags, file)
    assert (settings.threads, settings.origin("threads")) == (Threads(1, 4), "--threads")
    assert (settings.backlog, settings.origin("backlog")) == (9, "pyproject.toml:4")
    assert settings.origin("queue_limit") == "default"
    assert Settings(backlog=3).origin("backlog") == "argument"


def test_a_refusal_names_the_source() -> None:
    with pytest.raises(SettingsError, match=r"^EHTTPD_BACKLOG: backlog must be at least 1, not '0'\.$"):
        Settings.from_sources({"backlog": Given("0", "EHTTPD_BACKLOG")})
    with pytest.raises(SettingsError, match=r"^pyproject.toml:31: unknown setting 'thread'. Did you mean 'threads'\?$"):
        Settings.from_sources({"thread": Given(1, "pyproject.toml:31")})


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("workers", "1025", "at most 1024"),
        ("backlog", "2147483648", "at most 2147483647"),
        ("thread_stack_size", "2g", "0, or a size from 32k to 1g"),
        ("drain_delay", "99999999999", "a duration of at most 100000000 seconds"),
    ],
)
def test_what_is_more_than_any_system_has_is_refused(name: str, value: str, expected: str) -> None:
    with pytest.raises(SettingsError, match=f"{name} must be {expected}"):
        Settings(**{name: value})


def test_a_copy_with_other_values_keeps_the_rest() -> None:
    settings = Settings.from_sources({"backlog": Given(9, "--backlog")}).replace(threads=2)
    assert (settings.backlog, settings.origin("backlog"), settings.threads) == (9, "--backlog", Threads(1, 2))


def test_settings_cannot_be_changed() -> None:
    settings = Settings()
    with pytest.raises(AttributeError, match="backlog"):
        settings.backlog = 3  # type: ignore[assignment]
    with pytest.raises(AttributeError, match="minimum"):
        settings.threads.minimum = 3


def test_equal_settings_are_equal_and_show_what_was_given() -> None:
    assert Settings(threads=32) == Settings()
    assert hash(Settings(threads=32)) == hash(Settings())
    assert Settings(threads=4) != Settings()
    assert repr(Settings(threads=4, backlog=3)) == "Settings(threads=Threads(1, 4), backlog=3)"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (Seconds(5), "5s"),
        (Seconds(0.5), "500ms"),
        (Seconds(0), "0s"),
        (Bytes(65536), "64k"),
        (Bytes(8190), "8190"),
        (Bytes(0), "0"),
        (Bytes(3 << 30), "3g"),
        (Threads(1, 32), "1:32"),
        (Addresses(("a:1", "b:2")), "a:1, b:2"),
    ],
)
def test_a_value_is_written_as_an_operator_would_and_can_be_read_again(
    value: Seconds | Bytes | Threads | Addresses, written: str
) -> None:
    assert value.written() == written
    assert type(value).read(written) == value


def test_every_declaration_is_a_sentence_in_a_section_with_a_default_that_it_accepts() -> None:
    for name, entry in Settings.declared().items():
        assert entry.name == name
        assert entry.section
        assert entry.sentence.endswith(".")
        assert entry.read(entry.default) == entry.default
        assert entry.read(entry.default.written()) == entry.default


def test_no_two_settings_share_a_flag() -> None:
    flags = [flag for entry in Settings.declared().values() for flag in entry.flags]
    assert len(flags) == len(set(flags))


def test_importing_the_settings_imports_nothing_dear() -> None:
    script = "import sys, ehttpd.settings; print(*sys.modules)"
    process = subprocess.run([sys.executable, "-S", "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert not {"dataclasses", "inspect", "argparse", "tomllib", "typing", "logging"} & set(process.stdout.split())
