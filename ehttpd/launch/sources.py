"""Settings that are not on the command line: environment variables and files.

The operator's room. Finds what was given and says where; whether it is right is settings's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ehttpd.errors import SettingsError
from ehttpd.settings import Given, Settings


def from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """Return the settings given as ``EHTTPD_*`` variables.

    Variables of that form that name no setting are left alone: container platforms make some (EHTTPD_SERVICE_HOST)
    for a service that is called ehttpd.
    """
    return {
        name: Given(environment[entry.variable], entry.variable)
        for name, entry in Settings.declared().items()
        if entry.variable in environment
    }


def from_files(folder: Path) -> dict[str, Given]:
    """Return the settings given in ``ehttpd.toml`` and, where that is silent, in ``pyproject.toml``.

    Raises:
        SettingsError: a file cannot be read as TOML.
    """
    project = read_table(folder / "pyproject.toml", "tool", "ehttpd")
    return {**project, **read_table(folder / "ehttpd.toml")}


def read_table(file: Path, *path: str) -> dict[str, Given]:
    """Return the settings of one table of a file; none if there is no such file or table."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{file.name} cannot be read: {error}.") from error
    if not may_have_table(text, path):
        return {}
    table: object = parse(file, text)
    for key in path:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{file.name}: {'.'.join(path)} must be a table.")
    return {name: Given(value, f"{file.name}{line_of(name, text, path)}") for name, value in table.items()}


def may_have_table(text: str, path: tuple[str, ...]) -> bool:
    """Return whether ``text`` is worth parsing: to import tomllib takes 10 ms, and most projects have no such table."""
    return not path or ".".join(path) in text or f"[{path[0]}]" in text


def parse(file: Path, text: str) -> dict[str, object]:
    """Return the content of a TOML file."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{file.name} is not valid TOML: {error}.") from error


def line_of(name: str, text: str, path: tuple[str, ...]) -> str:
    """Return ``:line`` where ``name`` is given a value, or nothing if it is written in an unusual way."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip() == f"[{'.'.join(path)}]"), 0)
    for number, line in enumerate(lines[start:], start + 1):
        if line.partition("=")[0].strip(" \"'") == name and "=" in line:
            return f":{number}"
    return ""
