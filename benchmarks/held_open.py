#!/usr/bin/env python3
"""What open event streams and WebSockets cost: another client's latency, memory and threads.

    make held-open                                1,000 of each kind, one kind after the other, then all at once
    make held-open ARGS="--count 100"             fewer

A process of its own holds them open and reads what comes: an event a second on each stream. Meanwhile this one asks for
a short page, a request at a time. Needs Linux and the extra ``ehttpd[ws]``.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import selectors
import socket
import statistics
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from processes import ServerFailed, exit_when_terminated, free_port, running

HERE = Path(__file__).parent
KINDS = ("publisher", "generator", "crowd", "websocket")
UPGRADE = (
    "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: MDEyMzQ1Njc4OWFiY2RlZg==\r\n"
)
SPARE_DESCRIPTORS = 200
MEASURED_SECONDS = 6.0
PAUSE = 0.001  # Seconds between two requests.


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="how many of each kind")
    count = parser.parse_args().count
    exit_when_terminated()
    wanted = len(KINDS) * count + SPARE_DESCRIPTORS
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))
    print(f"{'open':>28} {'median us':>10} {'p99 us':>8} {'KiB each':>9} {'threads':>8}")
    try:
        for kinds in ((), *((kind,) for kind in KINDS), ("publisher", "websocket"), KINDS):
            observe(kinds, count)
    except (ServerFailed, EOFError, OSError) as failure:
        sys.exit(f"benchmarks: {failure}")


def observe(kinds: Sequence[str], count: int) -> None:
    """Print a line: what it costs to hold so many of each of these kinds open."""
    port = free_port()
    command = [sys.executable, "-m", "ehttpd", "held_open:app", "--bind", f"127.0.0.1:{port}",
               "--max-upgrades", str(count), "--max-event-streams", str(len(KINDS) * count)]  # fmt: skip
    with running(command, port, folder=HERE / "applications") as family:
        probe(port, 1.0)
        memory = family.resident_bytes()
        with held(port, kinds, count):
            latencies = probe(port, MEASURED_SECONDS)
            each = (family.resident_bytes() - memory) / 1024 / max(1, count * len(kinds))
            threads = family.threads()
    median, p99 = statistics.median(latencies) * 1e6, statistics.quantiles(latencies, n=100)[98] * 1e6
    told = " + ".join(kinds) or "nothing"
    print(f"{told:>28.28} {median:10,.0f} {p99:8,.0f} {each:9,.1f} {threads:8}", flush=True)


def probe(port: int, seconds: float) -> list[float]:
    """Ask again and again; return how many seconds each answer took."""
    latencies, until = [], time.monotonic() + seconds
    with socket.create_connection(("127.0.0.1", port), timeout=30) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while time.monotonic() < until:
            began = time.perf_counter()
            client.sendall(b"GET / HTTP/1.1\r\nHost: benchmark\r\n\r\n")
            if not client.recv(65536).endswith(b"Hello, world!\n"):
                raise ServerFailed("answered something else than the page")
            latencies.append(time.perf_counter() - began)
            time.sleep(PAUSE)
    return latencies


@contextmanager
def held(port: int, kinds: Sequence[str], count: int) -> Iterator[None]:
    """Have so many of each kind held open, by a process of its own; all of them must be open still at the end."""
    ours, theirs = multiprocessing.Pipe()
    holder = multiprocessing.Process(target=hold, args=(port, kinds, count, theirs))
    holder.start()
    theirs.close()  # so that its end is the end of the pipe
    try:
        ours.recv()
        yield
        ours.send("how many?")
        kept = ours.recv()
        if kept != count * len(kinds):
            raise ServerFailed(f"kept {kept} of {count * len(kinds)}")
    finally:
        holder.terminate()
        holder.join()


def hold(port: int, kinds: Sequence[str], count: int, parent: Connection) -> None:
    selector = selectors.DefaultSelector()
    selector.register(parent, selectors.EVENT_READ)
    for kind in kinds:
        for _ in range(count):
            client = socket.create_connection(("127.0.0.1", port), timeout=30)
            fields = UPGRADE if kind == "websocket" else ""
            client.sendall(f"GET /{kind} HTTP/1.1\r\nHost: benchmark\r\n{fields}\r\n".encode())
            if client.recv(65536).split(b" ", 2)[1] not in (b"200", b"101"):
                raise ServerFailed(f"refused to open /{kind}")
            selector.register(client, selectors.EVENT_READ)
    parent.send("they are open")
    kept = count * len(kinds)
    while True:
        for key, _ in selector.select():
            if key.fileobj is parent:
                parent.recv()
                parent.send(kept)
            elif isinstance(key.fileobj, socket.socket) and not key.fileobj.recv(65536):
                kept -= 1
                selector.unregister(key.fileobj)


if __name__ == "__main__":
    main()
