"""Servers, requests and faults for tests.

The test author's. Nothing of pytest is imported here; its fixtures are in plugin.py.
"""

from __future__ import annotations

from ehttpd.testing import faults
from ehttpd.testing.client import Answer, Client
from ehttpd.testing.journal import Exchange, ReceivedRequest
from ehttpd.testing.mock import MockServer
from ehttpd.testing.server import TestServer
from ehttpd.testing.verification import NoRequest, Unanswered, UnexpectedRequest, UnmetRule

__all__ = [
    "Answer",
    "Client",
    "Exchange",
    "MockServer",
    "NoRequest",
    "ReceivedRequest",
    "TestServer",
    "Unanswered",
    "UnexpectedRequest",
    "UnmetRule",
    "faults",
]
