"""The command ``ehttpd``, from its words to its exit code, in a process of its own."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path

import pytest

from ehttpd import __version__
from ehttpd.cli import NOBODY_READS, main
from tests.running import PATIENCE, ROOT

COMMAND = (sys.executable, "-m", "ehttpd")
HELLO = """
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"Hello"]
"""
# Says on its output that it was called, and answers when it is told to through its input.
SLOW = """
import sys
def application(environ, start_response):
    print("called", flush=True)
    sys.stdin.readline()
    start_response("200 OK", [])
    return [b"finished"]
"""
# Forks a process that waits, and ends it.
FORKS = """
import multiprocessing, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of forks while there are threads
from threading import Event

context = multiprocessing.get_context("fork")

def wait(waits):
    waits.set()
    Event().wait(10)

def application(environ, start_response):
    waits = context.Event()
    child = context.Process(target=wait, args=(waits,), daemon=True)
    child.start()
    waits.wait()
    child.terminate()
    child.join()
    start_response("200 OK", [])
    return [b"%d" % child.exitcode]
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, empty, with no settings in the environment."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("EHTTPD_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return tmp_path


class Running:
    """A server process that is ready."""

    def __init__(self, process: subprocess.Popen[str], ready: Mapping[str, str]) -> None:
        self.process = process
        self.ready = ready
        self.output = process.stdout

    def connect(self) -> HTTPConnection:
        host, _, port = self.ready["listen"].partition(",")[0].removeprefix("http://").partition(":")
        return HTTPConnection(host, int(port), timeout=PATIENCE)

    def ask(self, target: str = "/") -> tuple[int, bytes]:
        """Return the status and the body of a response."""
        with closing(self.connect()) as connection:
            connection.request("GET", target)
            response = connection.getresponse()
            return response.status, response.read()

    def line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline().strip()

    def answer(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write("\n")
        self.process.stdin.flush()


@contextmanager
def running(*words: str) -> Iterator[Running]:
    """Start the command, wait until it is ready, and kill it in the end if it still runs."""
    process = subprocess.Popen(
        [*COMMAND, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with process:
        try:
            assert process.stderr is not None
            line = next((line for line in process.stderr if not line.startswith("event=caution ")), "")
            assert line.startswith("event=ready "), line + process.stderr.read()
            yield Running(process, dict(word.split("=", 1) for word in shlex.split(line)))
        finally:
            process.kill()


def failed(*words: str) -> tuple[int, list[str]]:
    """Run the command, which must end by itself, and return its exit code and what it said."""
    process = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert process.stdout == ""
    return process.returncode, process.stderr.splitlines()


def write(file: str, text: str) -> None:
    Path(file).write_text(text)


@pytest.mark.parametrize(
    ("named", "text", "kind"),
    [
        ("shop", HELLO, "WSGI"),
        ("shop:application", HELLO, "WSGI"),
        ("shop.py", HELLO, "WSGI"),
        ("shop:make()", HELLO + "\ndef make(): return application", "WSGI"),
        (
            "shop",
            "from ehttpd.native import Response\ndef app(request): return Response.text('Hello')",
            "native handler",
        ),
    ],
)
def test_what_is_named_is_served(named: str, text: str, kind: str) -> None:
    write("shop.py", text)
    with running(named, "--bind", "127.0.0.1:0") as server:
        assert server.ready["kind"] == kind
        assert server.ask() == (200, b"Hello")


def test_a_connection_handler_is_served_without_http() -> None:
    with running(str(ROOT / "examples" / "raw_lines.py"), "-b", "127.0.0.1:0") as server:
        assert server.ready["kind"] == "connection handler"
        host, _, port = server.ready["listen"].removeprefix("http://").partition(":")
        with socket.create_connection((host, int(port)), timeout=PATIENCE) as client:
            client.sendall(b"bye\n")
            assert client.makefile("rb").read() == b"BYE\n"


def test_the_server_listens_on_every_address(folder: Path) -> None:
    write("shop.py", HELLO)
    with running("shop", "-b", "127.0.0.1:0", "-b", "unix:shop.sock") as server:
        assert server.ready["listen"].endswith(",unix:shop.sock")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(PATIENCE)
            client.connect(str(folder / "shop.sock"))
            client.sendall(b"GET / HTTP/1.0\r\n\r\n")
            assert client.makefile("rb").read().endswith(b"\r\n\r\nHello")


def test_settings_come_from_flags_then_variables_then_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    write("shop.py", HELLO)
    write("pyproject.toml", "[tool.ehttpd]\nthreads = 5\nbind = '127.0.0.1:0'\n")
    with running("shop") as server:
        assert server.ready["threads"] == "1:5"
    monkeypatch.setenv("EHTTPD_THREADS", "2:6")
    with running("shop") as server:
        assert server.ready["threads"] == "2:6"
    with running("shop", "--threads", "3:7") as server:
        assert server.ready["threads"] == "3:7"


def test_a_variable_of_the_platform_is_weaker_than_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("PORT", str(taken.getsockname()[1]))
    write("shop.py", HELLO)
    with running("shop") as server:
        assert server.ready["listen"] == f"http://0.0.0.0:{os.environ['PORT']}"
    write("ehttpd.toml", "bind = '127.0.0.1:0'")
    with running("shop") as server:
        assert server.ready["listen"].startswith("http://127.0.0.1:")


def test_what_is_served_may_be_named_in_the_file_or_be_called_as_usual() -> None:
    write("shop.py", HELLO)
    write("pyproject.toml", "[tool.ehttpd]\napp = 'shop:application'\nbind = '127.0.0.1:0'\n")
    with running() as server:
        assert server.ready["app"] == "shop:application"
    write("pyproject.toml", "[tool.ehttpd]\nbind = '127.0.0.1:0'\n")
    write("app.py", HELLO)
    with running() as server:
        assert server.ready["app"] == "app:application"


def test_the_application_finds_what_flags_put_around_it(folder: Path) -> None:
    for name in ("code", "more", "data"):
        (folder / name).mkdir()
    write("more/parts.py", "PART = 'part'")
    write("code/shop.py", "import os, parts\n" + HELLO.replace('b"Hello"', "' '.join(made).encode()"))
    made = "[parts.PART, os.getcwd(), os.environ['A']]"
    write("code/maker.py", f"import os, parts, shop\ndef make():\n  shop.made = {made}\n  return shop.application")
    flags = f"--app-dir {folder}/code --pythonpath {folder}/more --chdir data -e A=1 --factory -b 127.0.0.1:0"
    with running("maker:make", *flags.split()) as server:
        assert server.ask() == (200, f"part {folder}/data 1".encode())


def test_folders_of_files_are_served_beside_the_application(folder: Path) -> None:
    write("shop.py", HELLO)
    (folder / "public" / "deep").mkdir(parents=True)
    write("public/deep/a.txt", "a file")
    flags = "--static /assets/v1=public --thread-stack-size 256k -b 127.0.0.1:0"
    with running("shop", *flags.split()) as server:
        assert server.ask("/assets/v1/deep/a.txt") == (200, b"a file")
        assert server.ask("/assets/v1/deep/b.txt")[0] == 404
        assert server.ask("/assets/v2") == (200, b"Hello")


def test_fields_of_every_response_are_the_operators() -> None:
    write("shop.py", HELLO)
    flags = "--header X-Served-By:web1 --server-header ours --no-date-header -b 127.0.0.1:0"
    with running("shop", *flags.split()) as server, closing(server.connect()) as connection:
        connection.request("GET", "/")
        headers = connection.getresponse().headers
        assert (headers["X-Served-By"], headers["Server"], headers["Date"]) == ("web1", "ours", None)


@pytest.mark.skipif(sys.platform != "linux", reason="names are looked up in /proc")
@pytest.mark.parametrize("words", [(), ("--reload",)], ids=["served", "reloaded"])
def test_one_process_is_called_as_the_operator_wants(words: tuple[str, ...]) -> None:
    write("shop.py", HELLO)
    with running("shop", "--name", "bookshop", *words) as server:
        assert Path(f"/proc/{server.process.pid}/comm").read_text() == "bookshop\n"
    with running("shop", *words) as server:
        assert Path(f"/proc/{server.process.pid}/comm").read_text() == "ehttpd\n"


def test_a_hint_is_given_to_who_comes_from_gunicorn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--workers 3")
    code, lines = failed("missing", "-k", "gthread")
    assert code == 3
    assert "-k gthread" in lines[0]
    assert "GUNICORN_CMD_ARGS" in lines[1]


def test_the_process_may_open_as_many_files_as_the_system_allows() -> None:
    resource = pytest.importorskip("resource")
    write("shop.py", HELLO.replace('b"Hello"', "str(resource.getrlimit(7)).encode()") + "\nimport resource")
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if resource.RLIMIT_NOFILE != 7 or hard == resource.RLIM_INFINITY:
        pytest.skip("another system")
    with running("shop", "-b", "127.0.0.1:0") as server:
        assert server.ask() == (200, str((hard, hard)).encode())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_idle_server_well(number: signal.Signals) -> None:
    write("shop.py", HELLO)
    with running("shop", "-b", "127.0.0.1:0") as server:
        server.process.send_signal(number)
        assert server.process.wait(PATIENCE) == 0


def test_signals_for_a_supervisor_end_nothing_where_there_is_none_and_quit_ends_at_once() -> None:
    write("shop.py", HELLO)
    with running("shop", "--bind", "127.0.0.1:0", "--pid", "server.pid") as server:
        assert Path("server.pid").read_text() == f"{server.process.pid}\n"
        assert server.process.stderr is not None
        for number in (signal.SIGTTIN, signal.SIGTTOU, signal.SIGUSR2):
            server.process.send_signal(number)
            assert f"{number.name} is for a supervisor, and there is none" in server.process.stderr.readline()
        server.process.send_signal(signal.SIGHUP)
        assert server.ask() == (200, b"Hello")
        server.process.send_signal(signal.SIGQUIT)
        assert server.process.wait(PATIENCE) == 0


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there are no forks")
@pytest.mark.parametrize("words", [(), ("--supervise",)])
def test_a_signal_to_a_process_that_a_handler_forks_is_none_to_the_server(words: tuple[str, ...]) -> None:
    write("shop.py", FORKS)
    with running("shop", "-b", "127.0.0.1:0", *words) as server:
        assert server.ask() == (200, str(-signal.SIGTERM).encode())
        assert server.ask() == (200, str(-signal.SIGTERM).encode())
        server.process.terminate()
        assert server.process.wait(PATIENCE) == 0
        assert server.process.stderr is not None
        assert "is to be replaced" not in server.process.stderr.read()


def test_a_signal_lets_a_request_finish() -> None:
    write("shop.py", SLOW)
    with running("shop", "-b", "127.0.0.1:0") as server, asked(server) as connection:
        server.process.send_signal(signal.SIGTERM)
        refuses_connections(server)
        server.answer()
        assert connection.getresponse().read() == b"finished"
        assert server.process.wait(PATIENCE) == 0


def test_a_second_signal_ends_the_process_at_once() -> None:
    write("shop.py", SLOW)
    with running("shop", "-b", "127.0.0.1:0") as server, asked(server):
        server.process.send_signal(signal.SIGINT)
        refuses_connections(server)
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 128 + signal.SIGTERM


@pytest.mark.skipif(not hasattr(signal, "SIGQUIT"), reason="needs signals of POSIX")
@pytest.mark.parametrize("numbers", [[signal.SIGQUIT], [signal.SIGTERM, signal.SIGINT]])
def test_a_process_that_ends_at_once_leaves_no_files(numbers: list[signal.Signals]) -> None:
    write("shop.py", SLOW)
    with running("shop", "-b", "127.0.0.1:0", "-b", "unix:shop.sock", "--pid", "server.pid") as server, asked(server):
        assert Path("shop.sock").exists()
        assert Path("server.pid").exists()
        for number in numbers:
            server.process.send_signal(number)
            if number != numbers[-1]:
                refuses_connections(server)
        server.process.wait(PATIENCE)
        assert not Path("shop.sock").exists()
        assert not Path("server.pid").exists()


@pytest.mark.parametrize("words", ["config", "translate gunicorn"])
def test_whoever_reads_what_is_printed_may_have_enough(words: str) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [*COMMAND, *words.split()]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None and process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(PATIENCE) == NOBODY_READS


def test_nothing_depends_on_messages_that_nobody_reads() -> None:
    write("shop.py", "from ehttpd.native import Response\napp = lambda request: Response()\n")
    nobody, end = os.pipe()
    os.close(nobody)
    with socket.create_server(("127.0.0.1", 0)) as listener, open(end, "w") as unread:
        command = [*COMMAND, "--bind", f"fd:{listener.fileno()}"]
        missing = subprocess.run([*command, "missing"], stderr=unread, check=False)
        assert missing.returncode == 3
        with subprocess.Popen([*command, "shop"], stderr=unread, pass_fds=[listener.fileno()]) as server:
            with closing(HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=PATIENCE)) as client:
                client.request("GET", "/")
                assert client.getresponse().status == 200
            server.terminate()
        assert server.returncode == 0


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no device that is always full")
@pytest.mark.parametrize("words", ["config", "translate 'gunicorn app'"])
def test_an_output_that_cannot_be_written_is_told(words: str) -> None:
    with open("/dev/full", "w") as full:
        told = subprocess.run([*COMMAND, *shlex.split(words)], stdout=full, stderr=subprocess.PIPE, text=True)
    assert told.stderr == "ehttpd: cannot write: no space left on device.\n"
    assert told.returncode == 3


@pytest.mark.parametrize(
    "words", ["--help", "dev --help", "translate 'gunicorn é:app'", "--print-config -e A=é", "config -e A=é"]
)
def test_an_output_of_ascii_shows_other_characters_as_escapes(words: str) -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    told = subprocess.run([*COMMAND, *shlex.split(words)], env=environment, capture_output=True, text=True)
    assert (told.returncode, told.stderr) == (0, "")
    assert "\\u2026" in told.stdout or "\\xe9" in told.stdout


@pytest.mark.parametrize("words", [(), ("--workers", "1", "--supervise")])
def test_a_signal_that_arrives_twice_at_once_is_one(words: tuple[str, ...]) -> None:
    write("shop.py", "import time\n" + SLOW.replace("sys.stdin.readline()", "time.sleep(0.5)"))
    with running("shop", "-b", "127.0.0.1:0", *words) as server, asked(server) as client:
        server.process.send_signal(signal.SIGTERM)
        server.process.send_signal(signal.SIGTERM)
        assert client.getresponse().read() == b"finished"
        assert server.process.wait(PATIENCE) == 0


def test_a_handler_that_never_ends_delays_the_end_no_longer_than_the_grace() -> None:
    write("shop.py", SLOW)
    with running("shop", "-b", "127.0.0.1:0", "--graceful-timeout", "50ms") as server, asked(server):
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0


def test_threads_of_an_application_delay_the_end_no_longer_than_the_grace() -> None:
    write("shop.py", f"import threading\nthreading.Thread(None, threading.Event().wait, 'waiter').start()\n{HELLO}")
    with running("shop", "-b", "127.0.0.1:0", "--graceful-timeout", "50ms", "--pid", "shop.pid") as server:
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert server.process.stderr is not None
        assert "threads did not end in time and are cut off: waiter.\n" in server.process.stderr.read()
        assert not Path("shop.pid").exists()


def test_a_thread_that_is_stuck_neither_holds_its_client_nor_the_end() -> None:
    write("shop.py", SLOW)
    flags = "-b 127.0.0.1:0 --threads 1 --request-timeout 50ms --max-stuck-threads 1 --health-path /health"
    with running("shop", *flags.split()) as server:
        assert server.ask("/health") == (200, b"healthy\n")
        assert server.ask("/") == (504, b"The application did not answer within 0.05 seconds.\n")
        assert server.ask("/health") == (503, b"1 threads are stuck in handlers\n")
        server.process.send_signal(signal.SIGTERM)
        assert server.process.wait(PATIENCE) == 0
        assert server.process.stderr is not None
        said = server.process.stderr.read()
        assert "no response within 0.05 s, so 504 was sent" in said
        assert "sys.stdin.readline()" in said, "the line of the application that it is at"


@contextmanager
def asked(server: Running) -> Iterator[HTTPConnection]:
    """Send a request to the slow application, and wait until that was called."""
    with closing(server.connect()) as connection:
        connection.request("GET", "/")
        assert server.line() == "called"
        yield connection


def refuses_connections(server: Running) -> None:
    """Wait until the server has closed its listener."""
    while True:
        try:
            with closing(server.connect()) as connection:
                connection.connect()
        except ConnectionRefusedError:
            return
        except ConnectionResetError:  # it was still in the backlog
            continue


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "name the application to serve, such as module:attribute."),
        (["shop", "--thread", "3"], "unknown flag '--thread'. Did you mean --threads?"),
        (["shop", "--keep-alive", "soon"], "--keep-alive: keep_alive_timeout must be a duration such as 30, 0.5,"),
        (["shop:a:b"], "'shop:a:b' does not name an application."),
    ],
)
def test_wrong_usage_is_exit_code_2(words: list[str], said: str) -> None:
    code, lines = failed(*words)
    assert code == 2
    assert lines[0].startswith(f"ehttpd: {said}")
    assert len(lines) <= 4


