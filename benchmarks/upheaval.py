#!/usr/bin/env python3
"""Upheaval: what clients notice while workers are reloaded, killed and upgraded, and servers stopped and started.

    python benchmarks/upheaval.py                        50 reloads, 50 kills, 20 upgrades, 50 stop-and-starts twice
    python benchmarks/upheaval.py --only reload,kill     some of it
    python benchmarks/upheaval.py --times 5              fewer of each

64 connections ask without a pause. Each request names a number that no other has, some have a body; the answer must
repeat both. A connection is used until the server closes it, and then opened anew. Requests that were sent and not
answered are lost: none may be, but those that a worker was in the middle of when it was killed. Stop-and-starts happen
behind nginx and behind HAProxy, in front of two servers that take turns. Exits with 1 unless all is well. Needs Linux.
"""

from __future__ import annotations

import argparse
import os
import random
import selectors
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PATIENCE = 30.0
APPLICATION = """
import os, time

def application(environ, start_response):
    if environ["PATH_INFO"] == "/slow":
        time.sleep(0.02)
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"%d %s %s" % (os.getpid(), environ["QUERY_STRING"].encode(), body)]
"""
SLOW_EVERY, POST_EVERY = 50, 10


class Client:
    """One connection at a time: sends a request, compares the answer, and so on."""

    def __init__(self, load: Load) -> None:
        self._load = load
        self.connection: socket.socket
        self.worker = 0  # which process answers on this connection
        self.due: bytes | None = None
        self._received = b""
        self.open()

    def open(self) -> None:
        self.worker, self.due, self._received = 0, None, b""
        self.connection = socket.socket()
        try:
            self.connection.connect(self._load.address)
        except OSError as error:
            self._load.note(f"not connected: {error.strerror}", 0)
            time.sleep(0.01)
        self.connection.setblocking(False)
        self._load.selector.register(self.connection, selectors.EVENT_READ, self)
        self.ask()

    def ask(self) -> None:
        number = self._load.next_number()
        body = b"%d" % number * 30 if number % POST_EVERY == 0 else b""
        target = "/slow" if number % SLOW_EVERY == 0 else "/"
        framing = f"Content-Length: {len(body)}\r\n" if body else ""
        head = f"{'POST' if body else 'GET'} {target}?{number} HTTP/1.1\r\nHost: upheaval\r\n{framing}\r\n"
        self.due = b" %d %s" % (number, body)
        try:
            self.connection.sendall(head.encode() + body)
        except OSError as error:
            self.lose(f"not sent: {error.strerror}")

    def receive(self) -> None:
        try:
            data = self.connection.recv(65536)
        except BlockingIOError:
            return
        except OSError as error:
            self.lose(f"not answered: {error.strerror}")
            return
        if not data:
            self.lose("not answered: the connection ended" + (" in the middle" if self._received else ""))
            return
        self._received += data
        head, blank, body = self._received.partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        length = next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), None)
        if not blank or (length is not None and len(body) < length):
            return
        self._received = b""
        self.judge(head, body)
        if b"connection: close" in lines or length is None:
            self._reopen()
        else:
            self.ask()

    def judge(self, head: bytes, body: bytes) -> None:
        assert self.due is not None
        worker, blank, rest = body.partition(b" ")
        if not head.startswith(b"HTTP/1.1 200 ") or blank + rest != self.due:
            self._load.note(f"wrong: {head[:40]!r} {body[:40]!r}, due {self.due[:40]!r}", self.worker)
        else:
            self.worker = int(worker)
            self._load.answered_by(self.worker)

    def lose(self, how: str) -> None:
        self._load.note(how, self.worker)
        self._reopen()

    def _reopen(self) -> None:
        self._load.selector.unregister(self.connection)
        self.connection.close()
        self.open()


