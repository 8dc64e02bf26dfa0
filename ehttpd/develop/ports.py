"""Where development listens: where it is told to, or at the next port that is free."""

from __future__ import annotations

import errno

from ehttpd.errors import ListenError
from ehttpd.launch.banner import announce
from ehttpd.server.addresses import listen_at
from ehttpd.server.listener import Listener
from ehttpd.settings import Settings

TRIED = 20  # ports


def opened(settings: Settings, *, next_free: bool) -> list[Listener]:
    """Return listeners at every address; with ``next_free``, behind a port that is in use at the next one.

    Raises:
        ListenError: an address cannot be listened on, or TLS is wanted there and no certificate given. Then none is.
    """
    listeners: list[Listener] = []
    try:
        for address in settings.bind:
            listeners += opened_at(address, settings, TRIED if next_free else 0)
        if not settings.certfile and (missing := [each for each in listeners if each.scheme == "https"]):
            cure = "Give --certfile, or to ehttpd dev --tls: it makes one on the spot."
            raise ListenError(f"cannot speak TLS on {missing[0].name} without a certificate.", cure)
    except ListenError:
        close(listeners)
        raise
    return listeners


def opened_at(address: str, settings: Settings, further: int) -> list[Listener]:
    """Return listeners at one address, or at one of the ``further`` ports behind it."""
    try:
        return listen_at([address], settings.backlog, settings.uds_mode, bool(settings.reuse_port))
    except ListenError as error:
        host, _, port = address.rpartition(":")
        if error.errno != errno.EADDRINUSE or not further or not port.isdigit() or int(port) >= 65535:
            raise
        following = f"{host}:{int(port) + 1}"
        announce(f"! {address} is in use: trying {following}.")
        return opened_at(following, settings, further - 1)


def urls(listeners: list[Listener], settings: Settings) -> list[str]:
    """Return where a browser finds the application."""
    secure = ("https", "") if settings.certfile else ("https",)
    return [
        each.url.replace("http://", "https://", 1) if each.scheme in secure else each.url for each in listeners
    ]


def close(listeners: list[Listener]) -> None:
    """Close all of them."""
    for listener in listeners:
        listener.close()
