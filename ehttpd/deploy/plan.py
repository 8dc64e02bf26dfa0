"""What is to be deployed, taken from the effective settings: the one source of every file."""

from __future__ import annotations

import os
import re
import shlex
import sys
from collections.abc import Collection, Mapping

from ehttpd.launch.cautions import EVERYWHERE
from ehttpd.launch.logs import SYSLOG
from ehttpd.settings import Settings, Switch, Unit

PORT = 8000
ELSEWHERE = ("unix:", "fd:", "systemd")  # addresses without a port
ADMIN_PORT = 9100
DRAIN_SECONDS = 5  # until a load balancer has seen that a server is not ready any more
LONGEST_NAME = 63
SPARE_SECONDS = 5  # beyond the grace, until whoever stops a server kills it


class Plan:
    """An application and how it is served.

    Attributes:
        settings: the effective ones.
        folder: where the command is given, from which names of files and folders are meant.
        name: what the service is called.
        application: what is served.
    """

    def __init__(self, settings: Settings, application: str, folder: str) -> None:
        self.settings = settings
        self.application = application
        self.folder = os.path.abspath(folder)
        self.name = named(os.path.join(self.folder, settings.chdir))
        self.python = sys.executable

    @property
    def given(self) -> dict[str, Unit]:
        """The settings that flags and variables gave: files are read again where the server is started."""
        return {
            name: value
            for name, value in self.settings
            if self.settings.origin(name).startswith(("-", "EHTTPD_")) and name != "app"
        }

    def command(self, left_out: Collection[str] = (), **changed: object) -> list[str]:
        """Return the words that serve the application as it is here, but for some settings, and with others changed."""
        wanted: Mapping[str, Unit] = {**self.given, **read(changed)}
        flags = [word for name, value in wanted.items() if name not in left_out for word in words_of(name, value)]
        return [self.application, *flags]

    @property
    def graceful(self) -> int:
        """Seconds until a server that was told to stop has stopped, whatever its clients do."""
        delay = float(getattr(self.settings, "drain_delay", 0.0))
        return round(float(self.settings.graceful_timeout) + delay) + SPARE_SECONDS

    @property
    def upstream(self) -> str:
        """The first address, as a proxy on the same machine asks for it: ``127.0.0.1:8000``, ``unix:/run/app.sock``."""
        _, address = scheme_and_address(self.settings.bind[0])
        if address.startswith("unix:"):
            return f"unix:{self.path(address.removeprefix('unix:'))}"
        host, _, port = address.rpartition(":")
        return f"{'127.0.0.1' if host in EVERYWHERE else host}:{port}" if port.isdigit() else f"127.0.0.1:{PORT}"

    @property
    def secure(self) -> bool:
        """Whether TLS is spoken at that address."""
        scheme, _ = scheme_and_address(self.settings.bind[0])
        return (scheme or ("https" if self.settings.certfile else "http")) == "https"

    @property
    def privileged(self) -> bool:
        """Whether a port is listened on that only privileged programs may take."""
        ports = [address.rpartition(":")[2] for address in self.settings.bind if not address.startswith(ELSEWHERE)]
        return any(port.isdigit() and 0 < int(port) < 1024 for port in ports)

    def path(self, name: str) -> str:
        """The whole path of a file that the settings name; an abstract name, which is no file's, as it is."""
        if name.startswith("@"):
            return name
        return os.path.normpath(os.path.join(self.folder, self.settings.chdir, name))

    @property
    def made(self) -> list[str]:
        """The files that the server makes, with their whole paths: logs, Unix sockets, that of its number."""
        addresses = [scheme_and_address(address)[1] for address in (*self.settings.bind, self.settings.admin)]
        sockets = [address.removeprefix("unix:") for address in addresses if address.startswith("unix:")]
        pid = [str(self.settings.pid)] if self.settings.pid else []
        return [*self.log_files, *(self.path(name) for name in (*sockets, *pid) if not name.startswith("@"))]

    @property
    def log_files(self) -> list[str]:
        """The files that are logged to, with their whole paths."""
        names = [str(getattr(self.settings, name, "")) for name in ("access_log", "error_log")]
        files = [name for name in names if name not in ("", "-") and not name.startswith(SYSLOG)]
        return [self.path(name) for name in files]


def named(folder: str) -> str:
    """Return what a service is called whose application lives in a folder: a label of RFC 1035 §2.3.1, as Kubernetes
    wants it. It begins with a letter, since nginx reads a variable ``$2_…`` as ``$2``.
    """
    name = re.sub(r"[^a-z0-9]+", "-", os.path.basename(os.path.abspath(folder)).lower()).strip("-")
    return (name if name[:1].isalpha() else f"site-{name}")[:LONGEST_NAME].strip("-")


def scheme_and_address(written: str) -> tuple[str, str]:
    """Return ``http`` or ``https`` if that is written in front of an address, else nothing; and the address."""
    scheme, separator, address = written.rpartition("://")
    return (scheme, address) if separator and scheme in ("http", "https") else ("", written)


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

