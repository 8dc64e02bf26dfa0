"""WSGI applications as handlers, and handlers as WSGI applications."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
import werkzeug.test
from flask import Flask
from flask import request as flask_request

from ehttpd.messages import Request, Response
from ehttpd.toolkit.bridges import from_wsgi, to_wsgi
from ehttpd.toolkit.compress import compress
from ehttpd.toolkit.errors import HTTPError
from ehttpd.toolkit.pipeline import pipeline
from ehttpd.toolkit.request_id import request_id
from ehttpd.toolkit.router import Router
from ehttpd.wsgi import adapt
from tests.server.live import serving
from tests.toolkit.asking import asked

Environ = dict[str, Any]


def told(environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Tell where the application was found."""
    start_response("200 OK", [("Content-Type", "text/plain; charset=latin-1")])
    keys = ("SCRIPT_NAME", "PATH_INFO", "QUERY_STRING", "REQUEST_URI", "RAW_URI")
    return ["|".join(environ[key] for key in keys).encode("latin-1")]


# from_wsgi


@pytest.mark.parametrize(
    ("target", "where"),
    [
        ("/x", "|/x||/x|/x"),
        ("/in/", "/in|/||/in/|/in/"),
        ("/in/a%20b?c=%20", "/in|/a b|c=%20|/in/a%20b?c=%20|/in/a%20b?c=%20"),
        ("/%69n/a", "/in|/a||/%69n/a|/%69n/a"),
        ("/of/%C3%A9/a", "/of/Ã©|/a||/of/%C3%A9/a|/of/%C3%A9/a"),
        ("/nested/deep/a", "/nested/deep|/a||/nested/deep/a|/nested/deep/a"),
    ],
)
def test_a_mounted_application_knows_where_it_is(target: str, where: str) -> None:
    router, inner = Router(), Router()
    application = validator(told)
    for prefix in ("/", "/in", "/of/{who}"):
        router.mount(prefix, from_wsgi(application))
    inner.mount("/deep", from_wsgi(application))
    router.mount("/nested", inner)
    with serving(router) as server:
        peer = server.connect()
        for _ in range(3):  # environs of a connection have much in common
            assert peer.ask(target).body.decode("latin-1") == where
            assert peer.ask("/other").body == b"|/other||/other|/other"


def test_flask_finds_its_own_pages_below_a_mount() -> None:
    app = Flask(__name__)

    @app.post("/page")
    def page() -> dict[str, str]:
        return {"url": flask_request.url, "data": flask_request.get_data(as_text=True)}

    router = Router()
    router.mount("/shop", from_wsgi(app))
    with serving(router) as server:
        reply = server.connect().ask("/shop/page?a=b", method="POST", body=b"data")
    assert reply.body == b'{"data":"data","url":"http://here/shop/page?a=b"}\n'


def test_a_middleware_may_change_what_an_application_answers() -> None:
    with serving(pipeline(from_wsgi(told), request_id())) as server:
        assert server.connect().ask("/", "X-Request-ID: a").fields["x-request-id"] == "a"


def test_an_application_that_starts_its_response_late_is_waited_for() -> None:
    closed: list[bool] = []

    def application(environ: Environ, start_response: Callable[..., Any]) -> Iterator[bytes]:
        start_response("201 Created", [("Content-Type", "text/plain")])
        try:
            yield b"one "
            yield b"two"
        finally:
            closed.append(True)

    with serving(pipeline(from_wsgi(application), compress(minimum=0), request_id())) as server:
        reply = server.connect().ask("/", "X-Request-ID: a")
        assert (reply.status, reply.body, reply.fields["x-request-id"]) == (201, b"one two", "a")
        assert server.connect().ask(method="HEAD").status == 201
    assert closed == [True, True]


# to_wsgi


def environ_of(**values: Any) -> Environ:
    address = {"REMOTE_ADDR": "192.0.2.1", "REMOTE_PORT": "7"}
    environ: Environ = {"SCRIPT_NAME": "", "PATH_INFO": "/", "QUERY_STRING": "", **address, **values}
    setup_testing_defaults(environ)
    return environ


