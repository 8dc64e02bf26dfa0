"""``ehttpd check`` tries what serving needs, and its exit code says what is wrong."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import pytest

from ehttpd.cli import main

HELLO = "def application(environ, start_response): ..."


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an application whose name nothing else has."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.delitem(sys.modules, "checked", raising=False)
    (tmp_path / "checked.py").write_text(HELLO)
    return tmp_path


def check(*words: str, capsys: pytest.CaptureFixture[str], command: str = "check") -> tuple[int, str]:
    code = main([command, *words] if command else list(words))
    return code, capsys.readouterr().out


def test_what_can_be_served_is_well(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    code, said = check("checked", "-b", "127.0.0.1:0", "-b", "unix:a.sock", "--access-log", "a.log", capsys=capsys)
    assert code == 0
    assert [" ".join(line.split()) for line in said.splitlines()][:3] == [
        "ok settings app (command line), bind (-b), access_log (--access-log)",
        "ok files access_log a.log",
        "ok application checked:application WSGI",
    ]
    assert said.endswith("All is well.\n")
    assert os.listdir(folder).count("a.sock") == 0, "what was tried is cleared away"


def test_a_flag_of_serving_is_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("checked", "-b", "127.0.0.1:0", "--check-config", capsys=capsys, command="")
    assert (code, said.endswith("All is well.\n")) == (0, True)


def test_every_wrong_setting_is_told_and_is_exit_code_2(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "ehttpd.toml").write_text("thread = 3\nbacklog = 'many'\n")
    code, said = check("checked", "--keep-alive", "soon", capsys=capsys)
    assert code == 2
    assert said.count("FAILED") == 3
    assert "ehttpd.toml:1: unknown setting 'thread'. Did you mean 'threads'?" in said


def test_a_variable_that_is_not_read_is_told(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EHTTPD_THREAD", "3")
    code, said = check("checked", "-b", "127.0.0.1:0", capsys=capsys)
    assert code == 0
    assert "EHTTPD_THREAD names no setting and is not read. Did you mean EHTTPD_THREADS?" in said


def test_a_file_may_call_a_setting_as_its_flags_do(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "ehttpd.toml").write_text("keep_alive = 3\n")
    code, said = check("checked", "-b", "127.0.0.1:0", capsys=capsys)
    assert code == 0
    assert "keep_alive_timeout (ehttpd.toml:1)" in said


@pytest.mark.parametrize("flag", ["--cert-reqs", "--ca-certs", "--keyfile-password-file", "--keyfile"])
def test_what_only_a_certificate_makes_true_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], folder: Path, flag: str
) -> None:
    words = ("checked", "-b", "127.0.0.1:0", flag, "required" if flag == "--cert-reqs" else "checked.py")
    code, said = check(*words, capsys=capsys)
    assert code == 2
    assert "certificate" in said
    assert main(list(words)) == 2
    assert "certificate" in capsys.readouterr().err


def test_what_changes_nothing_without_a_certificate_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("checked", "-b", "127.0.0.1:0", "--tls-min", "1.3", capsys=capsys)
    assert code == 0
    assert "tls_min changes nothing: without a certificate, no TLS is spoken" in said


def test_a_file_that_is_not_toml_is_told_in_one_line(capsys: pytest.CaptureFixture[str], folder: Path) -> None:
    (folder / "ehttpd.toml").write_text("threads = = 3\n")
    code, said = check("checked", capsys=capsys)
    assert code == 2
    assert "ehttpd.toml is not valid TOML: Invalid value (at line 1, column 11)." in said
    assert len(said.splitlines()) == 2


def test_a_format_that_is_none_is_told_though_there_is_no_access_log(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("checked", "-b", "127.0.0.1:0", "--access-log-format", "combind", capsys=capsys)
    assert code == 2
    assert "unknown format of the access log: 'combind'. Did you mean 'combined'?" in said


@pytest.mark.parametrize(
    "words", ["--bind localhost", "--bind :99999", "--bind unix:", "--port abc", "--admin :99999", "--bind https://a"]
)
def test_what_is_written_as_no_address_is_exit_code_2(capsys: pytest.CaptureFixture[str], words: str) -> None:
    code, said = check("checked", *words.split(), capsys=capsys)
    assert code == 2
    assert "must be " in said
    assert main(["checked", *words.split()]) == 2


def test_a_port_of_the_platform_that_is_none_is_told_by_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "abc")
    code, said = check("checked", capsys=capsys)
    assert code == 2
    assert "PORT: bind must be " in said


def test_an_unknown_flag_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert check("checked", "--bnd", ":1", capsys=capsys)[0] == 2


def test_an_import_that_fails_is_shown_whole_and_the_rest_is_tried(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    (folder / "checked.py").write_text("import not_installed_at_all")
    code, said = check("checked", "-b", "127.0.0.1:0", capsys=capsys)
    assert code == 3
    assert "Traceback (most recent call last):" in said
    assert "  ok      listen " in said


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--admin 192.0.2.1:9100", "FAILED  admin"),
        ("--user nobody-has-this-name", "FAILED  permissions"),
        ("--static /static=missing", "FAILED  files"),
        ("--certfile missing.pem", "FAILED  listen"),
        ("--access-log .", "FAILED  files"),
        ("--access-log syslog:missing", "FAILED  files"),
        ("--log-config missing.toml", "FAILED  logs"),
        ("--log-config checked.py", "FAILED  logs"),
        ("--statsd-host nowhere", "FAILED  settings"),
        ("--hooks missing", "FAILED  hooks"),
    ],
)
def test_what_else_serving_needs_is_tried(capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    code, report = check("checked", "-b", "127.0.0.1:0", *words.split(), capsys=capsys)
    assert code in (2, 3)
    assert said in report


def test_an_address_in_use_is_exit_code_3(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        code, said = check("checked", "-b", f"127.0.0.1:{listener.getsockname()[1]}", capsys=capsys)
    assert code == 3
    assert "FAILED  listen" in said


@pytest.mark.parametrize("flag", ["--bind", "--admin"])
def test_an_address_that_is_given_twice_is_exit_code_3(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
    code, said = check("checked", "-b", address, flag, address, capsys=capsys)
    assert code == 3
    assert f"  ok      listen        {address}" in said
    assert f"cannot listen on {address}: address already in use" in said


@pytest.mark.parametrize("words", ["--access-log missing/a.log", "--env-file missing", "--app-dir missing"])
def test_a_file_that_cannot_be_used_is_exit_code_3(capsys: pytest.CaptureFixture[str], words: str) -> None:
    code, said = check("checked.py", "-b", "127.0.0.1:0", *words.split(), capsys=capsys)
    assert code in (2, 3)
    assert "FAILED  files" in said


@pytest.mark.parametrize(
    "words", ["--access-log missing/a", "--error-log missing/a", "--pid missing/a", "--reload --reload-dir missing"]
)
def test_a_file_that_cannot_be_used_has_the_exit_code_of_serving(
    capsys: pytest.CaptureFixture[str], words: str
) -> None:
    code, said = check("checked", "-b", "127.0.0.1:0", *words.split(), capsys=capsys)
    assert (code, main(["checked", "-b", "127.0.0.1:0", *words.split()])) == (2, 2)
    assert "FAILED  files" in said


def test_folders_that_are_searched_as_well_may_be_separated_as_serving_takes_them(
    capsys: pytest.CaptureFixture[str], folder: Path
) -> None:
    for name in "a", "b":
        (folder / name).mkdir()
    code, said = check("checked", "-b", "127.0.0.1:0", "--pythonpath", "a,b", "--pythonpath", "c", capsys=capsys)
    assert code == 0
    assert "  note    files         pythonpath c: there is no such folder\n" in said
    assert "pythonpath a" not in said


def test_a_format_of_the_access_log_that_is_none_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = check("checked", "-b", ":0", "--access-log", "--access-log-format", "%(thred)s", capsys=capsys)
    assert code == 2
    assert "--access-log-format: unknown atom %(thred)s" in said
    assert "Did you mean %(thread)s?" in said
