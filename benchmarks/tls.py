#!/usr/bin/env python3
"""TLS beside peers: full handshakes a second, resumed ones, and requests a second on connections that stay.

    python benchmarks/tls.py
    python benchmarks/tls.py --servers ehttpd,gunicorn --rounds 5 --seconds 3

A handshake is a new connection, TLS 1.3 or 1.2, one request, and the end; four processes of `openssl s_time` make them.
Requests are wrk's, with 64 connections. The servers take turns, and the median of the rounds counts. The certificate is
of ECDSA P-256, made on the fly. Needs Linux, openssl and wrk.
"""

from __future__ import annotations

import argparse
import http.client
import re
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import environment
import load
from environment import HERE
from processes import START_TIMEOUT, Family, ServerFailed, exit_when_terminated, free_port, last_words, stop
from servers import APPLICATIONS, ENVIRONMENT, SERVERS, home_of

sys.path.insert(0, str(HERE.parent))
from ehttpd.testing.certificates import Authority

CLIENTS = 4
CONNECTIONS = 64
THREADS = 16
APPLICATION = "plain:application"
# What is put behind the command line of a server without TLS; cheroot's has no flags for it.
COMMANDS = {
    "ehttpd": SERVERS["ehttpd"].command + " --certfile {certificate}",
    "gunicorn": SERVERS["gunicorn"].command + " --certfile {certificate} --keyfile {certificate}",
    "cheroot": "{bin}/python {here}/embedded.py cheroot-tls {application} {port} {certificate} {threads}",
    "granian": SERVERS["granian"].command + " --ssl-certificate {certificate} --ssl-keyfile {certificate}",
}


def main() -> None:
    options = arguments()
    exit_when_terminated()
    names = options.servers.split(",")
    needed = [name for name in ("openssl", "wrk") if not shutil.which(name)]
    if needed or not set(names) <= set(COMMANDS):
        sys.exit(f"benchmarks: missing {', '.join(needed)}." if needed else f"benchmarks: know {', '.join(COMMANDS)}.")
    certificate = Authority().pem_for()
    rates: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for _ in range(options.rounds):
        for name in names:
            try:
                with serving(name, options.peers, certificate) as port:
                    for what, measure in MEASURES.items():
                        rates[what][name].append(measure(port, options.seconds))
            except ServerFailed as failure:
                print(f"{name}: {failure}", file=sys.stderr)
    print_table(names, rates)


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", default="ehttpd,gunicorn,cheroot,granian")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="of each measurement")
    parser.add_argument("--peers", type=Path, default=environment.DEFAULT_FOLDER, help="where the peers are installed")
    return parser.parse_args()


@contextmanager
def serving(name: str, peers: Path, certificate: str) -> Iterator[int]:
    """Serve while the block lasts; yields the port."""
    port = free_port()
    values = {
        "bin": home_of(SERVERS[name], peers) / "bin",
        "here": HERE,
        "application": APPLICATION,
        "port": port,
        "threads": THREADS,
        "certificate": certificate,
    }
    command = [word.format(**values) for word in COMMANDS[name].split()]
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            command, cwd=APPLICATIONS, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
        )
        try:
            deadline = time.monotonic() + START_TIMEOUT
            while not answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    raise ServerFailed(last_words(output))
            yield port
        finally:
            stop(process)
            assert Family(process.pid)


def answers(port: int) -> bool:
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    connection = http.client.HTTPSConnection("127.0.0.1", port, timeout=1.0, context=context)
    with suppress(OSError, http.client.HTTPException):
        connection.request("GET", "/", headers={"Connection": "close"})
        answered = connection.getresponse()
        answered.read()
        connection.close()
        return answered.status == 200
    connection.close()
    time.sleep(0.01)
    return False


def handshakes(*flags: str) -> Callable[[int, int], float]:
    """Return what measures connections a second, each with its handshake and a request."""

    def measure(port: int, seconds: int) -> float:
        command = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-www", "/", "-time", str(seconds), *flags]
        clients = [
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            for _ in range(CLIENTS)
        ]
        reports = [client.communicate()[0] for client in clients]
        counts = [re.findall(r"(\d+) connections in (\d+) real seconds", report) for report in reports]
        return sum(int(made) / max(1, int(took)) for found in counts for made, took in found[-1:])

    return measure


def requests(port: int, seconds: int) -> float:
    command = ["wrk", "--threads=1", f"--connections={CONNECTIONS}", f"--duration={seconds}s", "--latency"]
    started = subprocess.Popen(
        [*command, f"https://127.0.0.1:{port}/"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    report = load.finish(started)
    if report.errors:
        raise ServerFailed(f"{report.errors} of {report.requests} requests failed")
    return report.rate


MEASURES: dict[str, Callable[[int, int], float]] = {
    "handshakes, TLS 1.3": handshakes("-new", "-tls1_3"),
    "handshakes, TLS 1.2": handshakes("-new", "-tls1_2"),
    "resumed, TLS 1.2": handshakes("-reuse", "-tls1_2"),
    "requests": requests,
}


def print_table(names: list[str], rates: dict[str, dict[str, list[float]]]) -> None:
    print(f"| a second | {' | '.join(names)} |\n| --- |{' --: |' * len(names)}")
    for what, by_name in rates.items():
        medians = [f"{statistics.median(by_name[name]):,.0f}" if by_name[name] else "none" for name in names]
        print(f"| {what} | {' | '.join(medians)} |")


if __name__ == "__main__":
    main()
