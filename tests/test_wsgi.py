"""WSGI applications: PEP 3333, clause by clause, and what operators and frameworks expect besides."""

from __future__ import annotations

import gzip
import io
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, redirect_stderr
from pathlib import Path
from queue import SimpleQueue
from typing import Any
from wsgiref.types import StartResponse
from wsgiref.validate import validator

import pytest
from django.core.files import File
from werkzeug.wrappers import Response as WerkzeugsResponse
from werkzeug.wsgi import wrap_file

from ehttpd.errors import ListenError
from ehttpd.messages import FileBody
from ehttpd.records import Record
from ehttpd.testing import TestServer
from ehttpd.wsgi import adapt, make_server
from tests.server.live import PATIENCE, Gate, LiveServer, Peer, in_parallel, serving

Environ = dict[str, Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]
PLAIN = [("Content-Type", "text/plain")]
CHUNKED = b"POST / HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture
def served() -> Iterator[Callable[..., LiveServer]]:
    """Serve applications until the test ends."""
    with ExitStack() as servers:
        yield lambda application, **options: servers.enter_context(serving(adapt(application), **options))


@pytest.fixture
def environ_of(served: Callable[..., LiveServer]) -> Callable[..., Environ]:
    """Return what the environ was for a request."""
    seen: list[Environ] = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", PLAIN)
        return [b"x"]

    peer = served(validator(application)).connect()

    def ask(*arguments: Any, **options: Any) -> Environ:
        assert peer.ask(*arguments, **options).status == 200
        return seen.pop()

    return ask


# The environ


def test_the_environ_is_a_dictionary_of_its_own_for_each_request(environ_of: Callable[..., Environ]) -> None:
    first, second = environ_of("/"), environ_of("/")
    assert type(first) is type(second) is dict
    first["X"] = "changed"
    assert "X" not in second
    assert "X" not in environ_of("/")


