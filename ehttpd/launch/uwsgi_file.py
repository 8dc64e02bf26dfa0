"""What an ini file of uWSGI says, as words of its command line: ``name = value`` is ``--name value`` there.

The operator's room. Sections other than the one that is named, ``[uwsgi]`` if none is, and conditions are left alone.
"""

from __future__ import annotations

import os
import re

from ehttpd.errors import SettingsError

SECTION = "uwsgi"
# The value of an earlier line, the folder of the file, a variable of the environment.
PLACEHOLDER = r"%\((?P<earlier>[^)]+)\)|%(?P<folder>d)|\$\((?P<variable>\w+)\)"
# What is said of a flag that takes no value.
ON, OFF = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
# What takes a value that looks like one of these.
NUMBERS = ("workers", "processes", "threads", "p")


def read_ini(place: str) -> list[str]:
    """Return what a section of a file says: ``site.ini``, ``site.ini:section``.

    Raises:
        SettingsError: it cannot be read.
    """
    path, _, section = place.partition(":")
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"cannot read {path!r}: {reason.lower()}.") from error
    words: list[str] = []
    values: dict[str, str] = {}
    inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            inside = line == f"[{section or SECTION}]"
        elif inside and line and not line.startswith((";", "#")):
            name, _, value = (part.strip() for part in line.partition("="))
            values[name] = filled(value, values, os.path.dirname(os.path.abspath(path)))
            words += words_of(name, values[name])
    return words


def filled(value: str, earlier: dict[str, str], folder: str) -> str:
    """Return a value with what its placeholders stand for; of a variable, what a shell puts it in for."""

    def meant(found: re.Match[str]) -> str:
        if found["variable"]:
            return f"${{{found['variable']}}}"
        return f"{folder}/" if found["folder"] else earlier.get(found["earlier"], found[0])

    return re.sub(PLACEHOLDER, meant, value)


def words_of(name: str, value: str) -> list[str]:
    """Return one line as words."""
    flag = f"-{name}" if len(name) == 1 else f"--{name}"
    if value.lower() in OFF and name not in NUMBERS:
        return []
    if not value or (value.lower() in ON and name not in NUMBERS):
        return [flag]
    return [f"{flag}={value}"] if len(name) > 1 else [flag, value]
