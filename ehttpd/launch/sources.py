"""Settings that are not on the command line: environment variables and files.

The operator's room. Finds what was given and says where; whether it is right is settings's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ehttpd.errors import SettingsError
from ehttpd.server.inherited import passed_sockets
from ehttpd.settings import Given, Settings

PASSED = "LISTEN_FDS"  # the variable by which systemd says that it has passed sockets


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


def from_platform(environment: Mapping[str, str]) -> dict[str, Given]:
    """Return what platforms say by variables of their own, such as PORT: weaker than all that is meant for us."""
    return {
        name: Given(template.format(environment[variable]), variable)
        for name, entry in Settings.declared().items()
        for variable, template in entry.platform.items()
        if environment.get(variable)
    }


def from_systemd() -> dict[str, Given]:
    """Return that the sockets are to be served which systemd has passed to this process, if it has."""
    return {"bind": Given("systemd", PASSED)} if passed_sockets() else {}


def from_files(folder: str, file: str = "") -> dict[str, Given]:
    """Return the settings given in ``file`` and, where that is silent, in ``pyproject.toml``.

    ``file`` is ``ehttpd.toml`` unless it is named, and then it must be there.

    Raises:
        SettingsError: a file cannot be read as TOML.
    """
    if file.endswith(".py"):
        cure = f"See what its settings are called here: ehttpd translate 'gunicorn -c {file}'"
        raise SettingsError(f"{file} is a program; settings of ehttpd are in TOML.", cure)
    path = os.path.join(folder, file)
    if file and os.path.isdir(path):
        raise SettingsError(f"{file!r} is a folder, not a file of settings.", f"Did you mean {file}/ehttpd.toml?")
    if file and not os.path.exists(path):
        raise SettingsError(f"cannot find the file {file!r}.", "It is looked for from the current folder.")
    project = read_table(os.path.join(folder, "pyproject.toml"), "tool", "ehttpd")
    return {**project, **read_table(os.path.join(folder, file or "ehttpd.toml"))}


def read_table(path: str, *keys: str) -> dict[str, Given]:
    """Return the settings of one table of a file; none if there is no such file or table."""
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8") as file:
            text = file.read()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{name} cannot be read: {error}.") from error
    if not may_have_table(text, keys):
        return {}
    table: object = parse(name, text)
    for key in keys:
        table = table.get(key, {}) if isinstance(table, dict) else {}
    if not isinstance(table, dict):
        raise SettingsError(f"{name}: {'.'.join(keys)} must be a table.")
    return {key: Given(value, f"{name}{line_of(key, text, keys)}") for key, value in table.items()}


def may_have_table(text: str, keys: tuple[str, ...]) -> bool:
    """Return whether ``text`` is worth parsing: to import tomllib takes 10 ms, and most projects have no such table."""
    return not keys or ".".join(keys) in text or f"[{keys[0]}]" in text


def parse(name: str, text: str) -> dict[str, object]:
    """Return the content of a TOML file."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} is not valid TOML: {error}.") from error


def line_of(key: str, text: str, table: tuple[str, ...]) -> str:
    """Return ``:line`` where ``key`` is given a value, or nothing if it is written in an unusual way."""
    lines = text.splitlines()
    start = next((number for number, line in enumerate(lines) if line.strip() == f"[{'.'.join(table)}]"), 0)
    for number, line in enumerate(lines[start:], start + 1):
        if line.partition("=")[0].strip(" \"'") == key and "=" in line:
            return f":{number}"
    return ""
