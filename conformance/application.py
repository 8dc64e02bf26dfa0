"""What every server under test serves: one WSGI application that reports what reached it, and a path for each answer.

PEP 3333, and nothing else: it imports no server. Some paths break the rules on purpose; the cases tell which.
"""

from __future__ import annotations

import json
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from typing import IO, TYPE_CHECKING, Any
from wsgiref.validate import check_environ  # type: ignore[attr-defined]

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

    View = Callable[[WSGIEnvironment, StartResponse], Iterable[bytes]]

TEXT = ("Content-Type", "text/plain")
MEBIBYTE = bytes(range(256)) * 4096
LONGEST_BODY_SHOWN = 4096
VIEWS: dict[str, View] = {}
closed: list[str] = []


def view(path: str) -> Callable[[View], View]:
    """Answer requests for ``path`` with the decorated function."""
    return lambda function: VIEWS.setdefault(path, function)


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return VIEWS.get(environ["PATH_INFO"], report)(environ, start_response)


def body_of(environ: WSGIEnvironment) -> bytes:
    """Return the body: to its end where the server says that there is one, else by its length (PEP 3333)."""
    source: IO[bytes] = environ["wsgi.input"]
    chunked = "chunked" in environ.get("HTTP_TRANSFER_ENCODING", "").lower()
    if environ.get("wsgi.input_terminated") or chunked:
        return source.read()
    return source.read(int(environ.get("CONTENT_LENGTH") or 0))