def call(handler: Callable[[Request], Any], **values: Any) -> tuple[str, dict[str, str], bytes]:
    """Call a handler as a WSGI application whose contract is watched; return status, fields and body."""
    started: list[Any] = []

    def start_response(status: str, fields: list[tuple[str, str]], exc_info: Any = None) -> Callable[[bytes], None]:
        started.extend([status, {name.lower(): value for name, value in fields}])
        return lambda data: None

    result = validator(to_wsgi(handler))(environ_of(**values), start_response)
    try:
        body = b"".join(result)
    finally:
        result.close()  # type: ignore[attr-defined]
    return started[0], started[1], body


def test_a_handler_sees_the_request_that_the_environ_stands_for() -> None:
    def handler(request: Request) -> str:
        body = request.body.read()
        client = request.client
        fields = sorted(request.headers)
        return repr((request.method, request.target, request.version, fields, body, client.remote, client.scheme))

    _, _, body = call(
        handler, REQUEST_METHOD="POST", PATH_INFO="/Ã©/a b", QUERY_STRING="x=%20", CONTENT_LENGTH="4",
        CONTENT_TYPE="text/plain", HTTP_X_A="b", SERVER_PROTOCOL="HTTP/1.1",
        **{"wsgi.input": io.BytesIO(b"body and more")},
    )  # fmt: skip
    fields = [("Content-Length", "4"), ("Content-Type", "text/plain"), ("Host", "127.0.0.1"), ("X-A", "b")]
    target = "/%C3%A9/a%20b?x=%20"
    assert body.decode() == repr(("POST", target, "HTTP/1.1", fields, b"body", ("192.0.2.1", 7), "http"))


def test_where_the_application_is_mounted_is_where_the_handler_is() -> None:
    _, _, body = call(lambda request: f"{request.mount}|{request.target}", SCRIPT_NAME="/a b", PATH_INFO="/c")
    assert body == b"/a%20b|/c"


def test_a_body_that_its_server_ends_is_read_to_its_end() -> None:
    values = {"wsgi.input": io.BytesIO(b"one\ntwo"), "wsgi.input_terminated": True}
    _, _, body = call(lambda request: repr(list(request.body)), **values)
    assert body == repr([b"one\n", b"two"]).encode()


def test_without_a_length_there_is_no_body() -> None:
    _, _, body = call(lambda request: repr(request.body.read()), **{"wsgi.input": io.BytesIO(b"next request")})
    assert body == b"b''"


def test_a_response_is_what_the_application_answers() -> None:
    headers = [("Content-Type", "text/css"), ("Connection", "close"), ("X-A", "b")]
    status, fields, body = call(lambda request: Response(b"p {}", 418, headers))
    assert (status, body) == ("418 I'm a teapot", b"p {}")
    assert fields == {"content-type": "text/css", "x-a": "b", "content-length": "4"}


@pytest.mark.parametrize(
    ("answer", "status", "body"),
    [({"a": 1}, "200 OK", b'{"a": 1}'), (None, "204 No Content", b""), ("é", "200 OK", "é".encode())],
)
def test_what_a_handler_may_return_it_may_return_here(answer: Any, status: str, body: bytes) -> None:
    assert call(lambda request: answer)[::2] == (status, body)


def test_a_head_request_has_no_body() -> None:
    closed: list[bool] = []

    def pieces() -> Iterator[bytes]:
        try:
            yield b"x"
        finally:
            closed.append(True)

    made = pieces()
    next(made)
    response = Response.stream(made, headers={"Content-Type": "a/b"})
    status, _, body = call(lambda request: response, REQUEST_METHOD="HEAD")
    assert (status, body, closed) == ("200 OK", b"", [True])


def test_a_body_that_was_left_out_for_head_is_not_said_to_be_empty(tmp_path: Path) -> None:
    """RFC 9110 §8.6: its length is that of GET's, or not told."""
    path = tmp_path / "page.txt"
    path.write_text("hello " * 1000)
    handler = pipeline(lambda request: Response.file(path, request=request), compress())
    _, fields, body = call(handler, REQUEST_METHOD="HEAD", HTTP_ACCEPT_ENCODING="gzip")
    assert (fields["content-encoding"], fields.get("content-length"), body) == ("gzip", None, b"")
    _, fields, _ = call(lambda request: Response(b"", type="text/plain"))
    assert fields["content-length"] == "0"


