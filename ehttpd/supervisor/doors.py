"""The listening sockets of a supervisor: opened once, handed to every worker, kept when workers come and go.

What waits in the backlog when a worker leaves is accepted by another: the sockets stay open here.
"""

from __future__ import annotations

import socket

from ehttpd.server.addresses import listen_at
from ehttpd.server.listener import Listener
from ehttpd.settings import Settings
from ehttpd.supervisor.privileges import give_away
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


# What an address is opened with, once.
OF_ADDRESSES = ("backlog", "reuse_port", "uds_mode")


class Doors:
    """Listeners, by the address that the operator gave."""

    def __init__(self) -> None:
        self._by_address: dict[str, list[Listener]] = {}
        self._opened_with: dict[str, Settings] = {}  # what others have opened is taken for ours of today

    def open(self, settings: Settings) -> Doors:
        """Return what ``settings`` want: listeners that are open are used again.

        Raises:
            ListenError: an address cannot be listened on. Then no new listener is open.
            SettingsError: files of sockets are to belong to somebody who is not there.
        """
        wanted = Doors()
        try:
            for address in settings.bind:
                found = self._by_address.get(address)
                wanted._by_address[address] = found if found is not None else opened(address, settings)
                wanted._opened_with[address] = self._opened_with.get(address, settings)
            if settings.user or settings.group:
                wanted.give_away(settings)
        except BaseException:
            wanted.close(but=self)
            raise
        return wanted

    def kept(self, settings: Settings) -> list[str]:
        """Return which of ``settings`` an address has not that was opened with others. Ports have no permissions."""
        return sorted(
            {
                name
                for address, first in self._opened_with.items()
                for name in OF_ADDRESSES
                if getattr(first, name) != getattr(settings, name) and (name != "uds_mode" or "unix:" in address)
            }
        )

    @classmethod
    def inherited(cls, passed: dict[str, list[dict[str, Any]]]) -> Doors:
        """Return those that another supervisor has `passed` to this one."""
        doors = cls()
        for address, listeners in passed.items():
            doors._by_address[address] = [handed_over(**each) for each in listeners]
        return doors

    @property
    def passed(self) -> dict[str, list[dict[str, Any]]]:
        """What another supervisor needs to know of them, beside the descriptors themselves."""
        return {
            address: [
                {
                    "descriptor": each.fileno(),
                    "scheme": each.scheme,
                    "name": each.name,
                    "path": each.path,
                    "inherited": each.inherited,
                }
                for each in listeners
            ]
            for address, listeners in self._by_address.items()
        }

    @property
    def descriptors(self) -> list[int]:
        """The descriptors of all of them, in the order of their addresses."""
        return [each.fileno() for listeners in self._by_address.values() for each in listeners]

    @property
    def binds(self) -> list[str]:
        """How a worker that has the descriptors names them."""
        listeners = [each for listeners in self._by_address.values() for each in listeners]
        return [each.passed_as(each.fileno()) for each in listeners]

    def addresses(self, settings: Settings) -> list[str]:
        """Where they listen, as an operator would write it."""
        listeners = [each for listeners in self._by_address.values() for each in listeners]
        secure = ("https", "") if settings.certfile else ("https",)
        return [
            f"https://{each.name}" if each.scheme in secure and each.local[1] else each.name for each in listeners
        ]

    def seal(self) -> None:
        """Let nobody new into the backlogs: the workers empty them for the last time."""
        for listeners in self._by_address.values():
            for each in listeners:
                each.seal()

    def let_go(self) -> None:
        """Leave them to the workers: the last one that has emptied a backlog closes it in that moment."""
        for listeners in self._by_address.values():
            for each in listeners:
                each.close()

    def leave_files(self) -> None:
        """Let the files of Unix sockets be: another supervisor goes on with them."""
        for listeners in self._by_address.values():
            for each in listeners:
                each.leave_file()

    def give_away(self, settings: Settings) -> None:
        """Have the files of Unix sockets belong to whom workers become. Raises SettingsError."""
        for listeners in self._by_address.values():
            for each in listeners:
                if each.path is not None:
                    give_away(each.path, settings)

    def close(self, *, but: Doors | None = None) -> None:
        """Close them, ``but`` for those that are open there too."""
        kept = but._by_address if but is not None else {}
        for address, listeners in self._by_address.items():
            if address not in kept:
                for each in listeners:
                    each.close()
        self._by_address = {}


def handed_over(descriptor: int, scheme: str, name: str, path: str | None, inherited: bool) -> Listener:
    """Return a listener whose socket another process has left open for this one, and for no other."""
    listening = socket.socket(fileno=descriptor)
    listening.set_inheritable(False)
    listener = Listener(listening, name, path=path, inherited=inherited)
    listener.scheme = scheme
    return listener


def opened(address: str, settings: Settings) -> list[Listener]:
    """Open the listeners of one address."""
    return listen_at([address], settings.backlog, settings.uds_mode, bool(settings.reuse_port), settings.bind)
