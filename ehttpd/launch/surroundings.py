"""What the process should have around it before an application is imported: variables and a folder.

The operator's room. They are the process's: processes that this one starts inherit both.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Mapping

from ehttpd.errors import OperatorError, SettingsError
from ehttpd.settings import Given, Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

# What settings have set in this process: the variables with what they were before, None if there were none.
_before: dict[str, str | None] = {}

LINE = r"""\s*(?:export\s+)?(?P<name>[A-Za-z_]\w*)\s*=\s*(?:'(?P<plain>[^']*)'|"(?P<quoted>(?:\\.|[^"\\])*)"|(?P<bare>.*?))\s*(?:(?<=\s)\#.*)?"""  # fmt: skip  # noqa: E501
ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}


def open_standard_streams() -> None:
    """Have what is nobody's in the place of a standard stream that whoever started us has closed.

    Else a socket would get its number, and what is printed would go to a client.
    """
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # the lowest number that is free
    if sys.stdout is None:
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    if sys.stderr is None:
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115


def write_every_character() -> None:
    """Have characters that the standard output has no octets for written as escapes, as the standard error does it.
    Not where an application runs: what it prints is its own.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def prepare_surroundings(settings: Settings) -> None:
    """Set variables and change to the folder of the application, as ``settings`` say.

    Raises:
        SettingsError: a file or the folder cannot be used.
    """
    set_variables(settings)
    if settings.chdir:
        change_folder(settings.chdir)


def anchored(settings: Settings) -> Settings:
    """Return ``settings`` with files and folders named from the root: an application may leave the folder when it is
    imported, and certificates are looked at again as long as the server runs.
    """
    given = settings.given
    named = {
        name: Given(anchor(given[name].value), given[name].origin) for name, anchor in ANCHORS.items() if name in given
    }
    return Settings.from_sources(named, given) if named else settings


def _whole(name: Any) -> str:
    return os.path.abspath(name) if name else ""


def _each_whole(names: Any) -> list[str]:
    return [_whole(name) for name in names]


def _mounts(mounts: Any) -> list[str]:
    parts = [mount.partition("=") for mount in mounts]
    return [f"{path}={_whole(folder)}" for path, _, folder in parts]


# Settings that name files which are opened later than at the start.
ANCHORS: Mapping[str, Callable[[Any], object]] = {
    "certfile": _each_whole,
    "keyfile": _each_whole,
    "keyfile_password_file": _whole,
    "ca_certs": _whole,
    "static": _mounts,
}


class Surroundings:
    """The variables and the folder of this process as they are now, to come back to once."""

    def __init__(self) -> None:
        self._variables, self._before = dict(os.environ), dict(_before)
        # It need not have a name any more, nor be readable.
        self._folder = os.open(".", getattr(os, "O_PATH", os.O_RDONLY))

    def come_back(self) -> None:
        """Have them be as they were."""
        for name in os.environ.keys() - self._variables.keys():
            del os.environ[name]
        os.environ.update(self._variables)
        _before.clear()
        _before.update(self._before)
        os.fchdir(self._folder)
        self.forget()

    def forget(self) -> None:
        """Let go of the folder: nobody comes back."""
        os.close(self._folder)


def set_variables(settings: Settings) -> None:
    """Set variables, in the place of those that other settings have set in this process. A file does not change one
    that there is; ``env`` does. Raises SettingsError.
    """
    _take_back_variables()
    for path in settings.env_file:
        for name, value in variables_of(path).items():
            if name not in os.environ:
                _set_variable(name, value)
    for assignment in settings.env:
        name, _, value = assignment.partition("=")
        _set_variable(name, value)


def _set_variable(name: str, value: str) -> None:
    _before.setdefault(name, os.environ.get(name))
    os.environ[name] = value


def _take_back_variables() -> None:
    for name, value in _before.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value
    _before.clear()


def current_folder() -> str:
    """Return the folder of this process.

    Raises:
        OperatorError: it has been removed.
    """
    try:
        return os.getcwd()
    except FileNotFoundError:
        raise OperatorError(
            "the folder in which this was started has been removed.", "Change into one that is there."
        ) from None


def folder_as_named() -> str:
    """Return the folder of this process by the name that a shell has for it: there may be a link in it, which leads to
    another release after the next deployment. Raises as `current_folder` does.
    """
    folder, named = current_folder(), os.environ.get("PWD", "")
    try:
        return named if os.path.isabs(named) and os.path.samefile(named, folder) else folder
    except (OSError, ValueError):
        return folder


def change_folder(folder: str) -> None:
    """Change to a folder. Raises SettingsError."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise SettingsError(f"cannot change to the folder {folder!r}: {reason(error)}.") from error


def variables_of(path: str) -> dict[str, str]:
    """Return the variables that a file names: ``NAME=value`` on each line, quoted or not; ``#`` begins a comment.

    Raises:
        SettingsError: the file cannot be read, or has another line.
    """
    try:
        with open(path, encoding="utf-8") as file:
            lines = file.read().splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"cannot read the variables in {path!r}: {reason(error)}.") from error
    found = {}
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        parts = re.fullmatch(LINE, line, re.ASCII)
        if parts is None:
            raise SettingsError(f"{path}:{number}: not a variable: {line.strip()!r}.", "Write NAME=value.")
        quoted = parts["quoted"]
        if quoted is not None:
            value = re.sub(r"\\(.)", lambda escaped: ESCAPES.get(escaped[1], escaped[1]), quoted)
        else:
            value = parts["plain"] if parts["plain"] is not None else parts["bare"]
        found[parts["name"]] = value
    return found


def reason(error: Exception) -> str:
    """Return why, in short."""
    return (getattr(error, "strerror", None) or str(error)).lower()
