"""An upgrade that something comes in between of: a stop, or an end of the new supervisor."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from ehttpd.settings import Settings
from ehttpd.supervisor.births import FreshInterpreters
from ehttpd.supervisor.doors import Doors
from ehttpd.supervisor.hooks import Hooks
from ehttpd.supervisor.orders import UNHEARD, Orders
from ehttpd.supervisor.supervisor import Supervisor
from ehttpd.supervisor.upgrade import VARIABLE, Upgrade
from tests.server.live import come_true
from tests.supervisor.supervised import APPLICATION, Supervised, await_end_of, is_alive, supervised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

# Nobody ever writes there: the import lasts until the process is ended.
IMPORTED_FOR_EVER = APPLICATION + "\nprint('imports', flush=True)\nopen('gate').read()\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def begin_upgrade(server: Supervised) -> int:
    """Start a successor whose workers will never be ready, and return its number."""
    os.mkfifo("gate")
    Path("shop.py").write_text(IMPORTED_FOR_EVER)
    server.signal(signal.SIGUSR2)
    server.said("imports")
    return int(Path("server.pid.2").read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stop_stops_a_successor_that_is_not_ready_as_well(number: signal.Signals) -> None:
    with supervised("--pid", "server.pid", "--bind", "unix:server.sock") as server:
        successor = begin_upgrade(server)
        server.signal(number)
        assert server.end() == 0
        assert not is_alive(successor)
        assert sorted(each.name for each in Path().iterdir()) == ["gate", "shop.py"]


def test_a_second_stop_ends_a_successor_that_is_not_ready_as_well() -> None:
    with supervised("--pid", "server.pid", "--drain-delay", "60") as server:
        successor = begin_upgrade(server)
        server.signal(signal.SIGTERM)
        server.said("Not upgraded: this server stops, and process .* has ended")
        assert not is_alive(successor)
        assert server.ask()[1] == 1  # for the drain delay lasts
        server.signal(signal.SIGINT)
        assert server.end() == 128 + signal.SIGINT


def test_a_stop_in_the_moment_of_the_hand_over_stops_both() -> None:
    with supervised("--pid", "server.pid") as server:
        server.signal(signal.SIGUSR2)
        server.said("is to succeed")
        server.signal(signal.SIGSTOP)
        server.await_ready(after=len(server.lines) - 1)
        successor = int(server.ready["pid"])
        server.signal(signal.SIGTERM)
        server.signal(signal.SIGCONT)
        assert server.end() == 0
        await_end_of(successor)
        assert not Path("server.pid").exists()


def test_whoever_stops_the_successor_alone_leaves_the_predecessor_its_sockets() -> None:
    with supervised("--pid", "server.pid", "--bind", "unix:server.sock") as server:
        old = server.await_workers(2)
        os.kill(begin_upgrade(server), signal.SIGTERM)
        server.said("Not upgraded: the new process ended with exit code 0")
        assert server.await_workers(2) == old
        with socket.socket(socket.AF_UNIX) as connecting:
            connecting.connect("server.sock")


def test_a_successor_that_cannot_start_leaves_the_predecessor_its_sockets() -> None:
    with supervised("--bind", "unix:server.sock") as server:
        old = server.await_workers(2)
        Path("shop.py").write_text("import nothing_of_that_name\n")
        server.signal(signal.SIGUSR2)
        server.said("Not upgraded: the new process ended with exit code 3")
        assert server.await_workers(2) == old
        with socket.socket(socket.AF_UNIX) as connecting:
            connecting.connect("server.sock")


def test_a_successor_goes_on_with_a_unix_socket_whose_file_somebody_has_removed() -> None:
    with supervised("--bind", "unix:server.sock") as server:
        Path("server.sock").unlink()
        seen = len(server.lines)
        server.signal(signal.SIGUSR2)
        server.await_ready(seen)
        server.said("succeeds the one before")
        successor = int(server.ready["pid"])
        os.kill(successor, signal.SIGTERM)
        await_end_of(successor)


def test_who_stops_is_not_upgraded_and_answers_what_was_accepted() -> None:
    os.mkfifo("gate")
    code = APPLICATION.replace("time.sleep(0.3)", "open('gate').read()")
    with supervised("--bind", "unix:server.sock", code=code) as server, closing(server.connect()) as slow:
        slow.request("GET", "/slow")
        server.said("called")
        server.signal(signal.SIGTERM)
        come_true(lambda: not Path("server.sock").exists())
        server.signal(signal.SIGUSR2)
        server.said("Not upgraded: this server stops")
        Path("gate").write_text("")
        assert slow.getresponse().status == 200
        assert server.end() == 0


def test_who_is_about_to_stop_is_not_upgraded_and_serves_until_then() -> None:
    with supervised("--drain-delay", "60", "--health-path", "/health") as server:
        server.signal(signal.SIGTERM)
        come_true(lambda: health(server) == 503)
        server.signal(signal.SIGUSR2)
        server.said("Not upgraded: this server stops")
        assert server.ask()[1] == 1
        server.signal(signal.SIGINT)
        assert server.end() == 128 + signal.SIGINT
        assert not any("is to succeed" in line for line in server.lines)


def health(server: Supervised) -> int:
    with closing(server.connect()) as probe:
        probe.request("GET", "/health")
        return probe.getresponse().status


class Told(Upgrade):
    """A successor that has taken over, and hears what it is told."""

    def __init__(self, handed_at: float) -> None:
        self.handed_at = handed_at
        self.kinds: list[str] = []
        self.process = type("Process", (), {"pid": 1})()

    def tell(self, kind: str, within: float) -> None:
        self.kinds.append(kind)


def who_has_handed_over() -> Supervisor:
    """Return a supervisor without workers that has handed over."""
    supervisor = Supervisor(Settings(workers=2), lambda supervisor, settings: FreshInterpreters(), 0.0)
    supervisor.handed_over = True
    supervisor.stop_at = time.monotonic()
    return supervisor


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    supervisor = who_has_handed_over()
    yield supervisor
    supervisor._end()


@pytest.mark.parametrize(("ago", "kinds"), [(0.0, ["stop"]), (UNHEARD, [])])
def test_a_stop_is_passed_on_by_who_has_handed_over_a_moment_ago(
    supervisor: Supervisor, ago: float, kinds: list[str]
) -> None:
    successor = supervisor.successor = Told(time.monotonic() - ago)
    Orders(supervisor, Settings, ".", {}).take(signal.SIGTERM)
    assert successor.kinds == kinds
    assert not supervisor.stopping  # what was accepted is still answered


def test_a_stop_is_passed_on_that_comes_while_who_has_handed_over_ends() -> None:
    supervisor = who_has_handed_over()
    successor = supervisor.successor = Told(time.monotonic())
    orders = Orders(supervisor, Settings, ".", {})
    inbox, outbox = socket.socketpair()

    class Late:
        @staticmethod
        def on_exit(view: object) -> None:
            outbox.send(bytes([signal.SIGTERM]))

    with inbox, outbox:
        supervisor.listen_to(inbox, lambda: orders.take(inbox.recv(1)[0]))
        supervisor.hooks = Hooks(Late)
        supervisor._end()
    assert successor.kinds == ["stop"]


def test_a_successor_that_listens_elsewhere_removes_what_its_predecessor_listened_at(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = Doors().open(Settings(bind=["unix:before.sock", "unix:both.sock"]))
    passed = before.passed
    for listeners in passed.values():
        for each in listeners:
            each["descriptor"] = os.dup(each["descriptor"])
    ours, theirs = socket.socketpair()
    monkeypatch.setenv(VARIABLE, json.dumps({"channel": theirs.detach(), "doors": passed, "pid": 1}))
    settings = Settings(bind=["unix:both.sock", "unix:after.sock"], workers=1)
    supervisor = Supervisor(settings, lambda supervisor, settings: FreshInterpreters(), 0.0)
    Orders(supervisor, Settings, ".", {})
    supervisor._begin()
    supervisor.take_over()
    assert Path("before.sock").exists()
    before.leave_files()
    before.close()
    ours.close()
    supervisor.be_alone()
    assert sorted(each.name for each in Path().glob("*.sock")) == ["after.sock", "both.sock"]
    supervisor._end()
    assert not list(Path().glob("*.sock"))