def test_a_wrong_key_in_the_file_is_told_with_its_line() -> None:
    write("pyproject.toml", "[tool.ehttpd]\nthread = 5\n")
    assert failed("shop") == (2, ["ehttpd: pyproject.toml:2: unknown setting 'thread'. Did you mean 'threads'?"])


def test_an_application_that_cannot_be_imported_is_exit_code_3() -> None:
    write("shop.py", "import redis_cache")
    code, lines = failed("shop")
    assert code == 3
    assert lines[0] == "ehttpd: importing 'shop' failed in its own code:"
    assert len(lines) <= 6


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        ("fails -b 127.0.0.1:0", 3),
        ("fails -b 127.0.0.1:0 --workers 2", 3),
        ("fails -b 127.0.0.1:0 --workers 2 --preload", 3),
        ("check fails -b 127.0.0.1:0", 3),
        ("check works -b 127.0.0.1:0", 0),
        ("works -b 127.0.0.1:0 --check-config", 0),
    ],
)
def test_threads_of_an_application_that_is_not_served_hold_no_process(words: str, exit_code: int) -> None:
    write("works.py", f"import threading\nthreading.Thread(target=threading.Event().wait).start()\n{HELLO}")
    write("fails.py", "from works import application\n1 / 0\n")
    told = subprocess.run([*COMMAND, *words.split()], capture_output=True, text=True, timeout=PATIENCE)
    assert told.returncode == exit_code
    assert ("ZeroDivisionError" in told.stdout + told.stderr) == (exit_code == 3)