def test_what_is_raised_as_an_answer_is_answered_and_the_rest_raised_on() -> None:
    def handler(request: Request) -> str:
        raise HTTPError(404, "no") if request.path == "/none" else LookupError("broken")

    assert call(handler, PATH_INFO="/none")[0] == "404 Not Found"
    with pytest.raises(LookupError):
        call(handler)


def test_a_single_early_hint_is_as_good_as_a_list_of_one() -> None:
    def handler(request: Request) -> str:
        request.early_hints("</a.css>; rel=preload")
        return "text"

    hints: list[Any] = []
    call(handler, **{"wsgi.early_hints": hints.append})
    assert hints == [[("Link", "</a.css>; rel=preload")]]


def test_early_hints_are_the_servers_to_send() -> None:
    hints: list[list[tuple[str, str]]] = []

    def handler(request: Request) -> str:
        request.early_hints(["</a.css>; rel=preload"])
        request.client.send_interim(request, 102, [])
        return "text"

    assert call(handler)[2] == call(handler, **{"wsgi.early_hints": hints.append})[2] == b"text"
    assert hints == [[("Link", "</a.css>; rel=preload")]]


def test_the_test_client_of_werkzeug_asks_a_router(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"from a file")
    router = Router()
    router.add("GET /items/{id:int}", lambda request: {"id": request.params["id"]})
    router.add("POST /echo", lambda request: request.body.read())
    router.add("GET /file", lambda request: Response((tmp_path / "a.txt").open("rb"), type="text/plain"))
    router.add("GET /stream", lambda request: Response.stream([b"a", b"b"], headers={"Content-Type": "a/b"}))
    client = werkzeug.test.Client(to_wsgi(router))
    assert client.get("/items/7").json == {"id": 7}
    assert client.get("/items/x").status_code == 404
    assert client.post("/echo", data=b"data").data == b"data"
    with client.get("/file") as response:
        assert response.data == b"from a file"
    assert client.get("/stream").data == b"ab"


def test_there_and_back_again_nothing_is_lost() -> None:
    def handler(request: Request) -> Response:
        return Response(request.body.read(), 201, {"X-Path": request.raw_path, "Content-Type": "a/b"})

    with serving(from_wsgi(to_wsgi(handler))) as server:
        reply = server.connect().ask("/a%20b", method="PUT", body=b"body")
    assert (reply.status, reply.body, reply.fields["x-path"]) == (201, b"body", "/a%20b")


def test_nothing_is_encoded_behind_what_an_application_has_written_plainly() -> None:
    def writes(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain")])(b"one ")
        return [b"two ", b"three"]

    with serving(pipeline(from_wsgi(writes), compress(minimum=0))) as server:
        assert server.connect().ask("/", "Accept-Encoding: gzip").body == b"one two three"
    with serving(adapt(to_wsgi(pipeline(from_wsgi(writes), compress(minimum=0))))) as server:
        assert server.connect().ask("/", "Accept-Encoding: gzip").body == b"one two three"


def test_an_application_below_may_write_before_it_returns() -> None:
    def writes(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        write = start_response("200 Fine", [("X-A", "b")])
        write(b"one ")
        return [b"two"]

    router = Router()
    router.mount("/below", from_wsgi(writes))
    answer = werkzeug.test.Client(to_wsgi(router)).get("/below/")
    assert (answer.status, answer.headers["X-A"], answer.data) == ("200 Fine", "b", b"one two")


def test_an_application_that_fails_before_it_begins_is_closed() -> None:
    closed: list[bool] = []

    class Failing:
        def __iter__(self) -> Iterator[bytes]:
            raise LookupError("on purpose")

        def close(self) -> None:
            closed.append(True)

    with pytest.raises(LookupError):
        from_wsgi(lambda environ, start_response: Failing())(asked())
    assert closed == [True]
