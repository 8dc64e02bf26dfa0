"""The servers under comparison: how each is started.

Authority: their command lines. Each gets one process and the scenario's number of threads; all else is as it comes,
but for logs (off) and for limits that would refuse the load.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from environment import HERE, install
from processes import Family, free_port, running

APPLICATIONS = HERE / "applications"
PROJECT = HERE.parent
SERVER_PROCESSOR = "0"
# ehttpd and the applications run from this tree; their bytecode is kept, as pip keeps that of the peers.
ENVIRONMENT = {"PYTHONPATH": os.pathsep.join(map(str, (PROJECT, APPLICATIONS))), "PYTHONDONTWRITEBYTECODE": ""}


@dataclass(frozen=True)
class Server:
    """One row: ``command`` is filled with {bin}, {here}, {application}, {port} and {threads}.

    ``patience``: the flags that make it keep idle connections for minutes, if it does not anyway.
    """

    name: str
    distribution: str
    command: str
    threaded: bool = True
    patience: str = ""

    def command_line(self, home: Path, application: str, port: int, threads: int) -> list[str]:
        """Return the command, given the environment in ``home``."""
        values = {"bin": home / "bin", "here": HERE, "application": application, "port": port, "threads": threads}
        return [word.format(**values) for word in self.command.split()]


_ALL = (
    Server(
        "ehttpd",
        "ehttpd",
        "{bin}/python -m ehttpd {application} --bind 127.0.0.1:{port} --threads {threads}",
        patience="--keep-alive 600",
    ),
    Server(
        "gunicorn",
        "gunicorn",
        "{bin}/gunicorn -k gthread --threads {threads} -w 1 -b 127.0.0.1:{port} --log-level error {application}",
        patience="--keep-alive 600",
    ),
    Server(
        "waitress",
        "waitress",
        "{bin}/waitress-serve --listen=127.0.0.1:{port} --threads {threads} --connection-limit 20000 {application}",
        patience="--channel-timeout 600",
    ),
    Server(
        "cheroot",
        "cheroot",
        "{bin}/cheroot --bind 127.0.0.1:{port} --threads {threads} {application}",
        patience="--timeout 600",
    ),
    Server(
        "granian",
        "granian",
        "{bin}/granian --interface wsgi --host 127.0.0.1 --port {port} --no-ws --workers 1"
        " --blocking-threads {threads} --log-level error {application}",
    ),
    Server(
        "bjoern",
        "bjoern-binary",
        "{bin}/python {here}/embedded.py bjoern {application} {port}",
        threaded=False,
    ),
    Server(
        "uwsgi",
        "pyuwsgi",
        "{bin}/pyuwsgi --http11-socket 127.0.0.1:{port} --module {application} --threads {threads} --disable-logging",
    ),
    Server(
        "weft",
        "weft-server",
        "{bin}/weft --host 127.0.0.1 --port {port} --protocol wsgi --workers 1 --wsgi-threads {threads} {application}",
    ),
    Server(
        "weft-inline",
        "weft-server",
        "{bin}/weft --host 127.0.0.1 --port {port} --protocol wsgi {application}",
        threaded=False,
    ),
    Server(
        "peregrine",
        "peregrine-server",
        "{bin}/peregrine --host 127.0.0.1 --port {port} --protocol wsgi --workers 1"
        " --wsgi-threads {threads} {application}",
    ),
    Server(
        "peregrine-inline",
        "peregrine-server",
        "{bin}/peregrine --host 127.0.0.1 --port {port} --protocol wsgi {application}",
        threaded=False,
    ),
    Server(
        "fastpysgi",
        "fastpysgi",
        "{bin}/fastpysgi --host 127.0.0.1 --port {port} {application}",
        threaded=False,
    ),
    Server("werkzeug", "werkzeug", "{bin}/python {here}/embedded.py werkzeug {application} {port}"),
)
SERVERS = {server.name: server for server in _ALL}
USUAL = ("ehttpd", "gunicorn", "waitress", "cheroot", "granian", "bjoern", "uwsgi", "weft")


def home_of(server: Server, peers: Path) -> Path:
    """Return the environment that ``server`` needs: the peers', made if missing; for ehttpd, the one we run in."""
    if server.name == "ehttpd":
        return Path(sys.prefix)
    install(peers)
    return peers


@contextmanager
def serving(
    server: Server,
    home: Path,
    *,
    application: str = "plain:application",
    threads: int = 16,
    pinned: bool = False,
    patient: bool = False,
) -> Iterator[tuple[Family, int]]:
    """Serve ``application`` while the block lasts; yields the server's processes and its port."""
    port = free_port()
    command = server.command_line(home, application, port, threads)
    if patient:
        before = command.index(application)  # waitress reads no flag after it
        command[before:before] = server.patience.split()
    if pinned:
        command = ["taskset", "-c", SERVER_PROCESSOR, *command]
    with running(command, port, folder=APPLICATIONS, environment=ENVIRONMENT) as family:
        yield family, port
