"""Serve an application while it is written: what is listened on, what is said first, and then the reloader."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence

from ehttpd import __version__
from ehttpd.develop.ports import close, opened, urls
from ehttpd.develop.reloader import Reloader
from ehttpd.launch.banner import announce, warnings
from ehttpd.launch.cautions import Caution, listens_everywhere
from ehttpd.launch.names import name_process
from ehttpd.launch.surroundings import change_folder, variables_of
from ehttpd.launch.usual import usual_application
from ehttpd.settings import Settings
from ehttpd.settings.processes import SUPERVISORS

# What needs a supervisor, or is shown by one process as long as it lives.
UNHEEDED = ("workers", *SUPERVISORS, "umask", "admin", "statsd_host")


def develop(settings: Settings, *, pages: bool) -> int:
    """Serve and reload; with ``pages``, as `run` does, else without showing anything to clients."""
    name_process(settings.name)
    announce(warnings(unheeded(settings, pages=pages), terminal=sys.stderr.isatty()), end="")
    files = [os.path.abspath(path) for path in settings.env_file]
    for path in files:
        variables_of(path)  # which each start reads anew; what is wrong from the first is told and no more
    if settings.chdir:
        change_folder(settings.chdir)
    named = settings.app or usual_application(settings.app_dir or ".")
    settings = settings.replace(app=named, chdir="", env_file=files)
    listeners = opened(settings, next_free=pages)
    try:
        if sys.stderr.isatty():
            announce(head(settings, urls(listeners, settings), pages=pages))
        return Reloader(settings, listeners, pages=pages).run()
    finally:
        close(listeners)


def unheeded(settings: Settings, *, pages: bool) -> Iterator[Caution]:
    """Yield which settings are given for nothing; with ``pages``, flags only: files are often those of production."""
    given = [
        name
        for name in UNHEEDED
        if getattr(settings, name) != Settings.declared()[name].default
        and (settings.origin(name).startswith("-") or not pages)
    ]
    if given:
        command = "ehttpd dev" if pages else "--reload"
        yield Caution(f"{command} does not heed {', '.join(given)}", "one process serves, and is started again")


def head(settings: Settings, places: Sequence[str], *, pages: bool) -> str:
    """Return what is said first."""
    python = sys.version.partition(" ")[0]
    lines = [f"ehttpd {__version__} dev  Python {python}  pid {os.getpid()}", f"  app     {settings.app}"]
    lines += [f"  {'listen' if number == 0 else '':8}{url}" for number, url in enumerate(places)]
    lines += ["  watch   this folder is watched; Ctrl+C stops"]
    if pages and listens_everywhere(settings):
        lines.insert(0, "! every interface is listened on, and exceptions show source: is 127.0.0.1 not enough?")
    return "\n".join(lines)
