"""nginx and HAProxy as docs/proxies.md sets them up, in front of a server of a test.

Knows their configuration, and how each inherits a socket that listens already: no port has to be guessed, and clients
may connect at once.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.running import PATIENCE, ROOT

PAGE = ROOT / "docs" / "proxies.md"
NGINX, HAPROXY = (shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin") for name in ("nginx", "haproxy"))
STREAM_MODULE = Path("/usr/lib/nginx/modules/ngx_stream_module.so")
# The address that clients come from: another one than the proxy's, which is trusted.
CLIENT = "127.0.0.2"

AROUND_NGINX = """
{module}
{user}
daemon off;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{}}
"""
AROUND_HTTP = """
http {{
access_log off;
client_body_temp_path {folder}/body;
proxy_temp_path {folder}/proxy;
fastcgi_temp_path {folder}/fastcgi;
uwsgi_temp_path {folder}/uwsgi;
scgi_temp_path {folder}/scgi;
{block}
}}
"""
AROUND_HAPROXY = """
global
    log stderr format raw local0 warning
    ssl-default-bind-options ssl-min-ver TLSv1.2
defaults
    timeout connect 5s
    timeout client 20s
    timeout server 20s
"""


def blocks(language: str) -> list[str]:
    """Return the blocks of the page in one language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)


def fitted(block: str, replaced: dict[str, str]) -> str:
    """Return a block with what is different in a test: each of ``replaced`` must be there."""
    for old, new in replaced.items():
        assert old in block, f"{old!r} is not in the block"
        block = block.replace(old, new)
    return block


@contextmanager
def nginx(folder: Path, block: str, replaced: dict[str, str]) -> Iterator[int]:
    """Run nginx with a block of the page; give its port."""
    assert NGINX is not None
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        port = listening.getsockname()[1]
        listens = {each: f"listen 127.0.0.1:{port}" for each in ("listen 80", "listen 443") if each in block}
        text = fitted(block, {**replaced, **listens})
        streams = text.startswith("stream")
        around = AROUND_NGINX.format(
            folder=folder,
            user="user root;" if os.geteuid() == 0 else "",
            module=f"load_module {STREAM_MODULE};" if streams else "",
        )
        text = around + (text if streams else AROUND_HTTP.format(folder=folder, block=text))
        (folder / "nginx.conf").write_text(text)
        command = [NGINX, "-e", "stderr", "-p", str(folder), "-c", str(folder / "nginx.conf")]
        # So nginx takes over the sockets of the process that it replaces.
        with process(command, {"NGINX": f"{listening.fileno()};"}, listening):
            yield port


@contextmanager
def haproxy(folder: Path, block: str, replaced: dict[str, str]) -> Iterator[int]:
    """Run HAProxy with a block of the page; give its port."""
    assert HAPROXY is not None
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        listens = {each: f"bind fd@{listening.fileno()}" for each in ("bind :80", "bind :443") if each in block}
        (folder / "haproxy.cfg").write_text(AROUND_HAPROXY + fitted(block, {**replaced, **listens}))
        with process([HAPROXY, "-db", "-f", str(folder / "haproxy.cfg")], {}, listening):
            yield int(listening.getsockname()[1])


@contextmanager
def process(command: list[str], environment: dict[str, str], listening: socket.socket) -> Iterator[None]:
    """Run a program that inherits a socket, until the block ends."""
    with open(os.devnull) as nothing:
        running = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            pass_fds=[listening.fileno()],
            stdin=nothing,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield
    finally:
        running.send_signal(signal.SIGTERM)
        try:
            output, _ = running.communicate(timeout=PATIENCE)
        finally:
            running.kill()
        print(output)  # noqa: T201 - pytest shows it when the test fails


def connect(port: int) -> socket.socket:
    """Return a connection from the address of a client."""
    return socket.create_connection(("127.0.0.1", port), PATIENCE, source_address=(CLIENT, 0))
