"""Which admin addresses there are on this machine: those of running servers of this user, as far as Linux tells.

The authority is proc(5). Only processes of the same user are looked at, so that nobody else can lead commands astray.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ehttpd.settings import AdminAddress, Settings

PROCESSES = "/proc"


def admin_addresses() -> list[str]:
    """Return each address that a running server was given by flag or variable, once."""
    return list(dict.fromkeys(_addresses()))


def _addresses() -> Iterator[str]:
    if not os.path.isdir(PROCESSES):
        return
    entry, own = Settings.declared()["admin"], str(os.getpid())
    for process in sorted(filter(str.isdigit, os.listdir(PROCESSES)), key=int):
        try:
            if process == own or os.stat(f"{PROCESSES}/{process}").st_uid != os.getuid():
                continue
            words, variables = _texts(f"{process}/cmdline"), _texts(f"{process}/environ")
        except OSError:  # it has ended
            continue
        if not any(os.path.basename(word).startswith("ehttpd") for word in words[:4]):
            continue
        variable = f"{entry.variable}="
        given = [each.removeprefix(variable) for each in variables if each.startswith(variable)]
        for address in [*_given(words, entry.flags), *given][:1]:
            try:
                yield AdminAddress.read(address)
            except ValueError:  # then that server has not started
                continue


def _given(words: list[str], flags: tuple[str, ...]) -> Iterator[str]:
    """Yield the values of a flag, however they are joined to it."""
    for word, following in zip(words, [*words[1:], ""], strict=True):
        name, joined, value = word.partition("=")
        if name in flags:
            yield value if joined else following


def _texts(name: str) -> list[str]:
    with open(f"{PROCESSES}/{name}", "rb") as file:
        return file.read().decode("utf-8", "replace").split("\0")
