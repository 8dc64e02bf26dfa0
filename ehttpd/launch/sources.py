"""Settings that are not on the command line: environment variables and files.

The operator's room. Finds what was given and says where; whether it is right is settings's.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ehttpd.errors import SettingsError
from ehttpd.server.inherited import passed_sockets
from ehttpd.settings import Given, Settings, meant

PASSED = "LISTEN_FDS"  # the variable by which systemd says that it has passed sockets
PREFIX = "EHTTPD_"
SUCCEEDS = "EHTTPD_SUCCEEDS"  # by which a supervisor hands over to the next
# What Kubernetes tells of a service that is called ehttpd.
OF_A_SERVICE = r"EHTTPD_(SERVICE_HOST|SERVICE_PORT(_.*)?|PORT_[0-9]+_(TCP|UDP|SCTP)(_.*)?)"
OF_A_PORT = r"(tcp|udp|sctp)://.*"


def from_environment(environment: Mapping[str, str]) -> dict[str, Given]:
    """Return the settings given as ``EHTTPD_*`` variables. Of those that name no setting, see `unread`."""
    return {
        name: Given(environment[entry.variable], entry.variable)
        for name, entry in Settings.declared().items()
        if entry.variable in environment
    }


def unread(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each ``EHTTPD_*`` variable that names no setting, and is none that platforms make."""
    ours = [name for name in environment if name.startswith(PREFIX)]
    if not ours:
        return []
    known = {entry.variable for entry in Settings.declared().values()}
    unknown = [name for name in ours if name not in known and not is_made_by_platform(name, environment[name])]
    return [f"{name} names no setting and is not read. {instead(name)}".rstrip() for name in unknown]


def is_made_by_platform(name: str, value: str) -> bool:
    """Tell whether somebody else than the operator has set an ``EHTTPD_*`` variable."""
    of_a_port = name == "EHTTPD_PORT" and re.fullmatch(OF_A_PORT, value)
    return bool(name == SUCCEEDS or re.fullmatch(OF_A_SERVICE, name) or of_a_port)


def instead(variable: str) -> str:
    """Return what may have been meant by a variable that names no setting, nothing if that is not clear."""
    from ehttpd.launch.failures import nearest

    named = variable.removeprefix(PREFIX).lower()
    if named == "config":
        return "Name a file of settings with --config FILE."
    table = Settings.declared()
    near = [meant(table, named)] if meant(table, named) in table else nearest(named, table)
    return f"Did you mean {table[near[0]].variable}?" if near else ""


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
    """Return the settings of one table of a file, by their names here; none if there is no such file or table."""
    name = os.path.basename(path)
    try:
        with open(path, encoding="utf-8-sig") as file:  # some editors begin a file with a mark of its encoding
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
    return by_name({key: Given(value, f"{name}{line_of(key, text, keys)}") for key, value in table.items()})


def by_name(found: Mapping[str, Given]) -> dict[str, Given]:
    """Return what a file gives by the names of settings. Raises SettingsError: it gives two values for one of them."""
    given: dict[str, Given] = {}
    for key, each in found.items():
        name = meant(Settings.declared(), key)
        other = given.setdefault(name, each)
        if other is not each and other.value != each.value:  # not a number is none that it is itself
            twice = f"{each.origin}: {key} is the setting {name}, which has another value at {other.origin}."
            raise SettingsError(twice, "Leave one of them out.")
    return given


def may_have_table(text: str, keys: tuple[str, ...]) -> bool:
    """Return whether ``text`` is worth parsing: to import tomllib takes 10 ms, and most projects have no such table."""
    # The last key, quoted or not, before the end of a header or of a part of a dotted key, or before a value.
    return not keys or re.search(rf"""\b{keys[-1]}["']?[ \t]*[].=]""", text) is not None


def parse(name: str, text: str) -> dict[str, object]:
    """Return the content of a TOML file."""
    import tomllib

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{name} is not valid TOML: {error}.") from error


def line_of(key: str, text: str, table: tuple[str, ...]) -> str:
    """Return ``:line`` where ``key`` is given a value, or nothing if it is written in an unusual way."""
    inside = not table
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("["):
            inside = re.sub(r"[\s\"']", "", line.partition("#")[0]) == f"[{'.'.join(table)}]"
        elif inside and "=" in line and line.partition("=")[0].strip(" \t\"'") == key:
            return f":{number}"
    return ""
