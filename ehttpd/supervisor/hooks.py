"""The operator's own functions, called at turns of the life of a supervisor and its workers.

They are attributes of a module or an object that ``--hooks`` names, and are called like gunicorn's: in the supervisor
``on_starting``, ``when_ready``, ``on_reload``, ``child_exit`` (with the `Worker` that ended besides) and ``on_exit``,
each with a `View`; in a worker ``post_fork`` (before the application is imported), ``post_worker_init`` (after it,
serving) and ``worker_exit``, each with a `Worker`. Those that are not there are not called.
"""

from __future__ import annotations

import os

from ehttpd.launch.application import import_place, resolve
from ehttpd.logs import log
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class Worker:
    """What a hook learns of a worker process. ``number`` is its place, from 1."""

    def __init__(self, number: int, settings: Settings, pid: int | None = None, exit_code: int | None = None) -> None:
        self.number = number
        self.settings = settings
        self.pid = os.getpid() if pid is None else pid
        self.exit_code = exit_code  # minus the number of the signal that ended it; None while it runs


class View:
    """What a hook learns of the supervisor."""

    def __init__(self, settings: Settings, addresses: list[str], workers: list[int]) -> None:
        self.settings = settings
        self.addresses = addresses
        self.workers = workers  # the process numbers of those that serve
        self.pid = os.getpid()


class Hooks:
    """The functions of one object, if there is one."""

    def __init__(self, found: object = None) -> None:
        self._found = found

    @classmethod
    def of(cls, settings: Settings) -> Hooks:
        """Return those that ``settings`` name: ``module:object``, ``module`` or a file; none for no name.

        Raises:
            SettingsError, ApplicationImportError: it cannot be imported.
        """
        if not settings.hooks:
            return cls()
        place, _, attribute = settings.hooks.partition(":")
        module = import_place(place, settings.app_dir or ".")
        return cls(resolve(module, place, attribute) if attribute else module)

    def call(self, name: str, *arguments: Any) -> None:
        """Call a function, if it is there. What it raises is logged."""
        function = getattr(self._found, name, None)
        if function is None:
            return
        try:
            function(*arguments)
        except Exception:
            log.error("The hook %s failed.", name, exc_info=True)