def test_what_pep_3333_requires_is_there(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("/a/b?c=d", "Content-Type: text/html")
    assert environ["REQUEST_METHOD"] == "GET"
    assert environ["SCRIPT_NAME"] == ""
    assert environ["PATH_INFO"] == "/a/b"
    assert environ["QUERY_STRING"] == "c=d"
    assert environ["CONTENT_TYPE"] == "text/html"
    assert environ["SERVER_NAME"] == "127.0.0.1"
    assert environ["SERVER_PORT"].isdigit()
    assert environ["SERVER_PROTOCOL"] == "HTTP/1.1"
    assert environ["wsgi.version"] == (1, 0)
    assert environ["wsgi.url_scheme"] == "http"
    assert environ["wsgi.multithread"] is True
    assert environ["wsgi.multiprocess"] is False
    assert environ["wsgi.run_once"] is False
    assert environ["wsgi.input_terminated"] is True
    assert callable(environ["wsgi.file_wrapper"])
    environ["wsgi.errors"].write("")
    environ["wsgi.errors"].flush()


def test_values_from_the_wire_are_plain_strings(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("/%E2%82%AC?%E2%82%AC", "X-Name: caf\xe9", "Content-Length: 0", method="POST")
    wrong = {key: value for key, value in environ.items() if key.isupper() and type(value) is not str}
    assert not wrong
    assert environ["HTTP_X_NAME"] == "caf\xe9"


def test_both_ends_of_the_connection_are_strings(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("/")
    assert environ["REMOTE_ADDR"] == "127.0.0.1"
    assert environ["REMOTE_PORT"].isdigit()
    assert environ["REMOTE_PORT"] != environ["SERVER_PORT"]


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        ("/", "/", ""),
        ("/?", "/", ""),
        ("/a%20b", "/a b", ""),
        ("/%C3%A9", "/\xc3\xa9", ""),  # the octets, each as one latin-1 character
        ("/%FF%00", "/\xff\x00", ""),
        ("/%2F%2e", "//.", ""),
        ("/a%2", "/a%2", ""),
        ("/%zz", "/%zz", ""),
        ("/a;b=c", "/a;b=c", ""),
        ("/a+b", "/a+b", ""),
        ("//a//b", "//a//b", ""),
        ("/a/../b/.", "/a/../b/.", ""),
        ("/?a=%20b&c=+", "/", "a=%20b&c=+"),
        ("/a?b?c", "/a", "b?c"),
        ("/a%3Fb?c", "/a?b", "c"),
    ],
)
def test_the_path_is_unquoted_and_the_query_is_raw(
    environ_of: Callable[..., Environ], target: str, path: str, query: str
) -> None:
    environ = environ_of(target)
    assert (environ["PATH_INFO"], environ["QUERY_STRING"]) == (path, query)
    assert environ["REQUEST_URI"] == environ["RAW_URI"] == target


def test_a_target_in_absolute_form_gives_its_path_and_its_host(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("http://there:81/a%20b?c")
    assert (environ["PATH_INFO"], environ["QUERY_STRING"], environ["HTTP_HOST"]) == ("/a b", "c", "there:81")
    assert environ["RAW_URI"] == "http://there:81/a%20b?c"


def test_errors_go_to_what_is_the_standard_error_by_then(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        print("wrong", file=environ["wsgi.errors"])
        environ["wsgi.errors"].writelines(["and ", "so on"])
        environ["wsgi.errors"].flush()
        start_response("200 OK", [])
        return [b""]

    peer = served(application).connect()
    for _ in range(2):
        with redirect_stderr(io.StringIO()) as errors:
            assert peer.ask().status == 200
        assert errors.getvalue() == "wrong\nand so on"


def test_fields_become_keys(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("/", "X-Real-Name: a b", "ACCEPT: */*", "x-empty: ")
    assert environ["HTTP_HOST"] == "here"
    assert environ["HTTP_X_REAL_NAME"] == "a b"
    assert environ["HTTP_ACCEPT"] == "*/*"
    assert environ["HTTP_X_EMPTY"] == ""


def test_the_type_and_the_length_of_the_body_have_keys_of_their_own(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("/", "Content-Type: a/b", "Content-Length: 0", method="POST")
    assert (environ["CONTENT_TYPE"], environ["CONTENT_LENGTH"]) == ("a/b", "0")
    assert not environ.keys() & {"HTTP_CONTENT_TYPE", "HTTP_CONTENT_LENGTH"}
    assert not environ_of("/").keys() & {"CONTENT_TYPE", "CONTENT_LENGTH"}


def test_repeated_fields_are_joined(environ_of: Callable[..., Environ]) -> None:
    environ = environ_of("/", "Cookie: a=1", "X: 1", "cookie: b=2", "x: 2", "X: 3")
    assert environ["HTTP_COOKIE"] == "a=1; b=2"
    assert environ["HTTP_X"] == "1, 2, 3"


@pytest.mark.parametrize("name", ["X_Real_IP", "Content_Length", "Content_Type", "_", "X-Real_IP", "Proxy", "PROXY"])
def test_fields_that_pass_for_others_never_reach_the_environ(environ_of: Callable[..., Environ], name: str) -> None:
    for _ in range(2):
        environ = environ_of("/", f"{name}: evil", "X-Good: good")
        assert "evil" not in environ.values()
        assert "" not in environ
        assert environ["HTTP_X_GOOD"] == "good"


def test_http_1_0_is_told_apart(served: Callable[..., LiveServer]) -> None:
    protocols: list[str] = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        protocols.append(environ["SERVER_PROTOCOL"])
        start_response("200 OK", PLAIN)
        return [b""]

    peer = served(application).connect()
    peer.send(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    peer.reply()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: keep-alive\r\n\r\n")
    peer.reply()
    assert protocols == ["HTTP/1.0", "HTTP/1.1"]


def test_a_unix_socket_has_a_server_name_and_port_too(served: Callable[..., LiveServer], tmp_path: Path) -> None:
    seen: list[Environ] = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        seen.append(environ)
        start_response("200 OK", PLAIN)
        return [b""]

    assert served(validator(application), bind=f"unix:{tmp_path}/s").connect().ask().status == 200
    assert seen[0]["SERVER_NAME"]
    assert seen[0]["SERVER_PORT"].isdigit()
    assert type(seen[0]["REMOTE_ADDR"]) is type(seen[0]["REMOTE_PORT"]) is str


def test_only_the_adapter_knows_whether_there_are_other_threads_and_processes() -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return [repr((environ["wsgi.multithread"], environ["wsgi.multiprocess"])).encode()]

    with serving(adapt(application, multithread=False, multiprocess=True)) as server:
        assert server.connect().ask().body == b"(False, True)"


# Deadlines, and clients that leave


def test_without_a_deadline_there_is_one_that_never_passes(environ_of: Callable[..., Environ]) -> None:
    deadline = environ_of("/")["ehttpd.deadline"]
    assert deadline.remaining() is None
    assert not deadline.passed


def test_each_request_has_a_deadline_of_its_own(served: Callable[..., LiveServer]) -> None:
    deadlines = []

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        deadlines.append(environ["ehttpd.deadline"])
        start_response("200 OK", PLAIN)
        return [str(environ["ehttpd.deadline"].remaining()).encode()]

    peer = served(application, request_timeout=5).connect()
    for _ in range(4):  # what connections keep of the environ holds none
        assert 4 < float(peer.ask("/", "X-Name: value").body) <= 5
    moments = [deadline.at for deadline in deadlines]
    assert moments == sorted(set(moments))


@pytest.mark.parametrize("generates", [False, True])
def test_an_application_that_exceeds_its_deadline_is_answered_with_504(
    served: Callable[..., LiveServer], generates: bool
) -> None:
    gate = Gate()
    closed = threading.Event()

    def generate(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        try:
            gate.wait()
            start_response("200 OK", PLAIN)
            yield b"late"
        finally:
            closed.set()

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        pieces = generate(environ, start_response)
        return pieces if generates else list(pieces)

    peer = served(application, threads=1, request_timeout=0.05).connect()
    assert peer.ask().status == 504
    assert peer.ended()
    gate.open()
    assert closed.wait(PATIENCE)


def test_what_was_written_in_time_is_not_cut(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", PLAIN)
        write(b"written")
        threading.Event().wait(3 * environ["ehttpd.deadline"].remaining())
        assert environ["ehttpd.deadline"].passed
        return [b" and rest"]

    reply = served(application, request_timeout=0.02).connect().ask()
    assert (reply.status, reply.body, reply.whole) == (200, b"written and rest", True)


def test_an_application_is_told_that_its_client_has_left(served: Callable[..., LiveServer]) -> None:
    begun, told, called = threading.Event(), threading.Event(), threading.Event()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        disconnected = environ["ehttpd.disconnected"]
        start_response("200 OK", PLAIN)
        if environ["PATH_INFO"] == "/leave":
            disconnected.add_callback(called.set)
            begun.set()
            assert disconnected.wait(PATIENCE)
            assert disconnected.is_set()
            told.set()
        return [str(disconnected.is_set()).encode()]

    peer = served(application).connect()
    for _ in range(3):
        assert peer.ask().body == b"False"
    peer.send(b"GET /leave HTTP/1.1\r\nHost: here\r\n\r\n")
    assert begun.wait(PATIENCE)
    peer.close()
    assert told.wait(PATIENCE)
    assert called.wait(PATIENCE)


# The input

READS: dict[str, Callable[[Any], object]] = {
    "read": lambda source: source.read(),
    "read all in parts": lambda source: list(iter(lambda: source.read(3), b"")),
    "readline": lambda source: list(iter(source.readline, b"")),
    "readline with a limit": lambda source: list(iter(lambda: source.readline(2), b"")),
    "readlines": lambda source: source.readlines(),
    "readlines with a hint": lambda source: source.readlines(3),
    "iteration": list,
    "past the end": lambda source: (source.read(), source.read(), source.readline(), source.readlines(), list(source)),
    "more than there is": lambda source: source.read(10_000),
    "negative": lambda source: source.read(-1),
}
BODY = b"one\ntwo\r\n\nthree"


@pytest.mark.parametrize("way", READS)
@pytest.mark.parametrize("in_memory", [1000, 4])
@pytest.mark.parametrize("framing", ["length", "chunked", "none"])
def test_a_body_is_read_like_a_file(served: Callable[..., LiveServer], way: str, in_memory: int, framing: str) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return [repr(READS[way](environ["wsgi.input"])).encode()]

    peer = served(application, body_memory=in_memory).connect()
    if framing == "chunked":
        peer.send(CHUNKED + b"4\r\none\n\r\n5\r\ntwo\r\n\r\n6\r\n\nthree\r\n0\r\n\r\n")
        reply = peer.reply()
    else:
        reply = peer.ask(method="POST", body=BODY if framing == "length" else b"")
    assert reply.body.decode() == repr(READS[way](io.BytesIO(b"" if framing == "none" else BODY)))


def test_the_validator_accepts_the_input(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        source = environ["wsgi.input"]
        read = [source.read(2), source.readline(), *source.readlines(1), *source]
        start_response("200 OK", PLAIN)
        return [b"|".join(read)]

    assert served(validator(application)).connect().ask(method="POST", body=BODY).body == b"on|e\n|two\r\n|\n|three"


def test_a_body_that_is_not_read_does_not_disturb_the_next_request(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)
        return [environ["PATH_INFO"].encode()]

    peer = served(application).connect()
    assert [peer.ask(f"/{each}", method="POST", body=BODY).body for each in range(3)] == [b"/0", b"/1", b"/2"]


@pytest.mark.parametrize("size", [0, 5, 100_000])
def test_a_body_that_came_in_chunks_has_the_length_that_it_has_without(
    served: Callable[..., LiveServer], size: int
) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)
        length = environ["CONTENT_LENGTH"]
        assert "HTTP_TRANSFER_ENCODING" not in environ
        assert len(environ["wsgi.input"].read()) == int(length)
        return [length.encode()]

    peer = served(application, body_memory=1000).connect()
    for _ in range(3):
        peer.send(CHUNKED, *([b"%x\r\n" % size, b"x" * size, b"\r\n"] if size else []), b"0\r\n\r\n")
        assert peer.reply().body == str(size).encode()
        peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        assert peer.reply().status == 500, "there is none without a body"


# start_response and the response


def responding(status: Any = "200 OK", headers: Any = PLAIN, body: Any = (b"x",)) -> Application:
    def application(environ: Environ, start_response: StartResponse) -> Any:
        start_response(status, headers)
        return body() if callable(body) else body

    return application


@pytest.mark.parametrize(
    ("status", "code", "reason"),
    [("200 OK", 200, "OK"), ("404 Gone fishing", 404, "Gone fishing"), ("299 Own", 299, "Own"), ("200 ", 200, "")],
)
def test_the_status_is_sent_with_the_applications_own_reason(
    served: Callable[..., LiveServer], status: str, code: int, reason: str
) -> None:
    reply = served(responding(status)).connect().ask()
    assert (reply.status, reply.reason) == (code, reason)


@pytest.mark.parametrize(
    "status",
    ["", "OK", "20 OK", "2000 OK", "200OK", "099 x", "100 Continue", "199 x", "200 O\r\nX: y", "200 \0",
     200, b"200 OK", None],
)  # fmt: skip
def test_a_status_that_cannot_be_sent_is_the_applications_mistake(
    served: Callable[..., LiveServer], status: object
) -> None:
    peer = served(responding(status)).connect()
    assert [peer.ask().status for _ in range(2)] == [500, 500]


@pytest.mark.parametrize(
    "field",
    [("X", "a\r\nY: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\0b"), ("X\r\nY", "a"), ("X Y", "a"), ("", "a"),
     ("X", b"a"), (b"X", "a"), ("X", 1), ("X", "€"), ("X", None)],
)  # fmt: skip
def test_fields_that_cannot_be_sent_give_500_and_a_log(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture, field: tuple[Any, Any]
) -> None:
    peer = served(responding(headers=[*PLAIN, field])).connect()
    reply = peer.ask()
    assert reply.status == 500
    assert not reply.fields.keys() & {"x", "y"}
    assert caplog.records
    assert peer.ask().status == 500


@pytest.mark.parametrize("headers", [{"X-A": "5"}, {"TE": "5"}, None, 5, [("X-A",)], [5], [(["X-A"], "5")], ["X-A: 5"]])
@pytest.mark.parametrize("body", [[b"x"], [b"x", b"y"]], ids=["whole", "pieces"])
def test_fields_that_are_no_list_of_pairs_are_told_in_words(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture, headers: object, body: list[bytes]
) -> None:
    reply = served(responding(headers=headers, body=body)).connect().ask()
    assert reply.status == 500
    (record,) = caplog.records
    assert record.exc_info is None
    assert re.search("list of pairs|must be a token", record.getMessage())


@pytest.mark.parametrize("status", ["103 Early Hints", "101 Switching", "099 Low", "999 High"])
def test_a_status_that_is_not_final_is_told_which_are(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture, status: str
) -> None:
    assert served(responding(status)).connect().ask().status == 500
    assert "from 200 to 599" in caplog.text


def test_fields_are_sent_in_order_and_repeated(served: Callable[..., LiveServer]) -> None:
    headers = [("Set-Cookie", "a=1"), ("X", "caf\xe9"), ("Set-Cookie", "b=2")]
    peer = served(responding(headers=headers)).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
    octets = peer.rest()
    assert b"\r\nSet-Cookie: a=1\r\nX: caf\xe9\r\nSet-Cookie: b=2\r\n" in octets
    assert octets.count(b"\r\nDate: ") == 1


@pytest.mark.parametrize("body", [(b"x",), lambda: iter((b"x",))])
def test_fields_that_can_be_iterated_over_but_once_are_sent(served: Callable[..., LiveServer], body: Any) -> None:
    reply = served(responding(headers=iter((("Content-Type", "text/plain"), ("X", "1"))), body=body)).connect().ask()
    assert (reply.fields["content-type"], reply.fields["x"], reply.body) == ("text/plain", "1", b"x")


def test_fields_of_the_connection_are_the_servers(served: Callable[..., LiveServer]) -> None:
    headers = [("Transfer-Encoding", "gzip"), ("Keep-Alive", "timeout=5"), ("Connection", "Upgrade"), ("Upgrade", "x")]
    reply = served(responding(headers=headers)).connect().ask()
    assert not reply.fields.keys() & {"transfer-encoding", "keep-alive", "connection", "upgrade"}


def test_one_piece_has_its_length_told(served: Callable[..., LiveServer]) -> None:
    for body in ([b"hello"], (b"hello",)):
        assert served(responding(body=body)).connect().ask().fields["content-length"] == "5"


def test_an_application_that_never_calls_start_response_is_told_so(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture
) -> None:
    bodies: tuple[Any, ...] = ([b"x"], [], iter([b"x"]), b"x", iter([]))
    for body in bodies:
        assert served(lambda environ, start_response, body=body: body).connect().ask().status == 500
    said = [record.getMessage().partition(": ")[2] for record in caplog.records]
    assert said == ["The application returned without calling start_response."] * len(bodies)


@pytest.mark.parametrize("body", [None, 5, "text", ["text"], [1], iter(["text"])])
def test_what_is_no_iterable_of_bytes_is_the_applications_mistake(
    served: Callable[..., LiveServer], body: object
) -> None:
    assert served(responding(body=body)).connect().ask().status == 500


def test_whatever_python_iterates_over_is_a_body(served: Callable[..., LiveServer]) -> None:
    class Sequence:
        def __getitem__(self, index: int) -> bytes:
            return [b"one, ", b"two"][index]

    assert served(responding(body=Sequence())).connect().ask().body == b"one, two"
    with TestServer(responding(body=Sequence())) as server:
        assert server.client().get("/").body == b"one, two"


def test_a_generator_may_start_the_response_with_its_first_piece(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("201 Created", PLAIN)
        yield b""
        yield b"late"

    reply = served(validator(application)).connect().ask()
    assert (reply.status, reply.body) == (201, b"late")


def test_calling_start_response_twice_without_exc_info_is_a_mistake(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)
        start_response("404 Not Found", PLAIN)
        return [b"x"]

    assert served(application).connect().ask().status == 500


def test_exc_info_replaces_what_was_not_sent_yet(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [*PLAIN, ("X", "y")])
        try:
            raise LookupError
        except LookupError:
            start_response("503 Sorry", [("Content-Type", "text/plain")], sys.exc_info())
        return [b"an apology"]

    reply = served(validator(application)).connect().ask()
    assert (reply.status, reply.reason, reply.body) == (503, "Sorry", b"an apology")
    assert "x" not in reply.fields


@pytest.mark.parametrize("way", ["write", "yield"])
def test_exc_info_is_raised_again_once_something_was_sent(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture, way: str
) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        write = start_response("200 OK", PLAIN)
        if way == "write":
            write(b"begin")
        else:
            yield b"begin"
        try:
            raise LookupError("on purpose")
        except LookupError:
            start_response("500 Sorry", PLAIN, sys.exc_info())
        yield b"never sent"

    reply = served(application).connect().ask()
    assert (reply.status, reply.body, reply.whole) == (200, b"begin", False)
    assert "on purpose" in caplog.text


def test_exc_info_without_an_exception_replaces_nothing_that_was_sent(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        start_response("200 OK", PLAIN)
        yield b"begin"
        start_response("500 Sorry", PLAIN, sys.exc_info())
        yield b"never sent"

    reply = served(application).connect().ask()
    assert (reply.status, reply.body, reply.whole) == (200, b"begin", False)
    assert "start_response was called a second time, and the response has begun" in caplog.text


@pytest.mark.parametrize("returned", [[b"an apology"], [b"an ", b"apology"]])
def test_exc_info_replaces_what_was_begun_with_nothing_to_send(
    served: Callable[..., LiveServer], returned: list[bytes]
) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", [*PLAIN, ("X", "y")])(b"")
        try:
            raise LookupError
        except LookupError:
            start_response("503 Sorry", PLAIN, sys.exc_info())
        return returned

    reply = served(application).connect().ask()
    assert (reply.status, reply.reason, reply.body) == (503, "Sorry", b"an apology")
    assert "x" not in reply.fields


# write()


def test_write_in_the_place_of_a_first_piece_begins_the_only_response(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        write = start_response("200 OK", PLAIN)
        yield b""
        write(b"written ")
        yield b"and yielded"

    peer = served(application).connect()
    for _ in range(2):
        assert peer.ask().body == b"written and yielded"


def test_write_after_a_first_piece_is_a_mistake(
    served: Callable[..., LiveServer], caplog: pytest.LogCaptureFixture
) -> None:
    def application(environ: Environ, start_response: StartResponse) -> Iterator[bytes]:
        write = start_response("200 OK", PLAIN)
        yield b"yielded"
        write(b"written")

    reply = served(application).connect().ask()
    assert (reply.status, reply.body, reply.whole) == (200, b"yielded", False)
    assert "The response has begun" in caplog.text


@pytest.mark.parametrize("rest", [[], [b" and rest"], (b" and rest",), iter([b" and rest"]), b""])
def test_what_is_written_comes_before_what_is_returned(served: Callable[..., LiveServer], rest: Any) -> None:
    tail = b"" if not rest else b" and rest"

    def application(environ: Environ, start_response: StartResponse) -> Any:
        write = start_response("200 OK", PLAIN)
        write(b"written")
        write(b"")
        write(b" twice")
        return rest

    reply = served(application).connect().ask()
    assert (reply.body, reply.whole) == (b"written twice" + tail, True)


def test_write_reaches_the_client_at_once(served: Callable[..., LiveServer]) -> None:
    gate = Gate()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        write = start_response("200 OK", [("Content-Length", "10")])
        write(b"first")
        gate.wait()
        return [b"later"]

    peer = served(application).connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    while peer.line():
        pass
    assert peer.read(5) == b"first"
    gate.open()
    assert peer.read(5) == b"later"


def test_write_before_a_file(served: Callable[..., LiveServer], tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"from a file")

    def application(environ: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", PLAIN)(b"written, then ")
        return environ["wsgi.file_wrapper"](path.open("rb"))

    peer = served(application).connect()
    assert [peer.ask().body for _ in range(2)] == [b"written, then from a file"] * 2


def test_an_error_after_write_is_never_ended_as_if_complete(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)(b"begin")
        raise LookupError("on purpose")

    reply = served(application).connect().ask()
    assert (reply.body, reply.whole) == (b"begin", False)


def test_write_takes_bytes_only(served: Callable[..., LiveServer]) -> None:
    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        start_response("200 OK", PLAIN)("text")  # type: ignore[arg-type]
        return []

    assert served(application).connect().ask().status == 500


# close()


class Body:
    """A body that counts how often it is closed."""

    def __init__(self, *pieces: object) -> None:
        self._pieces = list(pieces)
        self.closed = 0
        self.last_close = threading.Event()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if isinstance(piece, BaseException):
                raise piece
            yield piece  # type: ignore[misc]

    def close(self) -> None:
        self.closed += 1
        self.last_close.set()


@pytest.mark.parametrize(
    ("pieces", "status", "method"),
    [
        ([b"a", b"b"], "200 OK", "GET"),
        ([], "200 OK", "GET"),
        ([b"a", b"b"], "200 OK", "HEAD"),
        ([b"a"], "304 Not Modified", "GET"),
        ([b"a"], "204 No Content", "GET"),
        ([LookupError()], "200 OK", "GET"),
        ([b"a", LookupError()], "200 OK", "GET"),
        ([b"a", SystemExit()], "200 OK", "GET"),
        (["text"], "200 OK", "GET"),
        ([b"a"], "nonsense", "GET"),
        ([b"a", b"longer than promised"], "200 OK", "GET"),
    ],
)
@pytest.mark.parametrize("headers", [PLAIN, [("Content-Length", "2")], [("X", "\r\n")]])
@pytest.mark.parametrize("early", [True, False])
def test_a_body_is_closed_exactly_once(
    served: Callable[..., LiveServer], pieces: list[object], status: str, method: str, headers: Any, early: bool
) -> None:
    body = Body(*pieces)

    class Late(Body):
        start_response: StartResponse

        def __iter__(self) -> Iterator[bytes]:
            self.start_response(status, headers)
            return super().__iter__()

    if not early:
        body = Late(*pieces)

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if early:
            start_response("200 OK" if status == "nonsense" else status, headers)
        if isinstance(body, Late):
            body.start_response = start_response
        return body

    peer = served(application).connect()
    peer.ask(method=method)
    assert body.last_close.wait(PATIENCE)
    assert body.closed == 1


def test_a_body_is_closed_exactly_once_when_the_client_has_gone(served: Callable[..., LiveServer]) -> None:
    gate = Gate()

    class Endless(Body):
        def __iter__(self) -> Iterator[bytes]:
            gate.wait()
            while True:
                yield b"x" * 100_000

    body = Endless()
    server = served(responding(body=body))
    peer = server.connect()
    peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
    gate.await_arrivals()
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    gate.open()
    assert body.last_close.wait(PATIENCE)
    assert server.stop()
    assert body.closed == 1


def test_a_middleware_may_wrap_a_body(served: Callable[..., LiveServer]) -> None:
    body = Body(b"a", b"b")

    def middleware(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return map(bytes.upper, responding(body=body)(environ, start_response))

    assert served(middleware).connect().ask().body == b"AB"


# Lengths


def test_a_body_longer_than_its_content_length_is_cut(served: Callable[..., LiveServer]) -> None:
    for body in ([b"12345"], [b"123", b"45"], iter([b"12345"])):
        peer = served(responding(headers=[("Content-Length", "4")], body=body)).connect()
        assert peer.ask().body == b"1234"
        peer.send(b"nonsense\r\n\r\n")
        assert peer.reply().status == 400, "the connection persists"


def test_a_body_shorter_than_its_content_length_closes_the_connection(served: Callable[..., LiveServer]) -> None:
    for body in ([b"123"], [b"1", b"23"], iter([b"123"])):
        peer = served(responding(headers=[("Content-Length", "4")], body=body)).connect()
        reply = peer.ask()
        assert (reply.body, reply.whole) == (b"123", False)
        assert peer.ended()


# Files


def file_application(open_file: Callable[[], Any], *headers: tuple[str, str], block_size: int = 8192) -> Application:
    def application(environ: Environ, start_response: StartResponse) -> Any:
        start_response("200 OK", [*PLAIN, *headers])
        return environ["wsgi.file_wrapper"](open_file(), block_size)

    return application


CONTENT = bytes(range(256)) * 4000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(CONTENT)
    return path


def from_offset(path: Path, offset: int) -> Callable[[], Any]:
    def open_file() -> Any:
        file = path.open("rb")
        file.seek(offset)
        return file

    return open_file


@pytest.mark.parametrize("offset", [0, 1, len(CONTENT) - 1, len(CONTENT)])
@pytest.mark.parametrize("wrapped", [False, True])
def test_a_file_is_sent_from_where_it_stands(
    served: Callable[..., LiveServer], path: Path, offset: int, wrapped: bool
) -> None:
    application = file_application(from_offset(path, offset))
    peer = served(validator(application) if wrapped else application).connect()
    assert [peer.ask().body == CONTENT[offset:] for _ in range(2)] == [True, True]


def temporary(opened: Any) -> Any:
    opened.write(CONTENT)
    opened.seek(0)
    return opened


@pytest.mark.parametrize(
    "open_file",
    [
        lambda path: path.open("rb"),
        lambda path: path.open("rb", buffering=0),
        lambda path: path.open("r+b"),
        lambda path: temporary(tempfile.TemporaryFile()),  # noqa: SIM115 - the server closes it
        lambda path: temporary(tempfile.NamedTemporaryFile()),  # noqa: SIM115
        lambda path: File(path.open("rb")),
    ],
)
def test_the_kernel_sends_a_plain_file(
    served: Callable[..., LiveServer], path: Path, monkeypatch: pytest.MonkeyPatch, open_file: Callable[[Path], Any]
) -> None:
    calls: list[tuple[int, ...]] = []
    send_file = os.sendfile

    def sendfile(*arguments: int) -> int:
        calls.append(arguments)
        return send_file(*arguments)

    monkeypatch.setattr(os, "sendfile", sendfile)
    reply = served(file_application(lambda: open_file(path))).connect().ask()
    assert reply.body == CONTENT
    assert reply.fields["content-length"] == str(len(CONTENT))
    assert calls


class Shouting:
    """A file that is read otherwise than its descriptor would be."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int = -1) -> bytes:
        data: bytes = self._file.read(size)
        return data.upper()


class ShoutingReader(io.BufferedReader):
    def read(self, size: int | None = -1) -> bytes:
        return super().read(size).upper()


def compressed(path: Path) -> Any:
    path.write_bytes(gzip.compress(path.read_bytes().upper()))
    return gzip.open(path)


@pytest.mark.parametrize(
    "open_file",
    [
        lambda path: Shouting(path.open("rb")),
        lambda path: ShoutingReader(io.FileIO(path)),
        lambda path: File(Shouting(path.open("rb"))),
        lambda path: File(compressed(path)),
    ],
)
def test_what_reads_otherwise_than_its_descriptor_is_read(
    served: Callable[..., LiveServer], tmp_path: Path, open_file: Callable[[Path], Any]
) -> None:
    path = tmp_path / "quiet"
    path.write_bytes(b"quiet")
    assert served(file_application(lambda: open_file(path))).connect().ask().body == b"QUIET"


def test_werkzeug_goes_to_a_range_of_a_file_and_closes_it(served: Callable[..., LiveServer], path: Path) -> None:
    blocks: list[bytes] = []
    closed = threading.Event()

    class Noted(io.BufferedReader):
        def read(self, size: int | None = -1) -> bytes:
            blocks.append(super().read(size))
            return blocks[-1]

        def close(self) -> None:
            super().close()
            closed.set()

    file = Noted(io.FileIO(path))

    def application(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        response = WerkzeugsResponse(wrap_file(environ, file), direct_passthrough=True)
        response.make_conditional(environ, accept_ranges=True, complete_length=len(CONTENT))
        return response(environ, start_response)

    start = len(CONTENT) - 10
    answer = served(application).connect().ask("/", f"Range: bytes={start}-")
    assert (answer.status, answer.body, blocks) == (206, CONTENT[start:], [CONTENT[start:]])
    assert closed.wait(PATIENCE)


def test_a_file_wrapper_of_the_applications_own_is_iterated_over(served: Callable[..., LiveServer], path: Path) -> None:
    class Reversed(FileBody):
        def __iter__(self) -> Iterator[bytes]:
            yield self.file.read()[::-1]

    assert served(responding(body=lambda: Reversed(path.open("rb")))).connect().ask().body == CONTENT[::-1]


@pytest.mark.skipif(not os.path.exists("/proc/self/status"), reason="the system has no such files")
def test_a_file_that_does_not_know_its_length_is_read(served: Callable[..., LiveServer]) -> None:
    path = Path("/proc/self/status")
    assert b"Pid:" in served(file_application(lambda: path.open("rb"))).connect().ask().body


def test_an_empty_file_has_a_length(served: Callable[..., LiveServer], tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    peer = served(file_application(lambda: path.open("rb"))).connect()
    assert [(peer.ask().body, peer.ask().fields["content-length"]) for _ in range(2)] == [(b"", "0")] * 2


@pytest.mark.parametrize("length", [0, 1, 1000, len(CONTENT)])
def test_a_file_is_cut_to_its_content_length(served: Callable[..., LiveServer], path: Path, length: int) -> None:
    peer = served(file_application(from_offset(path, 0), ("Content-Length", str(length)))).connect()
    assert [peer.ask().body == CONTENT[:length] for _ in range(2)] == [True, True]


def test_a_file_shorter_than_its_content_length_closes_the_connection(
    served: Callable[..., LiveServer], path: Path
) -> None:
    peer = served(file_application(from_offset(path, 10), ("Content-Length", str(len(CONTENT))))).connect()
    reply = peer.ask()
    assert (len(reply.body), reply.whole) == (len(CONTENT) - 10, False)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_a_file_is_closed_after_it_is_sent(served: Callable[..., LiveServer], path: Path, method: str) -> None:
    files: list[Any] = []

    def open_file() -> Any:
        files.append(path.open("rb"))
        return files[-1]

    peer = served(file_application(open_file)).connect()
    peer.ask(method=method)
    peer.ask()
    assert files[0].closed


class OnlyRead:
    """The least that PEP 3333 asks of what is wrapped."""

    def __init__(self) -> None:
        self._file = io.BytesIO(CONTENT)
        self.sizes: set[int] = set()

    def read(self, size: int) -> bytes:
        self.sizes.add(size)
        return self._file.read(size)


def test_what_has_nothing_but_read_is_read_block_by_block(served: Callable[..., LiveServer]) -> None:
    source = OnlyRead()
    assert served(file_application(lambda: source, block_size=1000)).connect().ask().body == CONTENT
    assert source.sizes == {1000}


def test_files_in_memory_are_sent_too(served: Callable[..., LiveServer]) -> None:
    assert served(file_application(lambda: io.BytesIO(CONTENT))).connect().ask().body == CONTENT


def test_a_compressed_file_is_sent_as_it_reads(served: Callable[..., LiveServer], tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(CONTENT))
    assert served(file_application(lambda: gzip.GzipFile(path))).connect().ask().body == CONTENT


# Serving from Python

SERVED = """
import socket, sys
from ehttpd import wsgi
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"served"]
wsgi.serve(application, f"fd:{sys.argv[1]}", threads=2)
print("drained")
"""


@pytest.mark.parametrize("signal_name", ["SIGTERM", "SIGINT"])
def test_serve_runs_until_a_signal(signal_name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = listening.getsockname()
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", SERVED, str(number)], pass_fds=[number], stdout=subprocess.PIPE
        )
    try:
        peer = Peer(socket.create_connection(place, PATIENCE))
        assert peer.ask().body == b"served"
        process.send_signal(signal.Signals[signal_name])
        assert peer.ended()
        peer.close()
        output, _ = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, output) == (0, b"drained\n")


# make_server


def asks(place: tuple[str, int], target: str = "/") -> bytes:
    peer = Peer(socket.create_connection(place, PATIENCE))
    try:
        return peer.ask(target, "Connection: close").body
    finally:
        peer.close()


def test_make_server_is_a_drop_in() -> None:
    with make_server("127.0.0.1", 0, validator(responding(body=[b"embedded"]))) as httpd:
        host, port = httpd.server_address
        assert (host, port) == ("127.0.0.1", httpd.server_port)
        assert httpd.fileno() >= 0
        with in_parallel(httpd.serve_forever):
            assert asks(httpd.server_address) == b"embedded"
            httpd.shutdown()


def test_make_server_listens_before_it_serves() -> None:
    with make_server("127.0.0.1", 0, responding()) as httpd:
        peer = Peer(socket.create_connection(httpd.server_address, PATIENCE))
        with in_parallel(lambda: httpd.serve_forever(poll_interval=0.1)):
            assert peer.ask().status == 200
            peer.close()
            httpd.shutdown()


def test_make_server_takes_another_application() -> None:
    with make_server("127.0.0.1", 0, responding(body=[b"one"])) as httpd, in_parallel(httpd.serve_forever):
        assert asks(httpd.server_address) == b"one"
        other = responding(body=[b"two"])
        httpd.set_app(other)
        assert httpd.get_app() is other
        assert asks(httpd.server_address) == b"two"
        httpd.shutdown()


def test_make_server_handles_single_requests() -> None:
    with make_server("127.0.0.1", 0, responding(body=[b"once"])) as httpd:
        for _ in range(3):
            with in_parallel(httpd.handle_request):
                assert asks(httpd.server_address) == b"once"


def test_make_server_that_never_serves_closes_its_listener() -> None:
    with make_server("127.0.0.1", 0, responding()) as httpd:
        place = httpd.server_address
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)


def test_make_server_refuses_an_address_in_use() -> None:
    with make_server("127.0.0.1", 0, responding()) as httpd, pytest.raises(ListenError):
        make_server("127.0.0.1", httpd.server_port, responding())


def test_shutdown_is_called_from_another_thread_while_a_request_runs() -> None:
    gate = Gate()

    def application(environ: Environ, start_response: StartResponse) -> list[bytes]:
        gate.wait()
        start_response("200 OK", PLAIN)
        return [b"finished"]

    with make_server("127.0.0.1", 0, application) as httpd, in_parallel(httpd.serve_forever):
        peer = Peer(socket.create_connection(httpd.server_address, PATIENCE))
        peer.send(b"GET / HTTP/1.1\r\nHost: here\r\n\r\n")
        gate.await_arrivals()
        with in_parallel(httpd.shutdown):
            gate.open()
            assert peer.reply().body == b"finished"
        peer.close()


# Names of requests


@pytest.mark.parametrize("given", [False, True], ids=["new", "as the client gave it"])
def test_an_application_knows_the_name_that_is_in_the_logs(given: bool) -> None:
    records: SimpleQueue[Record] = SimpleQueue()

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        environ["USER"] = "anna"
        start_response("200 OK", [])
        return [environ["ehttpd.request_id"].encode()]

    handler = adapt(application, named=True, given=given, kept=True)
    with serving(handler, record=records.put, request_id_header="X-Request-ID" if given else "") as server:
        reply = server.connect().ask("/", "X-Request-ID: theirs")
        record = records.get(timeout=PATIENCE)
    assert reply.body.decode() == record.request_id
    assert (record.request_id == "theirs") == given
    assert record.environ["USER"] == "anna"


def test_below_a_prefix_it_knows_it_too() -> None:
    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
        start_response("200 OK", [])
        return [environ["ehttpd.request_id"].encode()]

    records: SimpleQueue[Record] = SimpleQueue()
    with serving(adapt(application, named=True), record=records.put, url_prefix="/shop") as server:
        reply = server.connect().ask("/shop/")
        assert reply.body.decode() == records.get(timeout=PATIENCE).request_id
