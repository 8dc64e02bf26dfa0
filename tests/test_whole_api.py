"""A program that uses the whole of `ehttpd.native`: mypy checks it strictly, and it runs.

Nothing public may be missing here, nor be without a docstring: the last tests walk the names.
"""

from __future__ import annotations

import ast
import inspect
import io
import socket
import tempfile
import textwrap
from collections.abc import Iterable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any, BinaryIO

import pytest

from ehttpd import native
from ehttpd.errors import RequestRefused
from ehttpd.native import (
    Answer,
    ByteRange,
    Client,
    ConnectionHandler,
    Cookies,
    Event,
    EventQueue,
    EventSource,
    Fields,
    FileBody,
    Form,
    Handler,
    Headers,
    HTTPError,
    Middleware,
    MountedRequest,
    MultipartForm,
    NotFound,
    Outlet,
    PatternError,
    Publisher,
    Query,
    RangeSet,
    Request,
    Response,
    Router,
    Server,
    Sink,
    StaticFiles,
    Status,
    Tunnel,
    UnsupportedMediaType,
    Upload,
    View,
    WebSocket,
    WebSocketClosed,
    access_log,
    answer_of,
    basic_auth,
    compress,
    conditional,
    connection_handler,
    cors,
    encode_event,
    from_wsgi,
    limit_body,
    percent_decode,
    pipeline,
    request_id,
    safe_join,
    serve,
    streaming,
    timeout,
    to_wsgi,
    trust_proxy,
)
from ehttpd.testing import TestServer

api = Router()
news = Publisher()


@api.get("/asked/{day:date}")
def asked(request: Request) -> Answer:
    day: date = request.params["day"]
    client: Client = request.client
    fields: Fields = request.headers
    cookies: Cookies = request.cookies
    query: Query = request.query
    ranges: RangeSet | None = request.range
    parts: list[ByteRange] = list(ranges or ())
    request.set_deadline(60.0)
    request.state["seen"] = True
    left: float | None = request.deadline.remaining()
    agent: str = request.headers.get("user-agent", "somebody")
    return {
        "line": [request.method, request.target, request.version, request.path, request.raw_path, request.raw_query],
        "head": len(request.raw_head),
        "who": [client.remote[0], client.local[0], client.scheme, request.scheme, request.host, request.tls is None],
        "same": request.connection is client,
        "day": day.isoformat(),
        "fields": [fields.get("x-a"), fields["X-A"], fields.all("x-a"), len(fields.raw), "x-b" in fields, agent],
        "cookies": [cookies.get("name"), cookies.all("name"), cookies.pairs],
        "query": [query["n"], query.get("n", 0, type=int), query.all("n"), query.pairs, query.raw, query.path],
        "ranges": [str(part.resolve(10)) for part in parts],
        "accepts": request.accepts("text/html", "application/json"),
        "flags": [request.keep_alive, request.has_body, request.disconnected(), left is not None, bool(request.id)],
        "trailers": len(request.trailers),
    }


@api.post("/sent")
def sent(request: Request) -> Response:
    length: int | None = request.content_length
    value: Any = request.json(limit=1000)
    text: str = request.text(limit=1000)
    content: bytes = request.read_all(limit=1000)
    return Response.json([length, value, text, content.decode()])


@api.post("/form")
def form(request: Request) -> Response:
    sent: Form = request.form(limit=10_000)
    names: list[str] = [*sent.keys(), *sent.all("name")]
    uploads: list[Upload] = sent.files.all("file") if isinstance(sent, MultipartForm) else []
    with tempfile.TemporaryDirectory() as folder:
        for upload in uploads:
            upload.save(Path(folder) / "saved")
        sizes = [len(saved.read_bytes()) for saved in Path(folder).iterdir()]
    return Response.json([names, sizes, [upload.filename for upload in uploads]])


@api.put("/stream")
@streaming
def stream(request: Request) -> Response:
    body: BinaryIO = request.body
    size = sum(len(block) for block in iter(lambda: body.read(10), b""))
    return Response.stream([b"%d" % size], headers={"X-Kind": "counted"}, trailers=lambda: {"X-Size": str(size)})


@api.patch("/save")
def save(request: Request) -> str:
    with tempfile.TemporaryDirectory() as folder:
        return str(request.save(safe_join(folder, "saved"), limit=100))


@api.delete("/gone")
def gone(request: Request) -> None:
    request.evaluate_preconditions({"ETag": '"1"'})
    return None


