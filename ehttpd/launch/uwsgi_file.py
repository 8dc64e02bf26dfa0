"""What an ini file of uWSGI says, as words of its command line: ``name = value`` is ``--name value`` there.

The operator's room. Sections other than ``[uwsgi]``, and what is computed, are left alone.
"""

from __future__ import annotations

from ehttpd.errors import SettingsError

SECTION = "[uwsgi]"
# What is said of a flag that takes no value.
ON, OFF = ("true", "yes", "on", "1"), ("false", "no", "off", "0")
# What takes a value that looks like one of these.
NUMBERS = ("workers", "processes", "threads", "p")


def read_ini(path: str) -> list[str]:
    """Return what the file says.

    Raises:
        SettingsError: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise SettingsError(f"cannot read {path!r}: {reason.lower()}.") from error
    words: list[str] = []
    inside = False
    for line in map(str.strip, lines):
        if line.startswith("["):
            inside = line == SECTION
        elif inside and line and not line.startswith((";", "#")):
            words += words_of(line)
    return words


def words_of(line: str) -> list[str]:
    """Return one line as words."""
    name, _, value = (part.strip() for part in line.partition("="))
    flag = f"-{name}" if len(name) == 1 else f"--{name}"
    if value.lower() in OFF and name not in NUMBERS:
        return []
    if not value or (value.lower() in ON and name not in NUMBERS):
        return [flag]
    return [f"{flag}={value}"] if len(name) > 1 else [flag, value]
