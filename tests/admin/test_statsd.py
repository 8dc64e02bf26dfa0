"""What statsd is sent, under the names of gunicorn."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator

import pytest

from ehttpd.admin.statsd import DATAGRAM, Statsd, packed
from ehttpd.errors import SettingsError
from ehttpd.messages import Request, Response
from ehttpd.settings import Settings
from tests.admin.conftest import Watch
from tests.server.live import PATIENCE, LiveServer, come_true, serving


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


def test_what_was_added_is_sent_under_the_names_of_gunicorn(server: LiveServer, receiver: socket.socket) -> None:
    port = receiver.getsockname()[1]
    statsd = Statsd.of(Settings(statsd_host=f"127.0.0.1:{port}", statsd_prefix="shop.", statsd_tags="a:b,c"))
    assert statsd is not None
    statsd.send([server.snapshot()])
    first = receiver.recv(DATAGRAM).decode().split("\n")
    assert "shop.gunicorn.workers:1|g|#a:b,c" in first
    assert not any("requests" in line for line in first)
    peer = server.connect()
    for target in ("/", "/", "/broken"):
        peer.ask(target)
    come_true(lambda: counted(server) == 3)
    statsd.send([server.snapshot()])
    statsd.close()
    second = receiver.recv(DATAGRAM).decode().split("\n")
    assert {line for line in second if "|c" in line} == {
        "shop.gunicorn.requests:3|c|#a:b,c",
        "shop.gunicorn.request.status.200:2|c|#a:b,c",
        "shop.gunicorn.request.status.500:1|c|#a:b,c",
    }
    duration = re.compile(r"shop\.gunicorn\.request\.duration:([\d.]+)\|ms\|@([\d.]+)\|#a:b,c")
    durations = [duration.fullmatch(line) for line in second]
    assert round(sum(1 / float(found[2]) for found in durations if found)) == 3


def test_the_clock_sends_by_itself(watched: Watch, receiver: socket.socket) -> None:
    watched(lambda request: Response.text("hello"), statsd_host=f"127.0.0.1:{receiver.getsockname()[1]}")
    assert b"gunicorn.workers:1|g" in receiver.recv(DATAGRAM)


def test_nobody_who_listens_is_no_error(server: LiveServer, receiver: socket.socket) -> None:
    port = receiver.getsockname()[1]
    receiver.close()
    statsd = Statsd("127.0.0.1", port)
    for _ in range(3):
        statsd.send([server.snapshot()])
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
