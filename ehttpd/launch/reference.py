"""``docs/settings.md``, made from the table of settings: ``python -m ehttpd.launch.reference > docs/settings.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ehttpd.settings import Setting, Settings

INTRODUCTION = """\
# Settings

Made from the table in `ehttpd/settings/` by `python -m ehttpd.launch.reference`; a test compares.

A setting is given as a flag, as an environment variable, in a file, or from Python. The strongest wins:

1. the flag: `--threads 16`
2. the variable: `EHTTPD_THREADS=16`, the name in capitals after `EHTTPD_`
3. `ehttpd.toml` in the current folder, or the file named by `--config`: `threads = 16`
4. `pyproject.toml` in the current folder, under `[tool.ehttpd]`: `threads = 16`
5. a variable that platforms set, where the table below has one: `PORT=8000`
6. the default

`ehttpd config` shows each value with where it came from.

From Python the name is a keyword argument: `Server(handler, threads=16)`. No file or variable is read then.

Durations are seconds, or end in `ms`, `s`, `m` or `h`. Sizes are bytes, or end in `k`, `m` or `g`, by 1024. A switch is
`true` or `false` in a file, `1` or `0` in a variable, and its flag takes no value. A setting that may be given several
times is a list in a file.
"""


def reference() -> str:
    """Return the page."""
    sections: dict[str, list[Setting]] = {}
    for entry in Settings.declared().values():
        sections.setdefault(entry.section, []).append(entry)
    return "\n".join([INTRODUCTION, *(line for name, entries in sections.items() for line in section(name, entries))])


def section(name: str, entries: list[Setting]) -> Iterator[str]:
    """Yield the lines of one section."""
    yield f"## {name}\n"
    yield "| name | flag | default | meaning |"
    yield "| --- | --- | --- | --- |"
    for entry in entries:
        flags = ", ".join(f"`{flag}`" for flag in names_of(entry))
        default = f"`{entry.default.written()}`" if entry.default.written() else "nothing"
        yield f"| `{entry.name}` | {flags} | {default} | {entry.sentence} {bounds(entry)}|"
    yield ""


def names_of(entry: Setting) -> list[str]:
    """Return every name of a setting on the command line, and the variables of platforms."""
    names = [*entry.flags, *([entry.opposite] if entry.opposite else []), *entry.aliases]
    return [*names, *(f"${variable}" for variable in entry.platform)]


def bounds(entry: Setting) -> str:
    """Return the bounds of a setting as a sentence, if it has any that are worth a word."""
    return f"At least {entry.at_least:g}. " if entry.at_least else ""


if __name__ == "__main__":
    sys.stdout.write(reference())
