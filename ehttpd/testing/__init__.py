"""Servers, requests and faults for tests.

The test author's. Each name is imported when it is first asked for, since pytest loads this package at every start for
its plugin. Nothing of pytest is imported but by plugin.py.
"""

from __future__ import annotations

from importlib import import_module

from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

    from ehttpd.testing import faults
    from ehttpd.testing.client import Answer, Client
    from ehttpd.testing.journal import Exchange, ReceivedRequest
    from ehttpd.testing.mock import MockServer
    from ehttpd.testing.server import TestServer
    from ehttpd.testing.verification import (
        LeftBehind,
        NoRequest,
        SlowStop,
        StrayRequest,
        Unanswered,
        UnexpectedRequest,
        UnmetRule,
    )

__all__ = [
    "Answer",
    "Client",
    "Exchange",
    "LeftBehind",
    "MockServer",
    "NoRequest",
    "ReceivedRequest",
    "SlowStop",
    "StrayRequest",
    "TestServer",
    "Unanswered",
    "UnexpectedRequest",
    "UnmetRule",
    "faults",
]

# Name -> module of this package.
LATER = {
    "Answer": "client",
    "Client": "client",
    "Exchange": "journal",
    "LeftBehind": "verification",
    "MockServer": "mock",
    "NoRequest": "verification",
    "ReceivedRequest": "journal",
    "SlowStop": "verification",
    "StrayRequest": "verification",
    "TestServer": "server",
    "Unanswered": "verification",
    "UnexpectedRequest": "verification",
    "UnmetRule": "verification",
}


def __getattr__(name: str) -> Any:
    if name == "faults":
        return import_module("ehttpd.testing.faults")
    if name not in LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{LATER[name]}"), name)
