"""One server as the admin's source: its figures, its threads, and what it may be told."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator

import pytest

from ehttpd.admin.source import COMMANDS, CommandRefused, LocalSource, Source
from ehttpd.messages import Response
from tests.server.live import LiveServer, serving


@pytest.fixture
def server() -> Iterator[LiveServer]:
    with serving(lambda request: Response.text("done"), counts=True) as server:
        yield server


def test_everything_a_source_tells_can_be_written_as_json(server: LiveServer) -> None:
    server.connect().ask()
    source: Source = LocalSource(server, "shop:app")
    told = [source.overview(), source.snapshots(), source.threads()]
    assert json.loads(json.dumps(told)) == told


def test_it_tells_the_one_server_that_there_is(server: LiveServer) -> None:
    source = LocalSource(server, "shop:app")
    assert source.overview()["application"] == "shop:app"
    assert [(each["worker"], each["pid"], each["state"]) for each in source.snapshots()] == [
        ("1", os.getpid(), "ready")
    ]
    assert source.turning()


def test_it_can_be_told_to_drain(server: LiveServer) -> None:
    source = LocalSource(server)
    assert "not ready" in source.command("drain")
    assert source.snapshots()[0]["state"] == "draining"


def test_what_only_the_owner_of_the_process_can_do_is_the_owners(server: LiveServer) -> None:
    told: list[str] = []
    source = LocalSource(server, actions={"stop": lambda: told.append("stop") or "Stopping."})  # type: ignore[func-returns-value]
    assert source.command("stop") == "Stopping."
    assert told == ["stop"]


@pytest.mark.parametrize("name", [each for each in COMMANDS if each not in ("drain", "log-level")])
def test_what_it_cannot_do_is_refused_with_a_cure(server: LiveServer, name: str) -> None:
    with pytest.raises(CommandRefused) as refused:
        LocalSource(server).command(name)
    assert refused.value.cure == "Start with --workers, or with --supervise for one."


def test_an_unknown_command_is_refused(server: LiveServer) -> None:
    with pytest.raises(CommandRefused, match="'explode'") as refused:
        LocalSource(server).command("explode")
    assert "drain" in refused.value.cure


def test_the_level_of_the_log_can_be_changed(server: LiveServer) -> None:
    logger = logging.getLogger("ehttpd")
    before = logger.level
    try:
        assert LocalSource(server).command("log-level", "Debug") == "Logging from debug upwards."
        assert logger.level == logging.DEBUG
        with pytest.raises(CommandRefused, match="'loud'"):
            LocalSource(server).command("log-level", "loud")
    finally:
        logger.setLevel(before)
