"""What workers are started with: settings, the sockets that these name, and who brings workers into the world; and the
variables and the folder of the supervisor, which it has of its settings.

A reload makes another one. The one from before is kept until all workers have the new one, so that a reload that fails
leaves everything to start a worker that there was: with ``--preload`` also the code that was imported.
"""

from __future__ import annotations

from ehttpd.launch.surroundings import Surroundings
from ehttpd.settings import Settings
from ehttpd.supervisor.births import Births
from ehttpd.supervisor.doors import Doors

# What a supervisor reads once, when it starts; of some workers have parts of their own, which a reload brings them.
KEPT = (
    "admin",
    "admin_remote_control",
    "control_socket",
    "statsd_host",
    "statsd_prefix",
    "statsd_tags",
    "pid",
    "name",
    "hooks",
    "error_log",
    "log_level",
    "log_format",
    "log_config",
)


def kept(first: Settings, now: Settings) -> list[str]:
    """Return what a supervisor that was started with the ``first`` settings has not as it is ``now``."""
    return [name for name in KEPT if getattr(first, name) != getattr(now, name)]


class Outfit:
    """One of them. ``workers`` is how many were wanted when it was last in use."""

    def __init__(self, settings: Settings, doors: Doors, births: Births) -> None:
        self.settings = settings
        self.doors = doors
        self.births = births
        self.workers: int = settings.workers
        self._before_reload: Surroundings | None = None  # while a reload may fail

    def leave(self) -> None:
        """Remember the surroundings: a reload begins."""
        self._before_reload = Surroundings()

    def come_back(self) -> None:
        """Have the surroundings be as they were: the reload has failed."""
        if self._before_reload is not None:
            self._before_reload.come_back()
            self._before_reload = None

    def discard(self, kept: Outfit) -> None:
        """Start no workers with it any more, and close what ``kept`` has not open as well."""
        self.births.close()
        self.doors.close(but=kept.doors)
        if self._before_reload is not None:
            self._before_reload.forget()