@api.get("/hints")
def hints(request: Request) -> str:
    request.early_hints(["</style.css>; rel=preload"])
    return "hinted"


@api.route("GET /files", "GET /pages")
def files(request: Request) -> Response:
    return Response.file(io.BytesIO(b"content"), request=request, type="text/plain", download="name.txt")


@api.get("/errors/{kind}")
def errors(request: Request) -> Answer:
    match request.params["kind"]:
        case "raised":
            raise HTTPError(409, "There is one already.", headers={"X-One": "1"})
        case "missing":
            raise NotFound("There is none.")
        case "type":
            raise UnsupportedMediaType("Not this.")
        case _:
            return Response.error()


@api.get("/events")
def events(request: Request) -> Response:
    source: EventSource = news
    return Response.sse(source, heartbeat=15.0)


@api.get("/queue")
def queue(request: Request) -> Response:
    inbox = EventQueue()
    event: Event = {"event": "tick", "data": {"n": 1}}
    inbox.put(event)
    inbox.close()
    return Response.sse(inbox)


class Countdown(EventSource):
    def listen(self, outlet: Outlet) -> None:
        for number in (2, 1):
            outlet.write(encode_event({"data": number}))
        outlet.end()

    def leave(self, outlet: Outlet | None) -> None:
        assert outlet is not None, "it has begun"


@api.get("/countdown")
def countdown(request: Request) -> Response:
    return Response.sse(Countdown())


def talk(websocket: WebSocket) -> None:
    try:
        while True:
            message: str | bytes = websocket.receive(timeout=10.0)
            websocket.send(message)
            websocket.ping()
            if message == "bye":
                websocket.close(1000, "bye")
    except WebSocketClosed as closed:
        assert (closed.code, closed.reason, websocket.closed) == (1000, "bye", True)


@api.get("/talk")
def chat(request: Request) -> Response:
    return Response.websocket(talk, ["chat"], origins=None, max_message_size=100, ping_interval=5.0, ping_timeout=5.0)


def echo(tunnel: Tunnel) -> None:
    tunnel.timeout = 10.0
    for line in tunnel.reader:
        tunnel.send(line)
        tunnel.write(tunnel.read(2) + tunnel.readline() + tunnel.recv(0))
        tunnel.flush()
        if not tunnel.stopping and tunnel.fileno() >= 0:
            tunnel.close()


@api.get("/line")
def line(request: Request) -> Response:
    return Response.upgrade("line/1", echo, {"X-Line": "1"}, idle_timeout=10.0)


@api.fallback
def nothing(request: Request) -> Response:
    return Response.not_found("There is nothing here.\n")


