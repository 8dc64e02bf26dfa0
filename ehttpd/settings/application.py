"""Which application is served, and where it is found; and when it is started again.

The operator's. Each setting is declared here and nowhere else; what it is used for is not known.
"""

from __future__ import annotations

import re

from ehttpd.settings.declaration import Group, setting
from ehttpd.settings.units import FileName, FileNames, Patterns, Switch, Text, Texts


class Assignments(Texts):
    """Several variables with their values."""

    __slots__ = ()
    metavar = "NAME=VALUE"
    meaning = "a variable and its value such as DEBUG=1, or a list of these"

    @classmethod
    def check(cls, text: str) -> None:
        if not re.fullmatch(r"[A-Za-z_]\w*=[^\0]*", text, re.ASCII | re.DOTALL):
            raise ValueError(cls.meaning)


class Mounts(Texts):
    """Folders of files, each with the path that it is served below."""

    __slots__ = ()
    metavar = "PATH=FOLDER"
    meaning = "a path and a folder such as /static=public, or a list of these"

    @classmethod
    def check(cls, text: str) -> None:
        if not re.fullmatch(r"/[!-\"$-<>@-~]*=[^\0]+", text):
            raise ValueError(cls.meaning)


class ApplicationSettings(Group, section="Application"):
    """Which application is served."""

    app: Text = setting(
        Text(""),
        "Serve this application where the command line names none: module:attribute, a module or a file.",
    )
    factory: Switch = setting(
        Switch(0),
        "Call what is named: it makes the application. The same as module:attribute().",
        flags=("--factory", "--call"),
    )
    app_dir: FileName = setting(
        FileName(""), "Look for modules in this folder first; nothing: in the current one."
    )
    pythonpath: FileNames = setting(
        FileNames(()), "Look for modules in this folder as well. May be given several times."
    )
    chdir: FileName = setting(
        FileName(""),
        "Change to this folder before the application is imported and files, but for env_file, are looked for.",
        flags=("--chdir", "--working-dir"),
    )
    env: Assignments = setting(
        Assignments(()),
        "Set this variable of the environment. May be given several times.",
        flags=("-e", "--env"),
    )
    env_file: FileNames = setting(
        FileNames(()),
        "Set the variables that this file names and the environment does not have.",
        flags=("--env-file", "--env-files"),
    )
    static: Mounts = setting(
        Mounts(()),
        "Serve the files of a folder below a path, such as /static=public. May be given several times.",
    )


class ReloadSettings(Group, section="Reloading"):
    """When it is started again because it was edited."""

    reload: Switch = setting(
        Switch(0), "Start again when a file of the project has changed. For development."
    )
    reload_dir: FileNames = setting(
        FileNames(()),
        "Watch this folder instead of the current one. May be given several times.",
        flags=("--reload-dir", "--reload-paths"),
    )
    reload_include: Patterns = setting(
        Patterns(()),
        "Watch files of this pattern besides Python's and those of templates. May be given several times.",
    )
    reload_exclude: Patterns = setting(
        Patterns(()),
        "Do not watch files or folders of this pattern. May be given several times.",
        flags=("--reload-exclude", "--reload-ignore-dirs", "--reload-ignore-patterns"),
    )
    reload_extra_file: Patterns = setting(
        Patterns(()),
        "Watch this file as well, wherever it is; a pattern names several. May be given several times.",
    )
