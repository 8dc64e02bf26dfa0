"""The admin's own server: an address, a lane and two threads beside those that serve clients."""

from __future__ import annotations

from ehttpd.admin.handler import Admin
from ehttpd.admin.history import History
from ehttpd.admin.source import Source
from ehttpd.admin.statsd import Statsd
from ehttpd.server.server import Server
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Self


class AdminServer:
    """Shows figures at ``settings.admin`` and sends to ``settings.statsd_host`` how the server is, as far as these are
    given. Requests are sent by who has answered them: see `RequestsTold`.
    """

    def __init__(self, source: Source, settings: Settings) -> None:
        self._statsd = Statsd.of(settings)
        self._history = History(source, self._statsd.send_state if self._statsd is not None else None)
        self._server: Server | None = None
        if settings.admin:
            admin = Admin(source, self._history, commands_from_anywhere=bool(settings.admin_remote_control))
            own = Settings(bind=settings.admin, threads=(1, 2), graceful_timeout=1.0, limit_request_body="64k")
            self._server = Server(admin, settings=own, name="ehttpd-admin")

    def start(self) -> Self:
        """Listen, and look once a second.

        Raises:
            ListenError: the address cannot be listened on.
        """
        if self._server is not None:
            self._server.start()
        self._history.start()
        return self

    def stop(self) -> None:
        """Show and send nothing more."""
        self._history.stop()
        if self._server is not None:
            self._server.stop()
        if self._statsd is not None:
            self._statsd.close()

    @property
    def addresses(self) -> list[str]:
        """Where figures are shown."""
        return self._server.addresses if self._server is not None else []

