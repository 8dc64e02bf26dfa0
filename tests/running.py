"""Starts a server as its operator would: in a process of its own, on an address that is free.

Knows nothing of what is served. The process inherits a socket that already listens: a client may connect at once.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Without ``site``, Python sees only its own library and the current folder: nothing that was installed.
EHTTPD_NOT_INSTALLED = (sys.executable, "-S", "-m", "ehttpd", "--bind", "fd:{fd}")
PATIENCE = 50.0  # Seconds, for a process to answer or to end on a machine that is busy.


@contextmanager
def running(
    *command: str, directory: Path = ROOT, environment: Mapping[str, str] | None = None
) -> Iterator[tuple[str, int]]:
    """Run a server until the block ends; give its address. ``{fd}`` in the command is its listening socket.

    It is stopped with SIGTERM, and must end well: with exit code 0.
    """
    with tempfile.TemporaryFile() as output:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            address: tuple[str, int] = listener.getsockname()
            process = subprocess.Popen(
                [word.format(fd=listener.fileno()) for word in command],
                cwd=directory,
                env={**os.environ, **(environment or {})},
                pass_fds=[listener.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        try:
            yield address
            process.send_signal(signal.SIGTERM)
            process.wait(PATIENCE)
        finally:
            process.kill()
            process.wait()
            output.seek(0)
            print(output.read().decode())
        assert process.returncode == 0, f"{command} ended with {process.returncode}"
