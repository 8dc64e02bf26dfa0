"""Folders of files beside an application: ``--static /static=public``. What lies below the path is theirs alone."""

from __future__ import annotations

import os
from collections.abc import Iterable

from ehttpd.errors import SettingsError
from ehttpd.messages import Handler, Request, Response, streams_of
from ehttpd.messages.mounting import below
from ehttpd.toolkit.mounting import Mounted
from ehttpd.toolkit.static import StaticFiles


def with_static(handler: Handler, mounts: Iterable[str]) -> Handler:
    """Return ``handler`` with folders served below paths; each of ``mounts`` is ``/path=folder``.

    Raises:
        SettingsError: there is no such folder.
    """
    folders: list[tuple[str, Handler]] = []
    for mount in mounts:
        path, _, folder = mount.partition("=")
        if not os.path.isdir(folder):
            raise SettingsError(f"--static {mount}: {folder!r} is not a folder.", "Write /path=folder.")
        path = path.strip("/")
        folders.append((f"/{path}/" if path else "/", Mounted(StaticFiles(folder), path.count("/") + 1 if path else 0)))
    return WithStatic(handler, folders)


class WithStatic:
    """A handler that is asked only for what lies below none of some paths."""

    def __init__(self, handler: Handler, folders: list[tuple[str, Handler]], prefix: str = "") -> None:
        self._handler = handler
        self._folders = folders
        self._root = prefix + "/"

    def __call__(self, request: Request) -> Response:
        """Answer a request."""
        return self._of(request)(request)

    def streams(self, request: Request) -> bool:
        """Tell whether the body of a request is read while it arrives; see `streaming`."""
        streams = streams_of(self._of(request))
        return streams is not None and streams(request)

    def below(self, prefix: str) -> WithStatic:
        """Return one whose folders are below ``prefix`` as well. The handler does with a prefix what it knows best."""
        folders = [(path, below(files, prefix)) for path, files in self._folders]
        return WithStatic(below(self._handler, prefix), folders, prefix)

    def _of(self, request: Request) -> Handler:
        raw_path = request.raw_path
        if raw_path.startswith(self._root):
            raw_path = raw_path[len(self._root) - 1 :]
        return next((files for path, files in self._folders if raw_path.startswith(path)), self._handler)
