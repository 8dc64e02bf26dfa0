"""Asks an admin address: what ``ehttpd top``, ``status`` and ``ctl`` know of a server.

The operator's room. Knows addresses and answers; what is shown of them is for others.
"""

from __future__ import annotations

import json
import os
import socket
from http.client import HTTPConnection, HTTPException

from ehttpd.admin.control import PREFIX, control_address
from ehttpd.errors import OperatorError, SettingsError
from ehttpd.launch.port_holder import describe
from ehttpd.launch.running import controlled_processes, is_genuine
from ehttpd.launch.sources import from_environment, from_files
from ehttpd.launch.surroundings import current_folder
from ehttpd.settings import AdminAddress, Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

PATIENCE = 5.0  # seconds


class AdminClient:
    """What answers at an admin address. Each question is a connection of its own."""

    def __init__(self, address: str) -> None:
        self.address = address

    def get(self, path: str) -> Any:
        """Return what JSON stands at ``path``. Raises OperatorError: nobody answers, or not as we do."""
        text = self.text(path)
        try:
            return json.loads(text)
        except ValueError:
            raise self._not_ours() from None

    def statistics(self) -> Any:
        """Return all figures, ``/stats.json``. Raises as `get` does."""
        told = self.get("/stats.json")
        if not (isinstance(told, dict) and "worker_status" in told):
            raise self._not_ours()
        return told

    def text(self, path: str) -> str:
        """Return the text that stands at ``path``. Raises OperatorError."""
        return self._ask("GET", path, "")

    def command(self, name: str, argument: str = "") -> str:
        """Give a command, and return what is said to it. Raises OperatorError: it is refused, too."""
        return self._ask("POST", f"/{name}", argument)

    def _not_ours(self) -> OperatorError:
        return OperatorError(f"{self.address} is no admin address of ehttpd.", "See --admin.")

    def _ask(self, method: str, path: str, body: str) -> str:
        connection = _Connection(self.address)
        try:
            connection.request(method, path, body or None, {"Accept": "*/*"})
            answer = connection.getresponse()
            text = answer.read().decode("utf-8", "replace").strip()
        except (OSError, HTTPException, UnicodeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            raise OperatorError(
                f"nobody answers at {self.address}: {why or type(error).__name__}.",
                "Is the server running? Name its address, or its process with --pid.",
            ) from error
        finally:
            connection.close()
        if answer.status >= 400:
            message, _, cure = text.partition("\n")
            raise OperatorError(message or f"{self.address} answered {answer.status}.", cure)
        return text


class _Connection(HTTPConnection):
    """A connection to ``host:port`` or ``unix:path``. Host is then an address, as the guard wants it."""

    def __init__(self, address: str) -> None:
        self._path = address.removeprefix("unix:") if address.startswith("unix:") else None
        super().__init__("localhost" if self._path else address, timeout=PATIENCE)

    def connect(self) -> None:
        if self._path is None:
            return super().connect()
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(PATIENCE)
        self.sock.connect(f"\0{self._path[1:]}" if self._path.startswith("@") else self._path)
        if self._path.startswith(PREFIX) and not is_genuine(self._path, self.sock):
            self.sock.close()
            raise ConnectionRefusedError(f"the name {self._path} was taken by another process")


def find_admin(named: str = "", process: int = 0) -> AdminClient:
    """Return the admin address that is ``named``, else that of the ``process``, else the one of settings, else that of
    the only server that is found running.

    Raises:
        SettingsError: it is not an address.
        OperatorError: none is found, or several.
    """
    if process:
        return AdminClient(control_address(process))
    if named:
        try:
            return AdminClient(AdminAddress.read(named))
        except ValueError as expected:
            raise SettingsError(f"an admin address must be {expected}, not {named!r}.") from None
    settings = Settings.from_sources(from_environment(os.environ), from_files(current_folder()))
    if settings.admin:
        return AdminClient(settings.admin)
    found = controlled_processes()
    if len(found) == 1:
        return AdminClient(control_address(found[0]))
    if found:
        raise OperatorError("several servers are running.", "\n".join(["Name one with --pid:", *map(describe, found)]))
    raise OperatorError(
        "no running server of this user was found.", "Name an admin address, as it was given with --admin."
    )