def test_the_full_traceback_is_shown_on_request() -> None:
    write("shop.py", "import redis_cache")
    code, lines = failed("shop", "--log-level", "debug", "--log-format", "text")
    assert code == 3
    assert "Traceback (most recent call last):" in lines


def test_a_port_in_use_is_told_with_the_process_that_holds_it() -> None:
    write("shop.py", HELLO)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"127.0.0.1:{listener.getsockname()[1]}"
        code, lines = failed("shop", "--bind", address)
    assert code == 3
    assert lines[0] == f"ehttpd: cannot listen on {address}: address already in use."
    if sys.platform == "linux":
        assert lines[1].startswith(f"  By pid {os.getpid()}  ")
    assert lines[-1] == "  Stop the other program, or choose another address with --bind."


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may listen anywhere")
def test_a_privileged_port_is_told_with_what_to_do() -> None:
    write("shop.py", HELLO)
    code, lines = failed("shop", "--bind", "127.0.0.1:80")
    assert (code, lines[0]) == (3, "ehttpd: cannot listen on 127.0.0.1:80: permission denied.")


@pytest.mark.parametrize("flag", ["--version", "-v", "-V"])
def test_the_version_is_printed(capsys: pytest.CaptureFixture[str], flag: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main([flag])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"ehttpd {__version__}\n")