class Load:
    """Clients that ask, in a thread of their own, as long as it is entered."""

    def __init__(self, address: tuple[str, int], connections: int) -> None:
        self.address = address
        self.selector = selectors.DefaultSelector()
        self.answered = 0
        self.lost: Counter[str] = Counter()
        self.excused = 0  # lost with a worker that was killed
        self.killed: set[int] = set()
        self._number = 0
        self._connections = connections
        self._seen: set[int] = set()
        self._news = threading.Condition()
        self._stopped = False
        self._thread = threading.Thread(target=self._run)

    def next_number(self) -> int:
        self._number += 1
        return self._number

    def answered_by(self, worker: int) -> None:
        self.answered += 1
        if worker not in self._seen:
            with self._news:
                self._seen.add(worker)
                self._news.notify_all()

    def note(self, what: str, worker: int) -> None:
        """Count a request that was lost or wrong; ``worker``: the process at the other end, 0 if it never answered."""
        if self.killed and (worker in self.killed or not worker) and what.startswith("not answered"):
            self.excused += 1
        else:
            self.lost[what] += 1

    def await_workers(self, workers: Callable[[], list[int]], count: int) -> None:
        """Wait until there are so many workers and each has answered."""
        deadline = time.monotonic() + PATIENCE
        with self._news:
            while not (len(found := workers()) == count and set(found) <= self._seen):
                if time.monotonic() > deadline:
                    raise TimeoutError(f"there are {found}, and {sorted(self._seen)} have answered")
                self._news.wait(0.02)

    def _run(self) -> None:
        clients = [Client(self) for _ in range(self._connections)]
        while not self._stopped:
            for key, _ in self.selector.select(0.1):
                key.data.receive()
        for client in clients:
            client.connection.close()
        self.selector.close()

    def __enter__(self) -> Load:
        self._thread.start()
        return self

    def __exit__(self, *failure: object) -> None:
        self._stopped = True
        self._thread.join()


