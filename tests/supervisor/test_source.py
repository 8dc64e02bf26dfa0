"""The figures of all workers, at the admin's address."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest

from tests.running import PATIENCE
from tests.supervisor.supervised import Supervised, await_end_of, supervised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(server: Supervised, target: str, method: str = "GET") -> str:
    host, _, port = server.ready["admin"].removeprefix("http://").partition(":")
    with closing(HTTPConnection(host, int(port), timeout=PATIENCE)) as connection:
        connection.request(method, target)
        response = connection.getresponse()
        text = response.read().decode()
        assert response.status == 200, text
        return text


def test_figures_are_those_of_all_workers() -> None:
    with supervised("--admin", "127.0.0.1:0") as server:
        workers = server.await_workers(2)
        for _ in range(10):
            server.ask()
        statistics: dict[str, Any] = json.loads(asked(server, "/stats.json"))
        assert sorted(each["pid"] for each in statistics["worker_status"]) == workers
        threads = json.loads(asked(server, "/threads.json"))
        assert sorted(each["pid"] for each in threads) == workers
        assert statistics["addresses"] == [server.ready["listen"].removeprefix("http://")]
        assert "ehttpd_workers 2" in asked(server, "/metrics")
        assert asked(server, "/healthz")
        assert asked(server, "/readyz")


def test_a_new_supervisor_shows_figures_when_the_old_one_has_gone() -> None:
    with supervised("--admin", "127.0.0.1:0") as server:
        seen = len(server.lines)
        server.signal(signal.SIGUSR2)
        server.await_ready(after=seen)
        successor = int(server.ready["pid"])
        server.said("succeeds the one before")
        os.kill(successor, signal.SIGTERM)
        await_end_of(successor)
