"""Serve an application while it is written: what is listened on, what is said first, and then the reloader."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from ehttpd import __version__
from ehttpd.develop.ports import close, opened, urls
from ehttpd.develop.reloader import Reloader
from ehttpd.launch.banner import announce
from ehttpd.launch.cautions import listens_everywhere
from ehttpd.launch.surroundings import prepare_surroundings
from ehttpd.launch.usual import usual_application
from ehttpd.settings import Settings


def develop(settings: Settings, *, pages: bool) -> int:
    """Serve and reload; with ``pages``, as `run` does, else without showing anything to clients."""
    prepare_surroundings(settings)
    named = settings.app or usual_application(settings.app_dir or ".")
    settings = settings.replace(app=named, chdir="", env=(), env_file=())  # so that these are not done twice
    listeners = opened(settings, next_free=pages)
    try:
        if sys.stderr.isatty():
            announce(head(settings, urls(listeners, settings), pages=pages))
        return Reloader(settings, listeners, pages=pages).run()
    finally:
        close(listeners)


def head(settings: Settings, places: Sequence[str], *, pages: bool) -> str:
    """Return what is said first."""
    python = sys.version.partition(" ")[0]
    lines = [f"ehttpd {__version__} dev  Python {python}  pid {os.getpid()}", f"  app     {settings.app}"]
    lines += [f"  {'listen' if number == 0 else '':8}{url}" for number, url in enumerate(places)]
    lines += ["  watch   this folder is watched; Ctrl+C stops"]
    if pages and listens_everywhere(settings):
        lines.insert(0, "! every interface is listened on, and exceptions show source: is 127.0.0.1 not enough?")
    return "\n".join(lines)