class Server:
    """ehttpd with workers, told what to do by signals."""

    def __init__(self, folder: Path, port: int, workers: int) -> None:
        self.folder, self.port, self.workers = folder, port, workers
        self._lines: list[str] = []
        self._said = threading.Condition()
        self.pid = 0

    def start(self) -> None:
        seen = len(self._lines)
        flags = ["--workers", str(self.workers), "--bind", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ehttpd", "app:application", *flags],
            cwd=self.folder,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.pid = self.process.pid
        threading.Thread(target=self._read, args=(self.process.stderr,), daemon=True).start()
        self.await_said("event=ready", seen)

    def _read(self, stream: Iterator[str]) -> None:
        for line in stream:
            with self._said:
                self._lines.append(line.strip())
                self._said.notify_all()

    def await_said(self, text: str, seen: int) -> str:
        with self._said:
            deadline = time.monotonic() + PATIENCE
            while not (found := [line for line in self._lines[seen:] if text in line]):
                if not self._said.wait(deadline - time.monotonic()):
                    raise TimeoutError(f"{text!r} was not said: {self._lines[-5:]}")
            return found[0]

    def children(self) -> list[int]:
        return [int(each) for each in Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()]

    def reload(self) -> None:
        seen = len(self._lines)
        os.kill(self.pid, signal.SIGHUP)
        self.await_said("Reloaded", seen)

    def kill_worker(self, load: Load) -> None:
        load.await_workers(self.children, self.workers)
        victim = random.choice(self.children())
        load.killed.add(victim)
        os.kill(victim, signal.SIGKILL)
        self.await_said(f"(pid {victim}) ended with", 0)
        load.await_workers(self.children, self.workers)

    def upgrade(self) -> None:
        seen = len(self._lines)
        os.kill(self.pid, signal.SIGUSR2)
        ready = self.await_said("event=ready", seen)
        self.await_said("succeeds the one before", seen)
        self.pid = next(int(word[4:]) for word in ready.split() if word.startswith("pid="))

    def stop(self) -> None:
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + PATIENCE
        while Path(f"/proc/{self.pid}").exists() and self.process.poll() is None:
            if time.monotonic() > deadline:
                raise TimeoutError("the server does not stop")
            time.sleep(0.01)

    def restart(self) -> None:
        self.stop()
        self.start()


NGINX = """
daemon off; master_process off; pid {folder}/nginx.pid; error_log {folder}/nginx.log warn;
events {{ worker_connections 1024; }}
http {{
    access_log off; client_body_temp_path {folder}; proxy_temp_path {folder};
    fastcgi_temp_path {folder}; uwsgi_temp_path {folder}; scgi_temp_path {folder};
    upstream servers {{
        server 127.0.0.1:{first} max_fails=0; server 127.0.0.1:{second} max_fails=0; keepalive 64;
    }}
    server {{
        listen 127.0.0.1:{port};
        keepalive_requests 1000000;
        location / {{
            proxy_pass http://servers; proxy_http_version 1.1; proxy_set_header Connection "";
            proxy_next_upstream error timeout; proxy_next_upstream_tries 3; proxy_connect_timeout 3s;
        }}
    }}
}}
"""
HAPROXY = """
defaults
    mode http
    timeout connect 3s
    timeout client 30s
    timeout server 30s
    retries 5
    option redispatch 1
    retry-on conn-failure empty-response response-timeout
frontend clients
    bind 127.0.0.1:{port}
    default_backend servers
backend servers
    http-reuse safe
    server first 127.0.0.1:{first}
    server second 127.0.0.1:{second}
"""


@contextmanager
def proxy(name: str, folder: Path, ports: tuple[int, int]) -> Iterator[int]:
    """Run nginx or HAProxy in front of two servers; yield its port."""
    port = free_port()
    text = {"nginx": NGINX, "haproxy": HAPROXY}[name].format(folder=folder, port=port, first=ports[0], second=ports[1])
    configuration = folder / f"{name}.conf"
    configuration.write_text(text)
    command = {"nginx": ["nginx", "-c", str(configuration)], "haproxy": ["haproxy", "-db", "-f", str(configuration)]}
    with subprocess.Popen(command[name], cwd=folder, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)
        try:
            yield port
        finally:
            process.terminate()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        return port


def run(what: str, times: int, options: argparse.Namespace) -> bool:
    """Have something happen so many times under load; tell whether nothing was lost."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (folder / "app.py").write_text(APPLICATION)
        servers = [Server(folder, free_port(), options.workers) for _ in range(2 if what in PROXIES else 1)]
        for server in servers:
            stack.callback(server.stop)
            server.start()
        port = servers[0].port
        if what in PROXIES:
            port = stack.enter_context(proxy(what, folder, (servers[0].port, servers[1].port)))
        began = time.monotonic()
        with Load(("127.0.0.1", port), options.connections) as load:
            for number in range(times):
                server = servers[number % len(servers)]
                if what == "kill":
                    server.kill_worker(load)
                elif what == "reload":
                    server.reload()
                elif what == "upgrade":
                    server.upgrade()
                else:
                    server.restart()
                print(f"\r{what} {number + 1}/{times}", end="", file=sys.stderr, flush=True)
            seconds = time.monotonic() - began
        print("\r", end="", file=sys.stderr)
        lost = sum(load.lost.values())
        print(
            f"| {NAMES[what].format(times)} | {seconds:.0f} s | {load.answered:,} | {lost} | "
            f"{f'{load.excused}, with the workers' if what == 'kill' else ''} |"
        )
        for how, count in load.lost.most_common(10):
            print(f"    {count} x {how}")
        return not lost


PROXIES = ("nginx", "haproxy")
NAMES = {
    "reload": "{} reloads (HUP)",
    "kill": "{} workers killed (kill -9)",
    "upgrade": "{} upgrades (USR2)",
    "nginx": "{} stop-and-starts behind nginx",
    "haproxy": "{} stop-and-starts behind HAProxy",
}
TIMES = {"reload": 50, "kill": 50, "upgrade": 20, "nginx": 50, "haproxy": 50}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(TIMES), help="what is to happen, with commas between")
    parser.add_argument("--times", type=int, default=0, help="how often, instead of the usual number")
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    print("| what happened | took | answered | lost or wrong | lost by design |\n| --- | --: | --: | --: | --: |")
    well = True
    for what in options.only.split(","):
        if what in PROXIES and shutil.which(what) is None:
            print(f"| {NAMES[what].format(TIMES[what])} | not there | | | |")
            continue
        well &= run(what, options.times or TIMES[what], options)
    sys.exit(not well)


if __name__ == "__main__":
    main()