# Says that it is imported, and is so when it is told to through its input. Looks up now and then: a signal that comes
# between the interpreter's last look and a call that blocks is heard when that returns.
WAITS = "while not select.select([sys.stdin], [], [], 0.1)[0]: pass"
SLOWLY = f"import select, sys\nprint('imports', flush=True)\n{WAITS}\n{HELLO}"


@contextmanager
def importing(*before: str, code: str = SLOWLY) -> Iterator[subprocess.Popen[str]]:
    """Start the command with the words ``before`` it, and wait until the application is being imported."""
    write("shop.py", code)
    words = [*before, *COMMAND, "shop", "-b", "127.0.0.1:0", "--pid", "server.pid"]
    process = subprocess.Popen(words, stdin=-1, stdout=-1, stderr=-1, text=True)
    with process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "imports\n"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_while_the_application_is_imported_ends_at_once(number: signal.Signals) -> None:
    with importing() as process:
        process.send_signal(number)
        assert process.wait(PATIENCE) == 0
        assert process.stderr is not None
        assert process.stderr.read() == ""
        assert not Path("server.pid").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="needs namespaces of processes")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_a_stop_while_the_application_is_imported_ends_the_first_process_of_a_container(number: signal.Signals) -> None:
    unshare = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")
    if shutil.which("unshare") is None or subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("there are no namespaces for us")
    with importing(*unshare) as process:
        (first,) = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        os.kill(int(first), number)
        assert process.wait(PATIENCE) == 0


