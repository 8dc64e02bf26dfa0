"""The work that every server under comparison does: one WSGI application, a path for each kind of work.

PEP 3333, and nothing else: it imports no server and no framework. Sizes are what scenarios.py expects.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import cache
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    View = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

HELLO = b"Hello world\r\n"
MEBIBYTE = b"x" * (1 << 20)
PIECE = 16384
OCTETS = ("Content-Type", "application/octet-stream")


def answer(body: bytes, start_response: StartResponse) -> Iterable[bytes]:
    """Answer 200 with ``body`` and its length."""
    start_response("200 OK", [OCTETS, ("Content-Length", str(len(body)))])
    return [body]


def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answer(HELLO, start_response)


def wait(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Hold the thread as a database would, for as long as the query says."""
    time.sleep(float(parse_qs(environ["QUERY_STRING"])["seconds"][0]))
    return answer(HELLO, start_response)


def compute(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    rows = [{"id": number, "total": sum(range(number))} for number in range(40)]
    return answer(json.dumps(rows).encode(), start_response)


def mebibyte(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return answer(MEBIBYTE, start_response)


def stream(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """1 MiB in 64 pieces, its length not told."""
    start_response("200 OK", [OCTETS])
    return (MEBIBYTE[:PIECE] for _ in range(64))


@cache
def sample_file() -> IO[bytes]:
    """Return an open temporary file of 8 MiB, gone when the process ends."""
    sample = tempfile.NamedTemporaryFile(prefix="benchmark-")  # noqa: SIM115 - lives as long as the process
    sample.write(MEBIBYTE * 8)
    sample.flush()
    return cast("IO[bytes]", sample)


def file(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """The sample file through ``wsgi.file_wrapper``, or in pieces where the server has none."""
    source = open(sample_file().name, "rb")  # noqa: SIM115 - the server closes it
    start_response("200 OK", [OCTETS, ("Content-Length", str(8 << 20))])
    wrapper: Any = environ.get("wsgi.file_wrapper")
    return cast("Iterable[bytes]", wrapper(source, 65536)) if wrapper else iter(lambda: source.read(65536), b"")


def pieces(environ: WSGIEnvironment) -> Iterable[bytes]:
    """Yield the request body as it can be read, whether its length is told or not (``wsgi.input_terminated``)."""
    source = environ["wsgi.input"]
    length = environ.get("CONTENT_LENGTH")
    left = int(length) if length else (1 << 62 if environ.get("wsgi.input_terminated") else 0)
    while left and (piece := source.read(min(65536, left))):
        left -= len(piece)
        yield piece


def upload(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Read the request body and answer with its size."""
    return answer(str(sum(map(len, pieces(environ)))).encode(), start_response)


def echo(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with the request body, after as many seconds as the query says."""
    body = b"".join(pieces(environ))
    if query := environ["QUERY_STRING"]:
        time.sleep(float(parse_qs(query)["seconds"][0]))
    return answer(body, start_response)


VIEWS: dict[str, View] = {
    "/slow": wait,
    "/cpu": compute,
    "/megabyte": mebibyte,
    "/stream": stream,
    "/file": file,
    "/upload": upload,
    "/echo": echo,
}


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return VIEWS.get(environ["PATH_INFO"], hello)(environ, start_response)