def wsgi(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [environ["SCRIPT_NAME"].encode()]


def below(request: Request) -> str:
    assert isinstance(request, MountedRequest)
    return f"{request.mount} {request.path}"


def timed(view: View) -> Handler:
    def handler(request: Request) -> Response:
        return answer_of(view, request)

    return handler


api.mount("/wsgi", from_wsgi(wsgi))
api.mount("/below", below)
api.add("POST /private", pipeline(gone, basic_auth({"anna": "secret"}, realm="here")))


def whole(folder: Path) -> Handler:
    site = Router()
    site.mount("/", api)
    site.mount("/static", StaticFiles(folder, index=None, listing=True, immutable=r"\.[0-9a-f]{8}\.", max_age=60))
    middlewares: list[Middleware] = [
        timed, access_log(), request_id("X-Request-ID"), cors(["https://example.com"], credentials=True),
        compress(minimum=1000), conditional(), timeout(30.0), limit_body(1 << 20), trust_proxy(["127.0.0.1"], hops=0),
    ]  # fmt: skip
    return pipeline(site, *middlewares)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    folder = tmp_path_factory.mktemp("public")
    (folder / "page.txt").write_text("page")
    with TestServer(whole(folder)) as server:
        yield server


@pytest.mark.shared_server
def test_requests_tell_everything(server: TestServer) -> None:
    fields = {"X-A": "1", "Cookie": "name=Anna", "Range": "bytes=-3", "Accept": "application/json", "X-B": "2"}
    answer = server.client().get("/asked/2026-11-25?n=7&n=8", headers=fields).json()
    assert answer["line"][:3] == ["GET", "/asked/2026-11-25?n=7&n=8", "HTTP/1.1"]
    assert (answer["day"], answer["same"], answer["fields"][:3]) == ("2026-11-25", True, ["1", "1", ["1"]])
    assert answer["query"][:3] == ["8", 8, ["7", "8"]]
    assert answer["accepts"] == "application/json"


@pytest.mark.shared_server
@pytest.mark.parametrize(
    ("method", "target", "body", "status", "content"),
    [
        ("POST", "/sent", b'{"a": 1}', 200, b'[8, {"a": 1}, "{\\"a\\": 1}", "{\\"a\\": 1}"]'),
        ("PUT", "/stream", b"x" * 25, 200, b"25"),
        ("PATCH", "/save", b"12345", 200, b"5"),
        ("DELETE", "/gone", None, 204, b""),
        ("GET", "/files", None, 200, b"content"),
        ("GET", "/errors/raised", None, 409, None),
        ("GET", "/errors/missing", None, 404, None),
        ("GET", "/errors/type", None, 415, None),
        ("GET", "/errors/other", None, 500, None),
        ("GET", "/queue", None, 200, b":\n\nevent: tick\ndata: {\"n\": 1}\n\n"),
        ("GET", "/countdown", None, 200, b":\n\ndata: 2\n\ndata: 1\n\n"),
        ("GET", "/talk", None, 426, None),
        ("GET", "/line", None, 426, None),
        ("GET", "/nowhere", None, 404, b"There is nothing here.\n"),
        ("GET", "/wsgi/", None, 200, b"/wsgi"),
        ("GET", "/below/a", None, 200, b"/below /a"),
        ("GET", "/static/page.txt", None, 200, b"page"),
        ("POST", "/private", None, 401, None),
    ],
)
def test_every_part_answers(
    server: TestServer, method: str, target: str, body: bytes | None, status: int, content: bytes | None
) -> None:
    answer = server.client().request(method, target, body=body)
    assert answer.status == status
    assert content is None or answer.body == content


@pytest.mark.shared_server
def test_a_form_with_a_file_is_read(server: TestServer) -> None:
    body = (
        b'--x\r\nContent-Disposition: form-data; name="name"\r\n\r\nAnna\r\n--x\r\n'
        b'Content-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n12345\r\n--x--\r\n'
    )
    answer = server.client().post("/form", body=body, headers={"Content-Type": "multipart/form-data; boundary=x"})
    assert answer.json() == [["name", "Anna"], [5], ["a.txt"]]


@pytest.mark.shared_server
def test_a_connection_leaves_http(server: TestServer) -> None:
    assert server.wire(b"GET /hints HTTP/1.1\r\nHost: here\r\n\r\n").startswith(b"HTTP/1.1 103 Early Hints\r\nLink: </")
    head = b"GET /line HTTP/1.1\r\nHost: here\r\nUpgrade: line/1\r\nConnection: upgrade\r\n\r\n"
    assert server.wire(head + b"one\nto two\n").endswith(b"\r\n\r\none\nto two\n")


@connection_handler
def capitals(source: BinaryIO, sink: Sink) -> bool:
    sink.write(source.readline().upper())
    sink.flush()
    return False


def test_a_server_is_driven_by_hand() -> None:
    handler: ConnectionHandler = capitals
    with Server(connection=handler, bind="127.0.0.1:0", threads=(1, 2)) as lines:
        with socket.create_connection(("127.0.0.1", lines.port), 10) as client:
            client.sendall(b"hello\n")
            assert client.recv(10) == b"HELLO\n"
        ours, theirs = socket.socketpair()
        with ours:
            lines.dispatch(theirs)
            ours.sendall(b"again\n")
            assert ours.recv(10) == b"AGAIN\n"
    server = Server(lambda request: Response("ok"), bind=["127.0.0.1:0"])
    server.listen()
    server.start()
    assert server.url.startswith("http://") and len(server.addresses) == 1 and server.fileno() > 0
    assert (server.healthy, server.wait(0), bool(server.stats())) == (True, False, True)
    assert server.stop(grace=1.0)
    assert server.wait()
    server.serve_forever()  # has ended already
    assert callable(serve)


def test_responses_are_values() -> None:
    made: list[Response] = [
        Response.of({"a": 1}), Response.ok("text"), Response.text("text"), Response.html("<p>"), Response.json(None),
        Response.redirect("/there", 303), Response.partial(b"content", 1, 2), Response.bad_request(),
        Response.unauthorized("Basic"), Response.forbidden(), Response.method_not_allowed(["GET"]),
        Response.too_large(), Response.range_not_satisfiable(7), Response(FileBody(io.BytesIO(b"file")), headers=None),
    ]  # fmt: skip
    for response in made:
        response.set_cookie("name", "value", max_age=60, secure=True, same_site="Strict")
        response.delete_cookie("other")
        response.headers.add("X-A", "1")
        response.headers.set("X-B", "2")
        response.headers.setdefault("X-C", "3")
        response.headers.remove("X-A")
        response.close()
        sink = io.BytesIO()
        response.write_to(sink)
        assert sink.getvalue().startswith(f"{response.version} {int(response.status)} {response.reason}".encode())
    headers: Headers = made[0].headers
    assert (headers["x-b"], made[0].content_length) == ("2", 8)
    made[0].make_head()
    made[0].status = Status(299, "Fine")
    read: Request | None = Request.read(b"GET /a?b=c HTTP/1.1\r\nHost: here\r\n\r\n")
    assert read is not None and read.query["b"] == "c"
    assert Query.parse_raw("a=1")["a"] == "1" and percent_decode("%20") == b" "
    assert ByteRange.checked(slice(1, 3), 0, 5) == ByteRange(1, 2)
    assert callable(to_wsgi(lambda request: "text"))
    with pytest.raises(PatternError):
        Router().get("/{unfinished")(nothing)


def public_members() -> Iterator[tuple[str, str, object]]:
    """Yield each public class of ours, and each of its members, by name."""
    for name in native.__all__:
        found = getattr(native, name)
        ours = inspect.isclass(found) and found.__module__.startswith("ehttpd.")
        if ours and not issubclass(found, (BaseException, int)):
            for member, value in inspect.getmembers(found):
                if not member.startswith("_") and (callable(value) or isinstance(value, property)):
                    yield name, member, value


def test_no_public_name_is_missing_here() -> None:
    used = {node.id for node in ast.walk(ast.parse(Path(__file__).read_text("utf-8"))) if isinstance(node, ast.Name)}
    assert set(native.__all__) <= used


def test_everything_public_has_a_docstring() -> None:
    undocumented = [f"{name}.{member}" for name, member, value in public_members() if not inspect.getdoc(value)]
    functions = {name: getattr(native, name) for name in native.__all__ if inspect.isroutine(getattr(native, name))}
    undocumented += [name for name, function in functions.items() if not inspect.getdoc(function)]
    assert undocumented == []
    assert isinstance(native.__all__, list) and issubclass(Form, Mapping)


def assigned(body: list[ast.stmt], kind: type[ast.Name | ast.Attribute]) -> Iterator[tuple[str, bool]]:
    """Yield each public name, or attribute, that is assigned in a body, and whether a docstring follows."""
    for statement, following in zip(body, [*body[1:], None], strict=True):
        if isinstance(statement, (ast.Assign, ast.AnnAssign)):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            documented = isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant)
            for target in [each for found in targets for each in getattr(found, "elts", [found])]:
                name = getattr(target, "attr", "") or getattr(target, "id", "")
                if isinstance(target, kind) and not name.startswith("_"):
                    yield name, documented


