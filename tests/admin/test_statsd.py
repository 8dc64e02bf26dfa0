"""What statsd is sent, under the names of gunicorn."""

from __future__ import annotations

import re
import signal
import socket
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ehttpd.admin.statsd import DATAGRAM, RequestsTold, Statsd, packed
from ehttpd.errors import SettingsError
from ehttpd.messages import Request, Response
from ehttpd.settings import Settings
from tests.admin.conftest import Watch
from tests.server.live import PATIENCE, LiveServer, come_true, serving
from tests.supervisor.supervised import supervised


@pytest.fixture
def receiver() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver:
        receiver.bind(("127.0.0.1", 0))
        receiver.settimeout(PATIENCE)
        yield receiver


@pytest.fixture
def server() -> Iterator[LiveServer]:
    def handler(request: Request) -> Response:
        return Response.text("done", 500 if request.path == "/broken" else 200)

    with serving(handler, counts=True) as server:
        yield server


def counted(server: LiveServer) -> int:
    found = server.snapshot()["requests"]
    return sum(found["by_status"].values()) if found is not None else 0


def told(receiver: socket.socket, name: str, count: int) -> list[str]:
    """Receive until ``name`` was counted so often, and return every line that came."""
    lines: list[str] = []
    while added_up(lines, name) < count:
        lines += receiver.recv(DATAGRAM).decode().split("\n")
    return lines


def added_up(lines: list[str], name: str) -> int:
    found = [re.match(rf"{re.escape(name)}:(\d+)\|c", line) for line in lines]
    return sum(int(each[1]) for each in found if each)


def named(receiver: socket.socket, **options: str) -> Statsd:
    statsd = Statsd.of(Settings(statsd_host=f"127.0.0.1:{receiver.getsockname()[1]}", **options))
    assert statsd is not None
    return statsd


def test_each_request_is_sent_once_under_the_names_of_gunicorn(server: LiveServer, receiver: socket.socket) -> None:
    peer = server.connect()
    for target in ("/", "/", "/broken"):
        peer.ask(target)
    come_true(lambda: counted(server) == 3)
    statsd = named(receiver, statsd_prefix="shop.", statsd_tags="a:b,c")
    with RequestsTold(statsd, lambda: server.snapshot()["requests"]):
        pass  # it ends before the first second has passed
    lines = receiver.recv(DATAGRAM).decode().split("\n")
    assert {line for line in lines if "|c|" in line} == {
        "shop.gunicorn.requests:3|c|#a:b,c",
        "shop.gunicorn.request.status.200:2|c|#a:b,c",
        "shop.gunicorn.request.status.500:1|c|#a:b,c",
    }
    duration = re.compile(r"shop\.gunicorn\.request\.duration:([\d.]+)\|ms\|@([\d.]+)\|#a:b,c")
    durations = [duration.fullmatch(line) for line in lines]
    assert round(sum(1 / float(found[2]) for found in durations if found)) == 3


def test_what_was_sent_is_not_sent_again_in_the_end(
    server: LiveServer, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ehttpd.admin.statsd.SECONDS_BETWEEN", 0.01)
    with RequestsTold(named(receiver), lambda: server.snapshot()["requests"]):
        server.connect().ask()
        told(receiver, "gunicorn.requests", 1)
    receiver.setblocking(False)
    with pytest.raises(BlockingIOError):
        receiver.recv(DATAGRAM)


def test_requests_wait_for_a_statsd_whose_name_is_not_known_yet(
    server: LiveServer, receiver: socket.socket, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[object] = []

    def unknown_at_first(*name: object, **details: Any) -> Any:
        looked_up.append(name)
        if len(looked_up) < 3:
            raise socket.gaierror("not known")
        return getaddrinfo(*name, **details)

    getaddrinfo: Any = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", unknown_at_first)
    monkeypatch.setattr("ehttpd.admin.statsd.SECONDS_BETWEEN", 0.01)
    server.connect().ask()
    with RequestsTold(named(receiver), lambda: server.snapshot()["requests"]):
        assert added_up(told(receiver, "gunicorn.requests", 1), "gunicorn.requests") == 1


def test_what_is_sent_after_a_refusal_arrives(receiver: socket.socket) -> None:
    address = receiver.getsockname()
    receiver.close()
    statsd = Statsd(*address)
    statsd.send(["lost:1|c"])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
        again.bind(address)
        again.settimeout(PATIENCE)
        statsd.send(["found:1|c"])
        assert again.recv(DATAGRAM) == b"found:1|c"
    statsd.close()


@pytest.mark.parametrize(
    "words", [["--workers", "1"], [], ["--max-requests", "10"], ["--preload"]]
)
@pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")
def test_every_request_is_counted_once_from_the_first_to_the_last(
    words: list[str], receiver: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with supervised("--statsd-host", f"127.0.0.1:{receiver.getsockname()[1]}", *words) as server:
        for _ in range(50):
            server.ask()
        server.signal(signal.SIGTERM)
        assert server.end() == 0
    receiver.setblocking(False)
    lines: list[str] = []
    with suppress(BlockingIOError):
        while True:
            lines += receiver.recv(DATAGRAM).decode().split("\n")
    assert added_up(lines, "gunicorn.requests") == added_up(lines, "gunicorn.request.status.200") == 50


def test_the_clock_sends_by_itself(watched: Watch, receiver: socket.socket) -> None:
    watched(lambda request: Response.text("hello"), statsd_host=f"127.0.0.1:{receiver.getsockname()[1]}")
    assert b"gunicorn.workers:1|g" in receiver.recv(DATAGRAM)


def test_nobody_who_listens_is_no_error(server: LiveServer, receiver: socket.socket) -> None:
    port = receiver.getsockname()[1]
    receiver.close()
    statsd = Statsd("127.0.0.1", port)
    for _ in range(3):
        statsd.send_state([server.snapshot()])
    statsd.close()


def test_datagrams_are_full_but_not_too_long() -> None:
    lines = [f"gunicorn.a_name_that_is_long.{number}:1|c" for number in range(200)]
    datagrams = list(packed(lines))
    assert max(map(len, datagrams)) <= DATAGRAM
    assert b"\n".join(datagrams).decode().split("\n") == lines
    assert len(datagrams) == 6


@pytest.mark.parametrize("host", ["statsd", "statsd:", ":8125", "statsd:0", "statsd:99999", "statsd:a"])
def test_what_is_no_host_and_port_is_told(host: str) -> None:
    with pytest.raises(SettingsError, match="host:port"):
        Statsd.of(Settings(statsd_host=host))
