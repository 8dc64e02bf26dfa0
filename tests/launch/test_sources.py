"""Settings are found in the environment and in files, with the place they came from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.sources import from_environment, from_files, from_platform, line_of, unread
from ehttpd.settings import Given


def shown(given: dict[str, Given]) -> dict[str, tuple[object, str]]:
    return {name: (each.value, each.origin) for name, each in given.items()}


def test_variables_of_settings_are_taken_and_others_are_left_alone() -> None:
    environment = {"EHTTPD_THREADS": "4", "EHTTPD_SERVICE_HOST": "10.0.0.1", "THREADS": "5"}
    assert shown(from_environment(environment)) == {"threads": ("4", "EHTTPD_THREADS")}


def test_no_file_gives_nothing(tmp_path: Path) -> None:
    assert from_files(str(tmp_path)) == {}


def test_a_table_in_pyproject_is_read_with_its_lines(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[other]\nthreads = 1\n\n[tool.ehttpd]\nbind = [":1"]\nthreads = 4\n')
    assert shown(from_files(str(tmp_path))) == {
        "bind": ([":1"], "pyproject.toml:5"),
        "threads": (4, "pyproject.toml:6"),
    }


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("EHTTPD_THREAD", "4", "Did you mean EHTTPD_THREADS?"),
        ("EHTTPD_KEEP_ALIVE", "4", "Did you mean EHTTPD_KEEP_ALIVE_TIMEOUT?"),
        ("EHTTPD_CONFIG", "/nofile", "Name a file of settings with --config FILE."),
        ("EHTTPD_PORT", "80", ""),
        ("EHTTPD_PORT", "tcp://10.0.0.1:80", None),
        ("EHTTPD_PORT_80_TCP_ADDR", "10.0.0.1", None),
        ("EHTTPD_SERVICE_PORT_HTTP", "80", None),
        ("EHTTPD_SUCCEEDS", "{}", None),
        ("EHTTPD_THREADS", "4", None),
        ("OTHER_THREAD", "4", None),
    ],
)
def test_a_variable_that_names_no_setting_is_told_unless_a_platform_makes_it(
    variable: str, value: str, said: str | None
) -> None:
    sentence = f"{variable} names no setting and is not read. {said}".rstrip()
    assert unread({variable: value}) == ([sentence] if said is not None else [])


@pytest.mark.parametrize(
    "text",
    [
        "tool.ehttpd.threads = 4",
        "[tool]\nehttpd.threads = 4",
        "[tool]\nehttpd = {threads = 4}",
        "[ tool . ehttpd ]\nthreads = 4",
        '[tool."ehttpd"]\nthreads = 4',
        "tool = {ehttpd = {threads = 4}}",
        "tool = {'ehttpd' = {threads = 4}}",
        "\ufeff[tool.ehttpd]\nthreads = 4",
    ],
)
def test_every_spelling_of_the_table_is_read(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text, encoding="utf-8")
    assert shown(from_files(str(tmp_path)))["threads"][0] == 4


def test_a_pyproject_that_only_depends_on_us_is_not_parsed(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('dependencies = ["ehttpd>=0.1", "ehttpd[ws]"]\nno TOML')
    assert from_files(str(tmp_path)) == {}


@pytest.mark.parametrize("header", ["[tool.ehttpd]", "[ tool . ehttpd ]", "[tool.'ehttpd'] # ours"])
def test_a_line_is_looked_for_in_its_table_only(header: str) -> None:
    text = f"[a]\nthreads = 1\n{header}\n'threads' = 2\n[b]\nbacklog = 1\n"
    assert line_of("threads", text, ("tool", "ehttpd")) == ":4"
    assert line_of("backlog", text, ("tool", "ehttpd")) == ""


def test_two_names_of_one_setting_may_not_have_two_values_in_one_file(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ehttpd]\nkeep_alive = 9\n")
    (tmp_path / "ehttpd.toml").write_text("keep_alive = 5\nkeep-alive = 5\n")
    assert shown(from_files(str(tmp_path))) == {"keep_alive_timeout": (5, "ehttpd.toml:1")}
    (tmp_path / "ehttpd.toml").write_text("keep_alive = 5\nkeep-alive = 6\n")
    with pytest.raises(SettingsError) as caught:
        from_files(str(tmp_path))
    assert str(caught.value) == (
        "ehttpd.toml:2: keep-alive is the setting keep_alive_timeout, which has another value at ehttpd.toml:1."
    )


def test_what_is_no_number_is_not_another_value_of_itself(tmp_path: Path) -> None:
    (tmp_path / "ehttpd.toml").write_text("threads = nan\n")
    assert from_files(str(tmp_path))["threads"].origin == "ehttpd.toml:1"


@pytest.mark.parametrize(
    "text", ["[project]\nname = 'a'", "[tool.black]\n", "# [tool.ehttpd]\n", "no TOML, but none of ours"]
)
def test_a_pyproject_without_the_table_gives_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "pyproject.toml").write_text(text)
    assert from_files(str(tmp_path)) == {}


def test_a_file_of_our_own_wins_over_pyproject(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text("[tool.ehttpd]\nthreads = 4\nbacklog = 5\n")
    (tmp_path / "ehttpd.toml").write_text("threads = 8\n")
    assert shown(from_files(str(tmp_path))) == {"threads": (8, "ehttpd.toml:1"), "backlog": (5, "pyproject.toml:3")}


@pytest.mark.parametrize(
    ("name", "content"),
    [("ehttpd.toml", b"threads 8"), ("ehttpd.toml", b"\xff"), ("pyproject.toml", b"[tool]\nehttpd = 3")],
)
def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(SettingsError, match=f"^{name}"):
        from_files(str(tmp_path))


def test_what_a_platform_says_is_read_from_variables_of_its_own() -> None:
    assert shown(from_platform({"PORT": "5000"})) == {"bind": ("0.0.0.0:5000", "PORT")}
    assert from_platform({"PORT": ""}) == {}


def test_a_file_that_is_named_is_read_in_place_of_ours(tmp_path: Path) -> None:
    (tmp_path / "ehttpd.toml").write_text("threads = 8\n")
    (tmp_path / "other.toml").write_text("backlog = 9\n")
    assert shown(from_files(str(tmp_path), "other.toml")) == {"backlog": (9, "other.toml:1")}


def test_a_file_that_is_named_must_be_there_and_in_toml(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"^cannot find the file 'missing.toml'"):
        from_files(str(tmp_path), "missing.toml")
    with pytest.raises(SettingsError, match=r"^gunicorn.conf.py is a program") as caught:
        from_files(str(tmp_path), "gunicorn.conf.py")
    assert "ehttpd translate" in caught.value.cure
