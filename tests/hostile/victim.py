"""The server that is attacked: a process with one thread for the application.

    python -m tests.hostile.victim 3 '{"header_timeout": 0.4}'

Knows the settings it was given as JSON, and the listening socket it inherits; not who attacks it.
"""

from __future__ import annotations

import gc
import json
import logging  # noqa: F401 - as Flask and Django do: else it comes with the first attack that is logged
import os
import sys
import tempfile
from collections.abc import Iterator

from ehttpd.messages import Request, Response
from ehttpd.native import serve
from ehttpd.server import memory

LARGE = 100_000_000
PIECE = 1 << 16
LARGE_BODY = bytes(LARGE)


def pieces() -> Iterator[bytes]:
    piece = bytes(PIECE)
    for _ in range(LARGE // PIECE):
        yield piece


def site(request: Request) -> Response:
    """Answer with what a reader may stop reading: octets, a file, a stream. Tell how long any other body was."""
    match request.target:
        case "/bytes":
            return Response(LARGE_BODY)
        case "/file":
            file = tempfile.TemporaryFile()  # noqa: SIM115 - the server closes it
            os.truncate(file.fileno(), LARGE)
            return Response(file)
        case "/stream":
            return Response.stream(pieces())
    length = 0
    while data := request.body.read(PIECE):
        length += len(data)
    return Response.text(str(length))


if __name__ == "__main__":
    gc.freeze()  # this and the next as the command does
    memory.own_process()
    memory.WHEN_RESTED_FOR = 0.05  # nobody here has a second to wait until memory is looked after
    serve(site, f"fd:{sys.argv[1]}", **json.loads(sys.argv[2]))
