"""How a supervised server is run: what its supervisor is made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from functools import cache

from ehttpd.admin.control import controlled
from ehttpd.errors import ListenError, SettingsError
from ehttpd.launch.serve import wants_figures, with_port_holder
from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

HAS_FORK = hasattr(os, "fork")

if TYPE_CHECKING:
    from ehttpd.admin.source import Source
    from ehttpd.supervisor.births import Births
    from ehttpd.supervisor.orders import Orders
    from ehttpd.supervisor.supervisor import Supervisor


def supervise(
    settings: Settings, read: Callable[[], Settings], folder: str, environment: Mapping[str, str], began: float
) -> int:
    """Serve with workers until a signal says stop; return the exit code.

    ``read`` reads the settings again; ``folder`` and ``environment`` are those of the command.

    Raises:
        OperatorError: it could not start.
    """
    if not HAS_FORK:
        cure = "Leave out --workers: one process uses many threads."
        raise SettingsError("this system has no worker processes.", cure)
    from ehttpd.supervisor.orders import Orders
    from ehttpd.supervisor.supervisor import Supervisor

    supervisor = Supervisor(settings, births_for, began)
    orders = Orders(supervisor, read, folder, dict(environment))
    source = cache(lambda: source_of(supervisor, orders))
    with ExitStack() as stack:
        stack.enter_context(controlled(settings, source))
        show_figures(supervisor, source, stack)
        return supervisor.run(orders.take, list(orders.by_signal))


def source_of(supervisor: Supervisor, orders: Orders) -> Source:
    """Return what tells of all workers."""
    from ehttpd.supervisor.source import WorkersSource

    source = WorkersSource(supervisor, orders)
    supervisor.take_answer = source.take
    return source


def show_figures(supervisor: Supervisor, source: Callable[[], Source], stack: ExitStack) -> None:
    """Have the admin's server started as soon as it may listen, and stopped in the end, if anybody wants figures."""
    if not wants_figures(supervisor.settings):
        return
    from ehttpd.admin.server import AdminServer

    admin = AdminServer(source(), supervisor.settings)

    def start() -> None:
        try:
            admin.start()
        except ListenError as error:
            raise with_port_holder(error) from error
        stack.callback(admin.stop)
        supervisor.shown_at = admin.addresses

    supervisor.when_alone = start


def births_for(supervisor: Supervisor, settings: Settings) -> Births:
    """Return what starts workers of ``supervisor`` with these settings."""
    from ehttpd.supervisor.births import FreshInterpreters
    from ehttpd.supervisor.forks import Forks

    return Forks(supervisor.listen_to, supervisor.forget) if settings.preload else FreshInterpreters()
