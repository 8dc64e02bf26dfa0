#!/usr/bin/env python3
"""What resting connections cost: memory of each, threads held, and the latency of another client.

    python benchmarks/idle.py                                  starts ehttpd, opens 10,000 connections
    python benchmarks/idle.py --address 127.0.0.1:8000 --pid 4711      a server that runs already

Every connection makes one request, rests, and makes another at the end, so that we know it was really kept. A server
that runs already must keep idle connections for some minutes and accept as many. Needs Linux; no wrk.
"""

from __future__ import annotations

import argparse
import resource
import socket
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import environment
from processes import Family, ServerFailed, exit_when_terminated
from servers import SERVERS, home_of, serving

REQUEST = b"GET / HTTP/1.1\r\nHost: benchmark\r\n\r\n"
SPARE_DESCRIPTORS = 200
PROBES = 2000

Address = tuple[str, int]


class ConnectionDropped(ServerFailed):
    """The server closed a connection that it should have kept."""


@dataclass(frozen=True)
class Latency:
    median_us: float
    p99_us: float

    def __str__(self) -> str:
        return f"median {self.median_us:,.0f} us, p99 {self.p99_us:,.0f} us"


def main() -> None:
    options = arguments()
    exit_when_terminated()
    allow_descriptors(options.connections)
    try:
        with server(options) as (family, address):
            kept = observe(family, address, options.connections)
    except (ServerFailed, OSError) as failure:
        sys.exit(f"benchmarks: {failure}")
    sys.exit(kept != options.connections)


def observe(family: Family, address: Address, connections: int) -> int:
    """Open the connections, let them rest, print what they cost; returns how many answer a second time.

    Raises:
        ServerFailed, OSError: the server did not take a connection, or closed one at once.
    """
    before = probe(address)
    memory, threads = family.resident_bytes(), family.threads()
    with ExitStack() as stack:
        resting = [stack.enter_context(connect(address)) for _ in range(connections)]
        for connection in resting:
            exchange(connection)
        each = (family.resident_bytes() - memory) / connections
        print(f"{connections:,} idle connections: {each:,.0f} bytes of resident memory each")
        print(f"threads: {threads} before, {family.threads()} while they rest")
        print(f"another client, before:  {before}")
        print(f"another client, beside:  {probe(address)}")
        kept = sum(still_answers(connection) for connection in resting)
        print(f"answered again: {kept:,} of {connections:,}")
        return kept


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--connections", type=int, default=10_000)
    parser.add_argument("--address", help="host:port of a server that runs already")
    parser.add_argument("--pid", type=int, help="its process")
    parser.add_argument("--server", choices=SERVERS, default="ehttpd", help="which to start, unless one runs already")
    parser.add_argument("--peers", type=Path, default=environment.DEFAULT_FOLDER, help="where the peers are installed")
    options = parser.parse_args()
    if bool(options.address) != bool(options.pid):
        parser.error("--address and --pid belong together")
    return options


def allow_descriptors(connections: int) -> None:
    """Raise the limit of open files for us and for the server that we start."""
    wanted = connections + SPARE_DESCRIPTORS
    allowed, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < wanted:
        sys.exit(
            f"benchmarks: {connections} connections need {wanted} open files, {most} are allowed: ulimit -n {wanted}"
        )
    if allowed != resource.RLIM_INFINITY and allowed < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, most))


@contextmanager
def server(options: argparse.Namespace) -> Iterator[tuple[Family, Address]]:
    """The server to measure: the one that was named, or one of our own."""
    if options.address:
        host, _, port = options.address.rpartition(":")
        yield Family(options.pid), (host, int(port))
        return
    chosen = SERVERS[options.server]
    with serving(chosen, home_of(chosen, options.peers), patient=True) as (family, port):
        yield family, ("127.0.0.1", port)


def connect(address: Address) -> socket.socket:
    connection = socket.create_connection(address, timeout=30)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def exchange(connection: socket.socket) -> None:
    """Ask once, and read the whole answer: it is short and has a Content-Length.

    Raises:
        ConnectionDropped: no whole answer came.
    """
    connection.sendall(REQUEST)
    received = bytearray()
    while (head_end := received.find(b"\r\n\r\n")) < 0:
        received += receive(connection)
    length = int(bytes(received[:head_end]).lower().partition(b"\r\ncontent-length:")[2].split(b"\r\n")[0])
    while len(received) < head_end + 4 + length:
        received += receive(connection)


def receive(connection: socket.socket) -> bytes:
    data = connection.recv(65536)
    if not data:
        raise ConnectionDropped("the server closed a connection that it should have kept")
    return data


def still_answers(connection: socket.socket) -> bool:
    try:
        exchange(connection)
    except (ConnectionDropped, OSError):
        return False
    return True


def probe(address: Address) -> Latency:
    """Return how long a client waits that asks one request after the other."""
    durations = []
    with connect(address) as connection:
        for _ in range(PROBES):
            start = time.perf_counter()
            exchange(connection)
            durations.append((time.perf_counter() - start) * 1e6)
    return Latency(statistics.median(durations), statistics.quantiles(durations, n=100)[98])


if __name__ == "__main__":
    main()
