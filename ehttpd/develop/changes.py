"""Which files of a project have changed: looked for twice a second, or told by ``watchfiles`` where it is installed.

The operator's room. Knows which files matter; what to do about a change is reloader.py's. One thread.
"""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from fnmatch import fnmatch, translate
from glob import glob

from ehttpd.errors import SettingsError
from ehttpd.settings import Settings
from ehttpd.typed import Protocol

# Python's own, and what templates are called by Django, Jinja, Mako and Chameleon.
PATTERNS = ("*.py", "*.wsgi", "*.html", "*.htm", "*.jinja", "*.jinja2", "*.j2", "*.mako", "*.pt", ".env")
LEFT_OUT = ("__pycache__", "node_modules", "site-packages", ".*")
ENVIRONMENT = "pyvenv.cfg"  # a folder with this file is one of Python's, with other people's code


class Watched:
    """Which files are watched: folders, patterns in and out, and files wherever they are.

    Raises:
        SettingsError: a folder that is to be watched is none.
    """

    def __init__(self, settings: Settings) -> None:
        for folder in settings.reload_dir:
            if not os.path.isdir(folder):
                raise SettingsError(f"cannot watch {folder!r}: it is not a folder.", "Name another with --reload-dir.")
        own = [os.getcwd(), *([settings.app_dir] if settings.app_dir else [])]
        self.folders = distinct(os.path.abspath(folder) for folder in settings.reload_dir or own)
        included = [*settings.reload_include, *map(os.path.abspath, settings.reload_include)]
        self.wanted = re.compile("|".join(map(translate, (*PATTERNS, *included))))
        self.unwanted = re.compile("|".join(map(translate, LEFT_OUT)))
        self.left_out = tuple(pattern.rstrip("/") for pattern in settings.reload_exclude)
        self.extra = (*settings.reload_extra_file, *settings.env_file)

    def files(self) -> Iterator[str]:
        """Yield the files of the folders as they are now."""
        folders = list(self.folders)
        while folders:
            folder = folders.pop()
            try:
                with os.scandir(folder) as entries:
                    found = list(entries)
            except OSError:  # it went away, or is not for us
                continue
            if folder not in self.folders and any(entry.name == ENVIRONMENT for entry in found):
                continue
            for entry in found:
                if entry.is_dir(follow_symlinks=False):
                    if self.wants_folder(entry.name, entry.path):
                        folders.append(entry.path)
                elif self.wants(entry.name, entry.path):
                    yield entry.path

    def wants(self, name: str, path: str) -> bool:
        """Tell whether a file is watched."""
        return bool(self.wanted.match(name) or self.wanted.match(path)) and not self.is_left_out(name, path)

    def wants_folder(self, name: str, path: str) -> bool:
        """Tell whether what is in a folder is watched."""
        return self.unwanted.match(name) is None and not self.is_left_out(name, path)

    def is_left_out(self, name: str, path: str) -> bool:
        """Tell whether the operator wants a file or folder left out."""
        return any(fnmatch(name, pattern) or fnmatch(path, os.path.abspath(pattern)) for pattern in self.left_out)

    def extra_files(self) -> Iterator[str]:
        """Yield the other files as they are now."""
        for pattern in self.extra:
            yield from glob(pattern, recursive=True)


class Changes(Protocol):
    """Tells what has changed since it was asked last."""

    def look(self) -> list[str]:
        """Return the paths of files that are new, changed or gone."""


class Polling:
    """Compares what each file says of itself with what it said before. ``files`` yields those that there are."""

    def __init__(self, *files: Callable[[], Iterator[str]]) -> None:
        self._files = files
        self._before = self._stamps()

    def look(self) -> list[str]:
        now = self._stamps()
        before, self._before = self._before, now
        if now == before:
            return []
        return sorted(path for path in now.keys() | before.keys() if now.get(path) != before.get(path))

    def _stamps(self) -> dict[str, tuple[int, int]]:
        stamps = {}
        for path in (path for files in self._files for path in files()):
            try:
                status = os.stat(path)
            except OSError:  # it has just gone
                continue
            stamps[path] = (status.st_mtime_ns, status.st_size)
        return stamps


class Told:
    """Looks at the folders when the operating system tells through ``watchfiles``, on a thread of its own, that there
    is something to see: of a folder that is moved it tells no more than that. The few other files are always looked at.
    """

    def __init__(self, watched: Watched) -> None:
        self._watched = watched
        self._inside = Polling(watched.files)
        self._outside = Polling(watched.extra_files)
        self._told = threading.Event()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="ehttpd-watch", daemon=True)
        self._thread.start()

    def look(self) -> list[str]:
        changed = self._outside.look()
        if self._told.is_set() or not self._thread.is_alive():  # which ends where there is too much to watch
            self._told.clear()
            changed += self._inside.look()
        return sorted(set(changed))

    def stop(self) -> None:
        """End the thread."""
        self._ending.set()
        self._thread.join()

    def _listen(self) -> None:
        from watchfiles import Change, watch

        def may_matter(change: Change, path: str) -> bool:
            return self._may_matter(path, only_content=change is Change.modified)

        changes = watch(
            *self._watched.folders, watch_filter=may_matter, stop_event=self._ending, debounce=200, rust_timeout=200,
            raise_interrupt=False,
        )  # fmt: skip
        with suppress(OSError):
            for _ in changes:
                self._told.set()

    def _may_matter(self, path: str, *, only_content: bool) -> bool:
        """Tell whether a change may be one of what is watched: of a file, or of a folder that has come or gone."""
        if only_content and not self._watched.wants(os.path.basename(path), path):
            return False
        root = next((folder for folder in self._watched.folders if path.startswith(folder + os.sep)), "")
        above = os.path.relpath(os.path.dirname(path), root).split(os.sep) if root else []
        return all(part == "." or self._watched.wants_folder(part, path) for part in above)


@contextmanager
def watching(watched: Watched) -> Iterator[Changes]:
    """Watch files until the block ends, in the best way that this machine has."""
    try:
        import watchfiles  # noqa: F401
    except ImportError:
        yield Polling(watched.files, watched.extra_files)
        return
    told = Told(watched)
    try:
        yield told
    finally:
        told.stop()


def distinct(folders: Iterable[str]) -> list[str]:
    """Return the folders without those that lie inside of another."""
    kept: list[str] = []
    for folder in sorted(set(folders)):
        if not any(folder.startswith(each.rstrip(os.sep) + os.sep) for each in kept):
            kept.append(folder)
    return kept
