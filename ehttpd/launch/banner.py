"""What is said once the server listens: a few lines for a terminal, one line of ``name=value`` for a log."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Sequence

from ehttpd import __version__
from ehttpd.launch.arguments import COMMAND_LINE
from ehttpd.launch.cautions import Caution
from ehttpd.launch.kind import Kind
from ehttpd.settings import Settings
from ehttpd.typed import Protocol


class Described(Protocol):
    """An application, as far as it is told of."""

    @property
    def name(self) -> str:
        """Its place and its attribute."""

    @property
    def kind(self) -> Kind:
        """What it is written for."""

    @property
    def description(self) -> str:
        """The same for a person, with the framework."""


def banner(
    application: Described,
    addresses: Sequence[str],
    settings: Settings,
    seconds: float,
    admin: Sequence[str] = (),
    *,
    terminal: bool,
) -> str:
    """Return the text to print, for a ``terminal`` or for a log. Figures are shown at ``admin``."""
    listening, shown = [url(address) for address in addresses], [url(address) for address in admin]
    make = for_terminal if terminal else for_log
    return make(application, listening, shown, settings, f"{seconds * 1000:.0f}")


def warnings(cautions: Iterable[Caution], *, terminal: bool) -> str:
    """Return the lines that stand above the banner: what the operator may not want."""
    if terminal:
        return "".join(f"! {each.sentence}: {each.cure}.\n" for each in cautions)
    return "".join(f'event=caution message="{each.sentence}" cure="{each.cure}"\n' for each in cautions)


def source(settings: Settings) -> str:
    """Return where the application is named, unless it is on the command line."""
    origin = settings.origin("app")
    return "" if origin == COMMAND_LINE else ", found here" if origin == "default" else f", from {origin}"


def for_terminal(
    application: Described, listening: list[str], admin: list[str], settings: Settings, milliseconds: str
) -> str:
    """Return the banner for a person."""
    limits = (
        f"queue {settings.queue_limit}, keep-alive {settings.keep_alive_timeout.written()}, "
        f"graceful {settings.graceful_timeout.written()}"
    )
    rows = [
        ("app", application.name, application.description + source(settings)),
        *(("listen" if number == 0 else "", address, "") for number, address in enumerate(listening)),
        *([("workers", str(settings.workers), "HUP replaces them one by one")] if settings.workers > 1 else []),
        ("threads", f"{settings.threads.minimum}–{settings.threads.maximum}", limits),
        *(("admin", address, "/status, /metrics, /healthz; `ehttpd top`") for address in admin),
        ("ready", f"in {milliseconds} ms", "Ctrl+C stops, twice to force"),
    ]
    width = max(len(middle) for _, middle, _ in rows) + 2
    head = f"ehttpd {__version__}  Python {python_version()}  pid {os.getpid()}"
    return "\n".join([head, *(f"  {left:8}{middle:{width}}{right}".rstrip() for left, middle, right in rows)])


def for_log(
    application: Described, listening: list[str], admin: list[str], settings: Settings, milliseconds: str
) -> str:
    """Return the banner for a program."""
    pairs = {
        "event": "ready",
        "app": application.name,
        "kind": application.kind.value,
        "listen": ",".join(listening),
        "workers": str(settings.workers),
        "threads": settings.threads.written(),
        **({"admin": ",".join(admin)} if admin else {}),
        "pid": str(os.getpid()),
        "ehttpd": __version__,
        "python": python_version(),
        "ready_ms": milliseconds,
    }
    return " ".join(f'{name}="{value}"' if " " in value else f"{name}={value}" for name, value in pairs.items())


def python_version() -> str:
    """Return the version of Python in short."""
    return sys.version.partition(" ")[0]


def url(address: str) -> str:
    """Return an address as it would be asked for, if it can be."""
    return address if address.startswith(("unix:", "https://")) else f"http://{address}"


def announce(text: str, end: str = "\n") -> None:
    """Print to the standard error. If nobody reads that, or its disk is full, nothing else depends on it."""
    try:
        print(text, file=sys.stderr, flush=True, end=end)
    except OSError:
        pass
