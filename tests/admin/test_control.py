"""Commands by a socket that needs no address: who may give them, and what becomes of it."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable, Iterator

import pytest

from ehttpd.admin.control import ControlSocket, Peer, control_address
from ehttpd.admin.source import LocalSource, Source
from ehttpd.launch.admin_client import AdminClient
from ehttpd.messages import Response
from tests.server.conftest import live_server
from tests.server.live import LiveServer

__all__ = ["live_server"]  # a fixture
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="abstract names are Linux's")


@pytest.fixture
def source(live_server: Callable[..., LiveServer]) -> Source:
    return LocalSource(live_server(lambda request: Response.text("hello")), "shop:app")


@pytest.fixture
def control(source: Source) -> Iterator[AdminClient]:
    control = ControlSocket(lambda: source)
    control.start()
    yield AdminClient(control_address(os.getpid()))
    control.stop()


def test_what_the_admin_address_shows_and_does_is_shown_and_done(control: AdminClient) -> None:
    assert control.get("/stats.json")["application"] == "shop:app"
    assert "<!doctype html>" in control.text("/status")
    assert control.command("drain").startswith("Draining")
    assert control.get("/stats.json")["state"] == "draining"


def test_until_somebody_connects_nothing_is_asked_for() -> None:
    def source() -> Source:
        raise AssertionError("It was asked for.")

    control = ControlSocket(source)
    control.start()
    control.stop()


def test_a_stranger_is_sent_away(control: AdminClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Peer, "of", lambda connected: Peer(1, os.geteuid() + 1, 0))
    with socket.socket(socket.AF_UNIX) as stranger:
        stranger.connect(f"\0ehttpd-{os.getpid()}")
        assert stranger.recv(1) == b""


def test_a_name_that_is_taken_is_done_without(source: Source) -> None:
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(f"\0ehttpd-{os.getpid()}")
        control = ControlSocket(lambda: source)
        control.start()
        control.stop()
