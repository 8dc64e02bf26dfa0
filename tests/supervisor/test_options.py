"""What can be had besides: forks of one import, hooks, users, names, delays."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import chdir, closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ehttpd.errors import SettingsError
from ehttpd.launch.pidfile import PidFile
from ehttpd.records.targets import File
from ehttpd.settings import Settings
from ehttpd.supervisor.command import supervise
from ehttpd.supervisor.doors import Doors
from ehttpd.supervisor.privileges import identity
from tests.running import PATIENCE, ROOT
from tests.server.live import come_true
from tests.supervisor.supervised import APPLICATION, answer, await_end_of, children_of, supervised
from tests.supervisor.test_processes import BROKEN, Client

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are looked up in /proc")

SHOWS = """
import os

def application(environ, start_response):
    start_response("200 OK", [])
    old = os.umask(0)
    os.umask(old)
    groups = ",".join(map(str, os.getgroups()))
    return [f"{os.getuid()} {os.getgid()} {groups} {old:o} {IMPORTED_BY}".encode()]

IMPORTED_BY = os.getuid()
"""
# Has a command inherit a socket as systemd passes it.
AS_SYSTEMD = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.argv[2], sys.argv[2:])
"""
HOOKS = """
import os

def say(*words):
    print(*words, flush=True)

def on_starting(supervisor):
    say("on_starting", supervisor.pid == os.getpid(), supervisor.settings.workers)

def when_ready(supervisor):
    say("when_ready", len(supervisor.workers), supervisor.addresses)

def on_reload(supervisor):
    raise LookupError("a hook that fails")

def post_fork(worker):
    say("post_fork", worker.number)

def post_worker_init(worker):
    say("post_worker_init", worker.number, worker.pid == os.getpid())

def worker_exit(worker):
    say("worker_exit", worker.number)

def child_exit(supervisor, worker):
    say("child_exit", worker.number, worker.exit_code)

def on_exit(supervisor):
    say("on_exit")
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_preloaded_workers_are_forks_of_one_import_and_a_reload_makes_another() -> None:
    code = APPLICATION.replace("import os, time\n", "import os, time\nprint('imported', flush=True)\n")
    with supervised("--preload", code=code) as server:
        (nursery,) = server.workers()
        old = children_of(nursery)
        assert len(old) == 2
        assert server.ask()[0] in old
        os.kill(old[0], signal.SIGKILL)
        server.said(rf"Worker . \(pid {old[0]}\) ended with signal SIGKILL")
        assert server.lines.count("imported") == 1
        with Client(server.connect):
            Path("shop.py").write_text(code.replace("VERSION = 1", "VERSION = 2"))
            server.signal(signal.SIGHUP)
            server.said("Reloaded")
            await_end_of(nursery, *old)  # until then they may answer
            assert server.ask()[1] == 2
        assert server.lines.count("imported") == 2
        Path("shop.py").write_text(BROKEN)
        server.signal(signal.SIGHUP)
        server.said("could not start.*nothing_of_that_name")
        assert server.ask()[1] == 2


def test_a_reload_that_fails_leaves_what_workers_are_forked_of() -> None:
    with supervised("--preload") as server:
        (nursery,) = server.workers()
        old = children_of(nursery)
        Path("shop.py").write_text(BROKEN)
        server.signal(signal.SIGHUP)
        server.said("Not reloaded")
        for each in old:
            os.kill(each, signal.SIGKILL)
            server.said(rf"\(pid {each}\) ended with signal SIGKILL")
        pid, version, _ = server.ask()
        assert version == 1
        assert pid in children_of(nursery)
        Path("shop.py").write_text(APPLICATION.replace("VERSION = 1", "VERSION = 2"))
        server.signal(signal.SIGHUP)
        server.said("Reloaded")
        await_end_of(nursery)
        assert server.ask()[1] == 2


def test_a_preloaded_application_that_ends_the_process_is_told_with_its_exit_code() -> None:
    with supervised("--preload", code="import os\nos._exit(7)\n", ready=False) as server:
        assert server.end() == 3
        server.said(r"Worker 1 \(not forked yet\) ended with exit code 7 before it was ready")
        server.said("^ehttpd: a worker ended with exit code 7 before it was ready")


def test_a_preloaded_application_that_cannot_be_imported_is_told_once() -> None:
    with supervised("--preload", code=BROKEN, ready=False) as server:
        assert server.end() == 3
        assert len([line for line in server.lines if line.startswith("ehttpd: ")]) == 1


@pytest.mark.parametrize("hook", ["child_exit", "on_exit"])
def test_a_hook_that_leaves_by_sys_exit_leaves_no_file(hook: str) -> None:
    Path("turns.py").write_text(f"import sys\ndef {hook}(*views): sys.exit(6)\n")
    words = ("--hooks", "turns", "--bind", "unix:server.sock", "--pid", "server.pid")
    with supervised(*words) as server:
        server.signal(signal.SIGTERM)
        assert server.end() == 6
        assert not Path("server.sock").exists()
        assert not Path("server.pid").exists()


def test_hooks_are_called_in_the_course_of_life() -> None:
    Path("turns.py").write_text(HOOKS)
    with supervised("--hooks", "turns", "--workers", "1") as server:
        server.said(r"when_ready 1 \['127")
        for each in ("on_starting True 1", "post_fork 1", "post_worker_init 1 True"):
            server.said(f"^{each}$")
        server.signal(signal.SIGHUP)
        server.said("The hook on_reload failed")
        server.said("^worker_exit 1$")
        server.said("^child_exit 1 0$")
        server.signal(signal.SIGTERM)
        assert server.end() == 0
        printed = [line for line in server.lines if not line.startswith("timestamp=")]  # messages come by another pipe
        assert printed[-1] == "on_exit"


def everybody_may_read(path: str) -> bool:
    return all(each.stat().st_mode & 0o005 == 0o005 for each in Path(path).resolve().parents)


def python_for_everybody() -> str:
    """Return an interpreter that others than root may run; skip where there is none."""
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else")
    if not everybody_may_read(str(ROOT / "ehttpd" / "cli.py")):
        pytest.skip("others may not read this folder")
    if everybody_may_read(os.__file__):
        return sys.executable
    found = shutil.which("python3", path="/usr/bin")
    new = "import sys; sys.exit(sys.version_info < (3, 11))"
    if found is None or subprocess.run([found, "-c", new]).returncode:
        pytest.skip("others may not run this Python")
    return found


@contextmanager
def folder_for_everybody() -> Iterator[str]:
    """Be in a folder that everybody may read, and only root write to, while the block runs; yield an interpreter that
    everybody may run.
    """
    python = python_for_everybody()
    with tempfile.TemporaryDirectory() as place:
        os.chmod(place, 0o755)
        with chdir(place):
            yield python


def test_root_gives_up_its_privileges_before_the_application_is_imported() -> None:
    with folder_for_everybody() as python:
        words = ("--user", "nobody", "--group", "daemon", "--umask", "027")
        with supervised(*words, code=SHOWS, python=python) as server, closing(server.connect()) as connection:
            user, group, _ = identity(Settings(user="nobody", group="daemon"))
            connection.request("GET", "/")
            seen = connection.getresponse().read().decode()
            assert seen == f"{user} {group} {group} 27 {user}"
            assert Path(f"/proc/{server.process.pid}").stat().st_uid == 0


def test_the_file_of_a_unix_socket_belongs_to_the_user_and_group_of_the_workers() -> None:
    words = ("--bind", "unix:s.sock", "--user", "nobody", "--group", "daemon")
    with folder_for_everybody() as python, supervised(*words, python=python):
        user, group, _ = identity(Settings(user="nobody", group="daemon"))
        found = Path("s.sock").stat()
        assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (user, group, 0o660)


def test_root_makes_log_files_for_the_user_of_the_workers_also_when_they_were_moved_away() -> None:
    with folder_for_everybody() as python:
        access, error = Path("access.log"), Path("error.log")
        words = ("--user", "nobody", "--access-log", str(access), "--error-log", str(error))
        with supervised(*words, python=python) as server:
            server.ask()
            come_true(lambda: access.read_text() != "")
            access.rename("access.log.1")
            server.signal(signal.SIGUSR1)
            come_true(access.exists)
            come_true(lambda: server.ask()[1] == 1 and access.read_text() != "")
            user, group, _ = identity(Settings(user="nobody"))
            assert [(each.stat().st_uid, each.stat().st_gid) for each in (access, error)] == [(user, group)] * 2


def test_root_makes_log_files_that_a_reload_names_for_the_user_of_the_workers() -> None:
    with folder_for_everybody() as python:
        access = Path("new.log")
        with supervised("--user", "nobody", python=python) as server:
            Path("ehttpd.toml").write_text(f"access_log = '{access}'\n")
            server.signal(signal.SIGHUP)
            server.said("Reloaded")
            come_true(lambda: server.ask()[1] == 1 and access.exists() and access.read_text() != "")
            access.rename("new.log.1")
            server.signal(signal.SIGUSR1)
            come_true(lambda: server.ask()[1] == 1 and access.exists() and access.read_text() != "")


def test_a_log_file_is_not_made_for_another_user_where_a_link_leads(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    (tmp_path / "access.log").symlink_to("elsewhere")
    File(str(tmp_path / "access.log"), (12345, 12345)).close()
    assert (tmp_path / "elsewhere").stat().st_uid == 0


def test_a_reload_gives_nobody_what_was_linked_in_the_place_of_a_unix_socket(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may give files away")
    (tmp_path / "ours").touch()
    path = tmp_path / "s.sock"
    settings = Settings(bind=[f"unix:{path}"], user="nobody")
    doors = Doors().open(settings)
    try:
        path.unlink()
        path.symlink_to(tmp_path / "ours")
        doors.open(settings)
    finally:
        doors.close()
    assert (tmp_path / "ours").stat().st_uid == 0


def test_what_an_address_keeps_is_what_it_was_opened_with_and_not_what_the_server_was_started_with(
    tmp_path: Path,
) -> None:
    port, file = "127.0.0.1:0", f"unix:{tmp_path / 's.sock'}"
    first = Doors().open(Settings(bind=[port]))
    try:
        private = Settings(bind=[port, file], uds_mode=0o600)
        doors = first.open(private)
        assert doors.kept(private) == [], "the file is new, and a port has no permissions"
        now = Settings(bind=[port, file], backlog=7)
        doors = doors.open(now)
        assert doors.kept(now) == ["backlog", "uds_mode"]
    finally:
        first.close()
        doors.close()


def test_a_user_who_may_not_read_the_library_is_told_which_folder(tmp_path: Path) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may become somebody else")
    closed = tmp_path / "closed"
    shutil.copytree(ROOT / "ehttpd", closed / "ehttpd", ignore=shutil.ignore_patterns("__pycache__"))
    closed.chmod(0o700)
    tmp_path.chmod(0o755)
    (tmp_path / "shop.py").write_text(APPLICATION)
    words = [sys.executable, "-m", "ehttpd", "shop:application", "--bind", "127.0.0.1:0", "--user", "nobody"]
    environment = {**os.environ, "PYTHONPATH": str(closed)}
    told = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE)
    assert told.returncode == 2
    folder = re.match(r"ehttpd: the user 'nobody' cannot read the folder (\S+), in which ", told.stderr)
    assert folder is not None
    assert not Path(folder[1]).stat().st_mode & 0o001
    assert "Traceback" not in told.stderr


def test_whoever_is_not_there_cannot_be_become() -> None:
    with pytest.raises(SettingsError, match="there is no user 'nobody-of-that-name'"):
        identity(Settings(user="nobody-of-that-name"))
    with pytest.raises(SettingsError, match="there is no group 'nobody-of-that-name'"):
        identity(Settings(group="nobody-of-that-name"))
    for number in ("4294967295", "9" * 20):  # the first would leave root what it is
        with pytest.raises(SettingsError, match=f"there is no user '{number}'"):
            identity(Settings(user=number))
        with pytest.raises(SettingsError, match=f"there is no group '{number}'"):
            identity(Settings(group=number))
    assert identity(Settings(user="12345", group="54321")) == (12345, 54321, "")


def test_processes_have_names() -> None:
    with supervised("--name", "bookshop") as server:
        assert Path(f"/proc/{server.process.pid}/comm").read_text() == "bookshop\n"
        names = {Path(f"/proc/{each}/comm").read_text() for each in server.workers()}
        assert names == {"bookshop w1\n", "bookshop w2\n"}


def test_before_a_stop_everything_is_served_and_nothing_is_healthy_for_a_while() -> None:
    words = ("--drain-delay", "60", "--health-path", "/health")
    with supervised(*words) as server, closing(server.connect()) as connection:
        connection.request("GET", "/health")
        assert connection.getresponse().read() == b"healthy\n"
        server.signal(signal.SIGTERM)
        statuses = set()
        while 503 not in statuses:
            with closing(server.connect()) as probe:
                probe.request("GET", "/health")
                statuses.add(probe.getresponse().status)
        with closing(server.connect()) as late:
            assert answer(late)[1] == 1
        server.signal(signal.SIGINT)
        assert server.end() == 128 + signal.SIGINT


def test_a_worker_that_comes_before_a_stop_is_not_healthy_either() -> None:
    with supervised("--drain-delay", "60", "--health-path", "/health") as server:

        def health() -> int:
            with closing(server.connect()) as probe:
                probe.request("GET", "/health")
                return probe.getresponse().status

        server.signal(signal.SIGTERM)
        come_true(lambda: health() == 503)
        old = server.workers()
        for each in old:
            os.kill(each, signal.SIGKILL)
        server.await_workers(2, but=old)
        come_true(lambda: health() == 503)
        server.signal(signal.SIGINT)


def test_connections_move_to_a_worker_that_comes_later() -> None:
    with supervised("--workers", "1", "--supervise") as server:
        (old,) = server.await_workers(1)
        with Client(server.connect, connections=8) as client:
            server.signal(signal.SIGTTIN)
            client.await_answers_of(lambda: set(server.workers()) - {old})


def test_the_service_manager_is_told_of_life_reloads_upgrades_and_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("notify")
        manager.settimeout(PATIENCE)
        monkeypatch.setenv("NOTIFY_SOCKET", str(Path("notify").absolute()))
        monkeypatch.setenv("WATCHDOG_USEC", "200000")
        monkeypatch.delenv("WATCHDOG_PID", raising=False)

        def told(*wanted: str) -> None:
            missing = set(wanted)
            while missing:
                missing -= set(manager.recv(4096).decode().splitlines())

        with supervised() as server:
            told("READY=1", "WATCHDOG=1")
            told("WATCHDOG=1")
            server.signal(signal.SIGHUP)
            told("RELOADING=1")
            told("READY=1")
            seen = len(server.lines)
            server.signal(signal.SIGUSR2)
            server.await_ready(after=seen)
            successor = int(server.ready["pid"])
            told("READY=1", f"MAINPID={successor}")
            server.said("succeeds the one before")
            os.kill(successor, signal.SIGTERM)
            told("STOPPING=1")
            await_end_of(successor)


def test_what_needs_a_supervisor() -> None:
    assert not Settings().supervised
    for given in ({"workers": 2}, {"supervise": True}, {"max_requests": 9}, {"user": "nobody"}, {"preload": True}):
        assert Settings(**given).supervised


def test_without_worker_processes_the_operator_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ehttpd.supervisor.command.HAS_FORK", False)
    with pytest.raises(SettingsError, match="this system has no worker processes"):
        supervise(Settings(workers=2), Settings, ".", {}, 0.0)


def test_a_pid_file_is_replaced_if_its_process_has_ended_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "server.pid"
    for left in ("", "rubbish", "4194304999"):
        path.write_text(left)
        with PidFile(str(path)):
            assert path.read_text() == f"{os.getpid()}\n"
        assert not path.exists()
    with subprocess.Popen([sys.executable, "-c", "input()", "ehttpd"], stdin=subprocess.PIPE) as ours:
        path.write_text(str(ours.pid))
        with pytest.raises(SettingsError, match=rf"the process {ours.pid} of the pid file"):
            PidFile(str(path)).write()
        ours.communicate(b"\n")
    with pytest.raises(SettingsError, match="cannot write the pid file"):
        PidFile(str(tmp_path / "nowhere" / "server.pid")).write()


def test_what_is_no_file_is_never_replaced_by_a_pid_file(tmp_path: Path) -> None:
    path = tmp_path / "as" / "device"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(path))
        for wrong in (path, path.parent):
            with pytest.raises(SettingsError, match="it is no file"), PidFile(str(wrong)):
                pass
    assert path.is_socket()


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="needs proc(5)")
def test_a_pid_file_is_replaced_if_its_number_has_gone_to_another_program(tmp_path: Path) -> None:
    path = tmp_path / "server.pid"
    with subprocess.Popen([sys.executable, "-c", "input('here')"], stdin=-1, stdout=-1) as other:
        assert other.stdout is not None
        other.stdout.read(4)
        path.write_text(str(other.pid))
        PidFile(str(path)).write()
        assert path.read_text() == f"{os.getpid()}\n"
        other.communicate(b"\n")


@pytest.mark.parametrize("workers", ["1", "2"])
def test_whoever_starts_it_may_have_closed_the_standard_streams(tmp_path: Path, workers: str) -> None:
    Path("shop.py").write_text(APPLICATION)
    command = [sys.executable, "-m", "ehttpd", "shop:application", "--bind", "unix:server.sock", "--workers", workers]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"}
    with subprocess.Popen(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "-", *command], env=environment) as server:
        with socket.socket(socket.AF_UNIX) as client:
            come_true(lambda: client.connect_ex(str(tmp_path / "server.sock")) == 0)
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.recv(12) == b"HTTP/1.1 200"
            while client.recv(4096):
                pass
        server.terminate()
        assert server.wait(PATIENCE) == 0


def test_a_successor_goes_on_with_the_sockets_that_systemd_has_passed(tmp_path: Path) -> None:
    Path("shop.py").write_text(APPLICATION)
    words = ["-m", "ehttpd", "shop:application", "--workers", "1", "--supervise"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LISTEN_FDS": "1"}
    with socket.create_server(("127.0.0.1", 0)) as listening:
        command = [sys.executable, "-c", AS_SYSTEMD, str(listening.fileno()), sys.executable, *words]
        host, port = listening.getsockname()

        def supervisor() -> int:
            with closing(HTTPConnection(host, port, timeout=PATIENCE)) as connection:
                worker = answer(connection)[0]
            return int(Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[1])

        descriptors = [listening.fileno()]
        with subprocess.Popen(command, env=environment, pass_fds=descriptors, stderr=subprocess.PIPE) as server:
            assert server.stderr is not None
            assert supervisor() == server.pid
            server.send_signal(signal.SIGUSR2)
            assert server.wait(PATIENCE) == 0
            successor = supervisor()
            os.kill(successor, signal.SIGTERM)
            said = server.stderr.read()  # until nobody is left who could say something
            assert b"event=caution" not in said