def report(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(body_of(environ), environ, start_response)


def report_with(body: bytes, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with what the server handed over, as JSON."""
    seen = {
        "method": environ["REQUEST_METHOD"],
        "path": environ["PATH_INFO"],
        "query": environ.get("QUERY_STRING"),
        "script": environ.get("SCRIPT_NAME"),
        "protocol": environ["SERVER_PROTOCOL"],
        "scheme": environ["wsgi.url_scheme"],
        "address": environ.get("REMOTE_ADDR"),
        "server": f"{environ['SERVER_NAME']}:{environ['SERVER_PORT']}",
        "fields": {name: value for name, value in environ.items() if name.startswith(("HTTP_", "CONTENT_"))},
        "length": len(body),
        "checksum": zlib.crc32(body),
        "body": body[:LONGEST_BODY_SHOWN].decode("latin-1"),
    }
    return text(start_response, json.dumps(seen).encode())


def text(start_response: StartResponse, body: bytes, *fields: tuple[str, str]) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", str(len(body))), *fields])
    return [body]


@view("/checked")
def checked(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Answer with what the reference checker of PEP 3333 finds wrong, if anything."""
    try:
        check_environ(environ)
    except (AssertionError, KeyError, TypeError) as fault:
        return text(start_response, str(fault).encode())
    return text(start_response, b"nothing")


# Bodies of requests, read in other ways


@view("/unread")
def unread(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(b"", environ, start_response)


@view("/one-octet")
def one_octet(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(environ["wsgi.input"].read(1), environ, start_response)


@view("/without-size")
def without_size(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(environ["wsgi.input"].read(), environ, start_response)


@view("/beyond")
def beyond(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(body_of(environ) + environ["wsgi.input"].read(10), environ, start_response)


@view("/lines")
def lines(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(b"|".join(iter(environ["wsgi.input"].readline, b"")), environ, start_response)


@view("/all-lines")
def all_lines(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(b"|".join(environ["wsgi.input"].readlines()), environ, start_response)


@view("/iterated")
def iterated(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return report_with(b"|".join(environ["wsgi.input"]), environ, start_response)


# Answers within the rules


@view("/hello")
def hello(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return text(start_response, b"hello")


@view("/pieces")
def pieces(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield from (b"one", b"two", b"three")


@view("/empty-piece")
def empty_piece(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield from (b"one", b"", b"two")


@view("/nothing")
def nothing(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    return []


@view("/nothing-after-all")
def nothing_after_all(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield from ()


@view("/head-by-itself")
def head_by_itself(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Leave out the body for HEAD, as careful applications do, and say nothing of its length."""
    start_response("200 OK", [TEXT])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello"]


@view("/head-with-length")
def head_with_length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return [] if environ["REQUEST_METHOD"] == "HEAD" else [b"hello"]


@view("/written")
def written(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    write = start_response("200 OK", [TEXT])
    write(b"one")
    write(b"two")
    return [b"three"]


@view("/changed")
def changed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("X-First", "yes")])
    try:
        raise ValueError("another answer")
    except ValueError:
        failure: Any = sys.exc_info()
        start_response("503 Sorry", [TEXT, ("Content-Length", "5")], failure)
    return [b"sorry"]


@view("/mebibyte")
def mebibyte(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return text(start_response, MEBIBYTE)


@view("/cookies")
def cookies(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return text(start_response, b"hello", ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"))


@view("/dated")
def dated(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return text(start_response, b"hello", ("Date", "Sun, 06 Nov 1994 08:49:37 GMT"))


@view("/octets-above-7f")
def octets_above_7f(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return text(start_response, b"hello", ("X-Word", "caf\xe9"))


def bodiless(status: str, body: bytes, *fields: tuple[str, str]) -> View:
    def answer(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response(status, [("ETag", '"x"'), *fields])
        return [body] if body else []

    return answer


VIEWS |= {
    "/204": bodiless("204 No Content", b""),
    "/204-with-body": bodiless("204 No Content", b"oops"),
    "/204-with-length": bodiless("204 No Content", b"", ("Content-Length", "0")),
    "/205": bodiless("205 Reset Content", b""),
    "/205-with-body": bodiless("205 Reset Content", b"oops"),
    "/304": bodiless("304 Not Modified", b""),
    "/304-with-body": bodiless("304 Not Modified", b"oops"),
    "/304-with-length": bodiless("304 Not Modified", b"", ("Content-Length", "5")),
    "/304-with-length-0": bodiless("304 Not Modified", b"", ("Content-Length", "0")),
}


class Closable:
    """A body that notes its closing, for ``/closed`` to tell."""

    def __init__(self, mark: str) -> None:
        self._mark = mark

    def __iter__(self) -> Iterator[bytes]:
        return iter([b"one", b"two"])

    def close(self) -> None:
        closed.append(self._mark)


@view("/closable")
def closable(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "6")])
    return Closable(environ["QUERY_STRING"])


@view("/closed")
def was_closed(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return text(start_response, str(closed.count(environ["QUERY_STRING"])).encode())


# Applications with a defect


@view("/raises")
def raises(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    raise RuntimeError("before start_response")


@view("/raises-first")
def raises_first(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT])
    raise RuntimeError("before the first piece")


@view("/raises-midway")
def raises_midway(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [TEXT])
    yield b"partial"
    raise RuntimeError("after the first piece")


@view("/raises-midway-with-length")
def raises_midway_with_length(environ: WSGIEnvironment, start_response: StartResponse) -> Iterator[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "100")])
    yield b"partial"
    raise RuntimeError("after the first piece")


@view("/too-long")
def too_long(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "5")])
    return [b"hello", b"world"]


@view("/too-short")
def too_short(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Content-Length", "10")])
    return [b"hello"]


@view("/none")
def none(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
    start_response("200 OK", [TEXT])


@view("/unstarted")
def unstarted(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    return [b"hello"]


@view("/str")
def yields_str(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
    start_response("200 OK", [TEXT])
    return ["hello"]


def with_field(name: str, value: str) -> View:
    return lambda environ, start_response: text(start_response, b"hello", (name, value))


VIEWS |= {
    "/crlf-in-value": with_field("X-Evil", "a\r\nInjected: yes"),
    "/lf-in-value": with_field("X-Evil", "a\nInjected: yes"),
    "/cr-in-value": with_field("X-Evil", "a\rInjected: yes"),
    "/nul-in-value": with_field("X-Evil", "a\0b"),
    "/crlf-in-name": with_field("X-Evil: a\r\nInjected", "yes"),
    "/space-in-name": with_field("X Evil", "yes"),
}


@view("/crlf-in-status")
def crlf_in_status(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK\r\nInjected: yes", [TEXT, ("Content-Length", "5")])
    return [b"hello"]


@view("/own-transfer-coding")
def own_transfer_coding(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    start_response("200 OK", [TEXT, ("Transfer-Encoding", "chunked")])
    return [b"hello"]
