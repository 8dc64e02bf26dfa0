"""What the service manager is told, by a socket like its own."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ehttpd.server.notify import Notifier, Watchdog
from tests.running import PATIENCE, ROOT
from tests.server.conftest import LiveServers
from tests.server.live import hello


class Manager:
    """A service manager: a socket of datagrams."""

    def __init__(self, place: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.settimeout(PATIENCE)
        self.socket.bind("\0" + place[1:] if place[0] == "@" else place)
        self.environment = {"NOTIFY_SOCKET": place}

    def told(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))


@pytest.fixture(params=["path", "abstract"])
def manager(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Manager]:
    manager = Manager(f"{tmp_path}/notify" if request.param == "path" else f"@{tmp_path}")
    yield manager
    manager.socket.close()


def test_the_manager_is_told_of_each_step(manager: Manager) -> None:
    notifier = Notifier(manager.environment)
    notifier.ready("Serving\nshop", main_pid=42)
    assert manager.told() == {"READY": "1", "STATUS": "Serving shop", "MAINPID": "42"}
    before = time.clock_gettime(time.CLOCK_MONOTONIC)
    notifier.reloading()
    told = manager.told()
    assert told.pop("RELOADING") == "1"
    assert before * 1e6 - 1 <= int(told["MONOTONIC_USEC"]) <= time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    notifier.stopping()
    assert manager.told() == {"STOPPING": "1"}
    notifier.status("3 workers")
    assert manager.told() == {"STATUS": "3 workers"}


def test_who_is_no_service_tells_nobody() -> None:
    notifier = Notifier({"WATCHDOG_USEC": "1000000"})
    notifier.ready("Serving")
    assert not notifier.watchdog


def test_a_manager_that_is_not_there_is_logged_and_the_service_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    Notifier({"NOTIFY_SOCKET": f"{tmp_path}/nobody"}).ready()
    assert "Cannot tell the service manager READY=1" in caplog.text


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, 0.0),
        ({"WATCHDOG_USEC": "soon"}, 0.0),
        ({}, 0.0),
    ],
)
def test_the_watchdog_waits_for_this_process_or_not(given: dict[str, str], seconds: float) -> None:
    assert Notifier({"NOTIFY_SOCKET": "/nowhere", **given}).watchdog == seconds


def test_the_watchdog_is_told_as_long_as_the_lane_turns(live_server: LiveServers, tmp_path: Path) -> None:
    manager = Manager(f"{tmp_path}/notify")
    server = live_server(hello)
    with Watchdog(Notifier({**manager.environment, "WATCHDOG_USEC": "20000"}), server.pulse):
        assert [manager.told() for _ in range(4)] == [{"WATCHDOG": "1"}] * 4
    manager.socket.close()


def test_a_lane_that_is_stuck_lets_the_watchdog_bite(tmp_path: Path) -> None:
    manager = Manager(f"{tmp_path}/notify")
    pulses: list[float] = []
    asked = threading.Semaphore(0)

    def stuck() -> float:
        pulses.append(time.monotonic())
        asked.release()
        return pulses[0]

    with Watchdog(Notifier({**manager.environment, "WATCHDOG_USEC": "10000"}), stuck):
        assert all(asked.acquire(timeout=PATIENCE) for _ in range(5))
    # Once when it began; and once more, since the lane had turned after that first look.
    manager.socket.setblocking(False)
    assert [manager.told() for _ in range(2)] == [{"WATCHDOG": "1"}] * 2
    with pytest.raises(BlockingIOError):
        manager.told()
    manager.socket.close()


@pytest.mark.skipif(not shutil.which("systemd-socket-activate"), reason="systemd-socket-activate is not here")
def test_systemd_passes_a_socket_and_is_told_when_it_is_served(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text("def handler(request): return 'served'\n")
    manager = Manager(f"{tmp_path}/notify")
    path = tmp_path / "socket"
    command = ["systemd-socket-activate", "-l", str(path), "--fdname=site", "-E", "NOTIFY_SOCKET", "-E", "PYTHONPATH"]
    environment = {**os.environ, **manager.environment, "PYTHONPATH": str(ROOT)}
    process = subprocess.Popen(
        [*command, sys.executable, "-m", "ehttpd", "shop:handler"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    try:
        assert "Listening on" in process.stderr.readline()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(path))
            client.sendall(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            assert manager.told()["READY"] == "1"
            answer = b""
            while data := client.recv(4096):
                answer += data
            assert answer.endswith(b"served")
        process.terminate()
        assert "STOPPING" in manager.told()
        assert process.wait(PATIENCE) == 0
    finally:
        process.kill()
        process.communicate()
        manager.socket.close()
