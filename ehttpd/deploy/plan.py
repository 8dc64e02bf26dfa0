"""What is to be deployed, taken from the effective settings: the one source of every file."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Mapping

from ehttpd.launch.cautions import EVERYWHERE
from ehttpd.settings import Settings, Switch, Unit

PORT = 8000
ELSEWHERE = ("unix:", "fd:", "systemd")  # addresses without a port
ADMIN_PORT = 9100
DRAIN_SECONDS = 5  # until a load balancer has seen that a server is not ready any more
SPARE_SECONDS = 5  # beyond the grace, until whoever stops a server kills it


class Plan:
    """An application and how it is served.

    Attributes:
        settings: the effective ones.
        folder: where the application lives.
        name: what the service is called.
        application: what is served.
    """

    def __init__(self, settings: Settings, application: str, folder: str) -> None:
        self.settings = settings
        self.application = application
        self.folder = os.path.abspath(folder)
        self.name = re.sub(r"[^a-z0-9]+", "-", os.path.basename(self.folder).lower()).strip("-") or "site"
        self.python = sys.executable

    @property
    def given(self) -> dict[str, Unit]:
        """The settings that flags and variables gave: files are read again where the server is started."""
        return {
            name: value
            for name, value in self.settings
            if self.settings.origin(name).startswith(("-", "EHTTPD_")) and name != "app"
        }

    def command(self, **changed: object) -> list[str]:
        """Return the words that serve the application as it is here, with ``changed`` settings."""
        wanted: Mapping[str, Unit] = {**self.given, **read(changed)}
        return [self.application, *(word for name, value in wanted.items() for word in words_of(name, value))]

    @property
    def graceful(self) -> int:
        """Seconds until a server that was told to stop has stopped, whatever its clients do."""
        delay = float(getattr(self.settings, "drain_delay", 0.0))
        return round(float(self.settings.graceful_timeout) + delay) + SPARE_SECONDS

    @property
    def upstream(self) -> str:
        """The first address, as a proxy on the same machine asks for it: ``127.0.0.1:8000``, ``unix:/run/app.sock``."""
        address = self.settings.bind[0]
        if address.startswith("unix:"):
            return address
        host, _, port = address.rpartition(":")
        return f"{'127.0.0.1' if host in EVERYWHERE else host}:{port}" if port.isdigit() else f"127.0.0.1:{PORT}"

    @property
    def privileged(self) -> bool:
        """Whether a port is listened on that only privileged programs may take."""
        ports = [address.rpartition(":")[2] for address in self.settings.bind if not address.startswith(ELSEWHERE)]
        return any(port.isdigit() and 0 < int(port) < 1024 for port in ports)

    @property
    def log_files(self) -> list[str]:
        """The files that are logged to, with their whole paths."""
        names = [str(getattr(self.settings, name, "")) for name in ("access_log", "error_log")]
        return [os.path.join(self.folder, name) for name in names if name not in ("", "-")]


def read(values: Mapping[str, object]) -> dict[str, Unit]:
    """Return values in the units of their settings."""
    table = Settings.declared()
    return {name: table[name].read(value) for name, value in values.items() if name in table}


def words_of(name: str, value: Unit) -> list[str]:
    """Return a setting as the words of a command line."""
    entry = Settings.declared()[name]
    if isinstance(value, Switch):
        return [entry.flag if value else entry.opposite]
    if entry.unit.repeatable and isinstance(value, tuple):
        return [word for each in value for word in (entry.flag, each)]
    return [entry.flag, value.written()] if value.written() else [f"{entry.flag}="]


def quoted(words: list[str]) -> str:
    """Return words as a shell reads them."""
    return " ".join(map(shlex.quote, words))

