"""The file with the number of the process, for scripts that send signals."""

from __future__ import annotations

import os
import sys

from ehttpd.errors import SettingsError
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self

SUCCESSOR = ".2"  # as gunicorn calls the file of a process that is to replace another


class PidFile:
    """The file at ``path``, removed again if it is still this process's."""

    def __init__(self, path: str) -> None:
        self._path = os.path.abspath(path)  # the folder may change

    def __enter__(self) -> Self:
        self.write()
        return self

    def __exit__(self, *failure: object) -> None:
        self.remove()

    def write(self) -> None:
        """Write the number of this process, in one step. One that is left of a process that has ended is replaced, also
        where another program has its number now.

        Raises:
            SettingsError: another process is alive whose file this is, or the file cannot be written, or it is none, as
                /dev/null: root would replace that, and then remove it.
        """
        if os.path.exists(self._path) and not os.path.isfile(self._path):
            raise SettingsError(f"cannot write the pid file {self._path!r}: it is no file.")
        other = self._read()
        if other not in (0, os.getpid()) and is_alive(other) and not is_stranger(other):
            raise SettingsError(
                f"the process {other} of the pid file {self._path!r} is running.",
                "Stop it, or give another file with --pid.",
            )
        beside = f"{self._path}.{os.getpid()}"
        try:
            with open(beside, "x") as file:
                file.write(f"{os.getpid()}\n")
            os.replace(beside, self._path)
        except OSError as error:
            raise SettingsError(f"cannot write the pid file {self._path!r}: {error.strerror}.") from error

    def become(self, path: str) -> None:
        """Be the file at ``path`` from now on, whoever's that was: it has ended, or is about to."""
        path = os.path.abspath(path)
        try:
            os.replace(self._path, path)
        except OSError:
            return  # somebody removed it
        self._path = path

    def remove(self) -> None:
        """Remove the file, unless another process has written its own number since."""
        try:
            if self._read() == os.getpid():
                os.unlink(self._path)
        except OSError:
            pass

    def _read(self) -> int:
        """Return the number in the file, 0 if there is none."""
        try:
            with open(self._path) as file:
                return int(file.read(32))
        except (OSError, ValueError):
            return 0


def is_alive(process: int) -> bool:
    """Tell whether there is a process with this number. Nobody can tell on Windows: then there is none."""
    if process <= 0 or sys.platform == "win32":  # a group; there are no signals there, and 0 would be Ctrl+C
        return False
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def is_stranger(process: int) -> bool:
    """Tell whether a process is none of ours, as far as proc(5) tells: then a pid file that names it is an old one."""
    try:
        with open(f"/proc/{process}/cmdline", "rb") as file:
            command = file.read()
    except OSError:
        return False
    return bool(command) and b"ehttpd" not in command
