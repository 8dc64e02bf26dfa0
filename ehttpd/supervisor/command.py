"""How a supervised server is run: whether there is to be a supervisor, and what it is made of."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from ehttpd.errors import SettingsError
from ehttpd.settings import Settings


def is_supervised(settings: Settings) -> bool:
    """Tell whether ``settings`` need a supervisor: for several workers, for one that is replaced now and then, or for
    one that may do less than who opens the addresses.
    """
    return bool(
        settings.workers > 1
        or settings.supervise
        or settings.preload
        or settings.max_requests
        or settings.max_rss
        or settings.max_lifetime
        or settings.user
        or settings.group
        or settings.hooks
    )


def supervise(
    settings: Settings, read: Callable[[], Settings], folder: str, environment: Mapping[str, str], began: float
) -> int:
    """Serve with workers until a signal says stop; return the exit code.

    ``read`` reads the settings again; ``folder`` and ``environment`` are those of the command.

    Raises:
        OperatorError: it could not start.
    """
    if os.name != "posix":
        cure = "Leave out --workers: one process uses many threads."
        raise SettingsError("this system has no worker processes.", cure)
    from ehttpd.supervisor.births import FreshInterpreters
    from ehttpd.supervisor.orders import Orders
    from ehttpd.supervisor.supervisor import Supervisor

    supervisor = Supervisor(settings, lambda settings: FreshInterpreters(), began)
    orders = Orders(supervisor, read, folder, dict(environment))
    return supervisor.run(orders.take, list(orders.by_signal))
