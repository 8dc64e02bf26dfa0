"""What a supervisor wants of a nursery that imports for long."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ehttpd.supervisor.channel import Channel
from ehttpd.supervisor.forks import Forks
from tests.server.live import come_true
from tests.supervisor.supervised import APPLICATION, await_end_of, children_of, supervised

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

IMPORTS_UNTIL_TOLD = """
print("imports", flush=True)
open("told").read()
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("told")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_a_stop_ends_a_nursery_that_never_comes_back_from_its_import(number: signal.Signals) -> None:
    with supervised("--preload", code=IMPORTS_UNTIL_TOLD, ready=False) as server:
        server.said("imports")
        (nursery,) = server.workers()
        server.signal(number)
        assert server.end() == 0
        await_end_of(nursery)


def test_another_reload_ends_one_that_never_comes_back_from_its_import() -> None:
    with supervised("--preload") as server:
        working = Path("shop.py").read_text()
        (before,) = server.workers()
        Path("shop.py").write_text(IMPORTS_UNTIL_TOLD)
        server.signal(signal.SIGHUP)
        server.said("imports")
        (hangs,) = set(server.workers()) - {before}
        Path("shop.py").write_text(working.replace("VERSION = 1", "VERSION = 2"))
        server.signal(signal.SIGHUP)
        server.said("Reloaded")
        await_end_of(before, hangs)
        assert server.ask()[1] == 2


def test_a_reload_that_fails_in_the_middle_leaves_nobody_with_what_is_new() -> None:
    with supervised("--preload") as server:
        code = Path("shop.py").read_text().replace("VERSION = 1", "VERSION = 2")
        Path("hooks.py").write_text("def post_fork(worker):\n    if worker.number == 2: raise SystemExit(9)\n")
        Path("shop.py").write_text(code)
        Path("ehttpd.toml").write_text('hooks = "hooks.py"\n')
        server.signal(signal.SIGHUP)
        server.said("Not reloaded")
        (before, *_) = server.workers()
        come_true(lambda: len(children_of(before)) == 2 and server.workers() == [before])
        assert server.ask()[1] == server.ask()[1] == 1


def test_more_is_wanted_of_a_nursery_that_imports_than_a_channel_holds() -> None:
    Path("shop.py").write_text(IMPORTS_UNTIL_TOLD + "raise SystemError\n")
    heard: dict[Channel, Callable[[], None]] = {}
    forks = Forks(heard.__setitem__, lambda channel: channel.close())
    order: dict[str, object] = {"settings": {"app": ("shop:application", "a test")}, "much": "x" * (1 << 17)}
    channels = [forks.start(order, [])[1] for _ in range(8)]
    Path("told").write_text("go on")
    ((nursery, hear),) = heard.items()
    os.set_blocking(nursery.fileno(), True)
    hear()
    assert [channel.first()["kind"] for channel in channels] == ["failed"] * 8
    forks.close()
    forks.end()
    for channel in (nursery, *channels):
        channel.close()


def test_workers_whose_nursery_has_died_are_the_supervisors_where_it_takes_orphans_in() -> None:
    # As for the process with the number 1 of a container: who has ended is a zombie until its parent asks.
    subreaper = "import ctypes\ndef on_starting(supervisor): ctypes.CDLL(None).prctl(36, 1)\n"
    Path("takes_orphans_in.py").write_text(subreaper)
    with supervised("--preload", "--hooks", "takes_orphans_in") as server:
        (nursery,) = server.workers()
        orphan, _ = children_of(nursery)
        os.kill(nursery, signal.SIGKILL)
        come_true(lambda: orphan in server.workers())
        os.kill(orphan, signal.SIGKILL)
        server.said(rf"\(pid {orphan}\) ended with signal SIGKILL")
        server.signal(signal.SIGTERM)
        assert server.end() == 0


def test_a_worker_that_cannot_be_forked_is_tried_again_and_costs_no_other() -> None:
    # Where there are too many processes, os.fork raises this.
    fails = """
import os
fork, calls = os.fork, []

def fork_but_for_the_third_time():
    calls.append(1)
    if len(calls) == 3:
        raise BlockingIOError(11, "Resource temporarily unavailable")
    return fork()

os.fork = fork_but_for_the_third_time
"""
    with supervised("--preload", code=APPLICATION + fails) as server:
        (nursery,) = server.workers()
        first, second = children_of(nursery)
        os.kill(first, signal.SIGKILL)
        server.said("could not start: this process cannot be forked: Resource temporarily unavailable")
        come_true(lambda: len(children_of(nursery)) == 2)
        assert second in children_of(nursery)
        assert server.workers() == [nursery]


@pytest.mark.parametrize("handler", ["signal.SIG_IGN", "lambda number, frame: os.waitpid(-1, os.WNOHANG)"])
def test_a_worker_that_ends_is_replaced_whatever_the_application_does_when_children_end(handler: str) -> None:
    code = f"import signal\nsignal.signal(signal.SIGCHLD, {handler})\n"
    with supervised("--preload", code=APPLICATION + code) as server:
        (nursery,) = server.workers()
        old = children_of(nursery)
        os.kill(old[0], signal.SIGKILL)
        server.said(rf"pid {old[0]}\) ended with signal SIGKILL")
        come_true(lambda: len(set(children_of(nursery)) - {old[0]}) == 2)


def test_threads_of_the_application_do_not_keep_a_nursery_that_has_no_supervisor() -> None:
    code = "import threading\nthreading.Thread(target=threading.Event().wait).start()\n"
    with supervised("--preload", "--graceful-timeout", "1", code=APPLICATION + code) as server:
        (nursery,) = server.workers()
        server.signal(signal.SIGKILL)
        await_end_of(nursery)