def test_a_stop_that_the_import_takes_no_notice_of_is_heeded_after_it() -> None:
    deaf = SLOWLY.replace(WAITS, f"try:\n    {WAITS}\nexcept BaseException: pass")
    with importing(code=deaf) as process:
        process.terminate()
        assert process.wait(PATIENCE) == 0


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="needs signals of POSIX")
def test_other_signals_while_the_application_is_imported_are_kept_until_it_serves() -> None:
    own = "\nimport signal\nsignal.signal(signal.SIGUSR2, signal.SIG_DFL)\n"
    with importing(code=SLOWLY + own) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        for number in (signal.SIGHUP, signal.SIGUSR1, signal.SIGTTIN, signal.SIGTTOU):
            process.send_signal(number)
        process.stdin.write("\n")
        process.stdin.flush()
        assert "event=ready" in process.stderr.readline()
        process.send_signal(signal.SIGUSR2)
        said = "".join(process.stderr.readline() for _ in range(4))
        # Signals that come at once have no order.
        assert sorted(re.findall(r"SIG\w+ is for a supervisor|Logs and certificates are opened anew", said)) == [
            "Logs and certificates are opened anew",
            "SIGTTIN is for a supervisor",
            "SIGTTOU is for a supervisor",
            "SIGUSR2 is for a supervisor",
        ]
        process.terminate()
        assert process.wait(PATIENCE) == 0


def test_an_interrupt_while_the_application_is_imported_ends_quietly() -> None:
    write("shop.py", "raise KeyboardInterrupt")
    assert failed("shop") == (130, [])