def attributes(found: type) -> Iterator[tuple[str, bool]]:
    """Yield each public attribute of a class, and whether it is told what it is, there or in the class's docstring."""
    (node,) = ast.parse(textwrap.dedent(inspect.getsource(found))).body
    assert isinstance(node, ast.ClassDef)
    made = [each.body for each in node.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    names = [*assigned(node.body, ast.Name), *(each for body in made for each in assigned(body, ast.Attribute))]
    for name, documented in names:
        yield name, documented or any(f"``{name}``" in (each.__doc__ or "") for each in found.__mro__)


def test_every_public_attribute_is_told_what_it_is() -> None:
    classes = [getattr(native, name) for name in native.__all__ if inspect.isclass(getattr(native, name))]
    ours = [each for each in classes if each.__module__.startswith("ehttpd.") and not issubclass(each, RequestRefused)]
    assert len(ours) > 20
    assert [(each.__name__, name) for each in ours for name, documented in attributes(each) if not documented] == []


def test_every_alias_is_told_what_it_is() -> None:
    found = {name: getattr(native, name) for name in native.__all__}
    names = [name for name, value in found.items() if not callable(value) or "Callable" in str(value)]
    assert {"Answer", "Handler"} <= set(names)
    sources = [path.read_text("utf-8") for path in Path(native.__file__).parent.rglob("*.py")]
    trees = [ast.parse(source).body for source in sources]
    documented = {name for tree in trees for name, documented in assigned(tree, ast.Name) if documented}
    assert [name for name in names if name not in documented] == []
