"""What an operator may not want, though nothing forbids it: each a sentence, with what to do.

The operator's room. Looks at the settings and at an application that was imported; changes nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from ehttpd.settings import Settings
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

EVERYWHERE = ("0.0.0.0", "[::]", "::", "*", "")


ELSEWHERE = ("unix:", "fd:", "systemd")  # addresses that name no host


class Caution:
    """What is unusual, and what to do about it."""

    def __init__(self, sentence: str, cure: str) -> None:
        self.sentence = sentence
        self.cure = cure


def cautions(target: object, settings: Settings) -> Iterator[Caution]:
    """Yield what is worth a word before ``target`` is served."""
    if django_setting("DEBUG") is True:
        yield Caution(
            "DEBUG is on in Django settings: errors show source and settings to every client",
            f"set DEBUG = False in {django_setting('SETTINGS_MODULE')}",
        )
    elif type(target).__module__.partition(".")[0] == "flask" and getattr(target, "debug", False) is True:
        yield Caution("Flask's debug mode is on", "unset FLASK_DEBUG, or use: ehttpd dev")
    if not settings.certfile:
        for name in ("tls_min", "ciphers"):
            if settings.origin(name) != "default":
                yield Caution(f"{name} changes nothing: without a certificate, no TLS is spoken", "give --certfile")
    trusted = "forwarded_allow_ips"
    if trusted in Settings.declared() and listens_everywhere(settings) and settings.origin(trusted) == "default":
        yield Caution(
            "every interface is listened on: behind a proxy on another machine, client addresses will be its own",
            "name it with --forwarded-allow-ips",
        )


def listens_everywhere(settings: Settings) -> bool:
    """Tell whether an address of every interface is listened on."""
    addresses = [address.removeprefix("https://").removeprefix("http://") for address in settings.bind]
    hosts = [address.rpartition(":")[0] for address in addresses if not address.startswith(ELSEWHERE)]
    return any(host in EVERYWHERE for host in hosts)


def django_setting(name: str) -> Any:
    """Return a setting of the Django project that was imported; None if there is none."""
    module = sys.modules.get("django.conf")
    settings = getattr(module, "settings", None)
    return getattr(settings, name, None) if getattr(settings, "configured", False) else None
