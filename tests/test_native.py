"""Handlers written for ehttpd: what an author imports, writes and embeds."""

from __future__ import annotations

import ast
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

import pytest

from ehttpd import native
from ehttpd.errors import ListenError, SettingsError
from ehttpd.native import Request, Response, Server, connection_handler, serve
from ehttpd.server.raw import Sink
from tests.server.live import PATIENCE, Peer, serving


def test_everything_that_is_promised_can_be_imported() -> None:
    assert [name for name in native.__all__ if not hasattr(native, name)] == []


def test_a_request_tells_what_was_asked() -> None:
    def handler(request: Request) -> Response:
        told = (request.method, request.target, request.path, request.raw_query, request.version)
        return Response.text(repr((*told, request.headers.get("X-NAME"), list(request.headers), request.body.read())))

    with serving(handler) as server:
        reply = server.connect().ask("/a%20%C3%A9?b=%20", "X-Name: c", method="PUT", body=b"body")
    assert reply.body.decode() == repr(
        (
            "PUT", "/a%20%C3%A9?b=%20", "/a é", "b=%20", "HTTP/1.1", "c",
            [("Host", "here"), ("X-Name", "c"), ("Content-Length", "4")], b"body",
        )
    )  # fmt: skip


def test_a_body_is_read_line_by_line_or_piece_by_piece() -> None:
    def handler(request: Request) -> Response:
        return Response.text(repr((request.body.readline(), request.body.read(2), list(request.body))))

    with serving(handler) as server:
        reply = server.connect().ask(method="POST", body=b"one\ntwo\nthree")
    assert reply.body.decode() == repr((b"one\n", b"tw", [b"o\n", b"three"]))


@pytest.mark.parametrize(
    ("response", "status", "body", "kind"),
    [
        (Response(), 200, b"", None),
        (Response(b"octets"), 200, b"octets", None),
        (Response("text é"), 200, "text é".encode(), "text/plain; charset=utf-8"),
        (Response(b"<p>", type="text/html"), 200, b"<p>", "text/html"),
        (Response.text("no", 404), 404, b"no", "text/plain; charset=utf-8"),
        (Response.stream([b"a", b"b"], 202, {"Content-Type": "x/y"}), 202, b"ab", "x/y"),
        (Response(b"", 302, {"Location": "/"}), 302, b"", None),
    ],
)
def test_a_response_is_sent_as_it_was_made(response: Response, status: int, body: bytes, kind: str | None) -> None:
    with serving(lambda request: response) as server:
        reply = server.connect().ask()
    assert (reply.status, reply.body, reply.fields.get("content-type")) == (status, body, kind)


def test_a_server_is_a_context_manager_with_a_url() -> None:
    with Server(lambda request: Response.text(request.path), bind="127.0.0.1:0", threads=2) as server:
        with urlopen(f"{server.url}/somewhere", timeout=PATIENCE) as response:
            assert response.read() == b"/somewhere"
        assert server.addresses == [server.url.removeprefix("http://")]


def test_a_server_takes_no_setting_that_does_not_exist() -> None:
    with pytest.raises(SettingsError, match="keep_alive_timeout"):
        Server(lambda request: Response(), keepalive_timeout=1)


def test_serve_says_which_address_is_taken() -> None:
    handlers = [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)]
    with socket.create_server(("127.0.0.1", 0)) as listening:
        place = f"127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(ListenError, match=place):
            serve(lambda request: Response(), place)
    assert [signal.getsignal(each) for each in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_function_can_be_marked_as_a_handler_of_connections() -> None:
    @connection_handler
    def shout(source: BinaryIO, sink: Sink) -> bool:
        sink.write(source.readline().upper())
        return True

    with serving(connection=shout) as server:
        peer = server.connect()
        for _ in range(2):
            peer.send(b"hey\n")
            assert peer.read(4) == b"HEY\n"


SERVED = """
import sys
from ehttpd import native
from ehttpd.native import Response, serve
def handler(request):
    if request.path == "/wait":
        print("called", flush=True)
        sys.stdin.readline()
    return Response.text("served")
serve(handler, f"fd:{sys.argv[1]}")
print("drained", flush=True)
"""


def started() -> tuple[subprocess.Popen[bytes], Peer]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        number = listening.fileno()
        process = subprocess.Popen(
            [sys.executable, "-c", SERVED, str(number)],
            pass_fds=[number], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        )  # fmt: skip
        return process, Peer(socket.create_connection(listening.getsockname(), PATIENCE))


def test_serve_answers_what_was_accepted_before_it_returns() -> None:
    process, peer = started()
    with process:
        try:
            peer.send(b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n")
            assert process.stdout is not None and process.stdout.readline() == b"called\n"
            process.send_signal(signal.SIGTERM)
            assert process.stdin is not None
            process.stdin.write(b"\n")
            process.stdin.flush()
            assert peer.reply().body == b"served"
            assert process.stdout.read() == b"drained\n"
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
            peer.close()


def test_a_second_signal_makes_serve_return_at_once() -> None:
    process, peer = started()
    with process:
        try:
            peer.send(b"GET /wait HTTP/1.1\r\nHost: here\r\n\r\n")
            assert process.stdout is not None and process.stdout.readline() == b"called\n"
            process.send_signal(signal.SIGTERM)
            probe = Peer(socket.create_connection(peer.socket.getpeername(), PATIENCE))
            probe.ended()  # the drain has begun when an idle connection is closed
            probe.close()
            process.send_signal(signal.SIGINT)
            assert process.stdout.readline() == b"drained\n"
        finally:
            process.kill()
            peer.close()


def test_what_a_handler_returns_follows_what_it_has_begun() -> None:
    def handler(request: Request) -> Response:
        write = request.client.start_response(request, 200, [("X-Begun", "yes")])
        write(b"begun, ")
        return Response(b"ended")

    with serving(handler) as server:
        peer = server.connect()
        for _ in range(2):
            reply = peer.ask()
            assert (reply.fields["x-begun"], reply.body) == ("yes", b"begun, ended")


# The face


@pytest.mark.parametrize("name", native.__all__)
def test_every_name_of_the_face_is_there(name: str) -> None:
    assert getattr(native, name) is not None
    assert name in dir(native)


def test_what_is_imported_late_is_said_in_one_place() -> None:
    """An editor reads the imports that are never run, Python the table."""
    tree = ast.parse(Path(native.__file__).read_text("utf-8"))
    (guarded,) = (node for node in tree.body if isinstance(node, ast.If) and not isinstance(node.test, ast.UnaryOp))
    imports = [(node.module or "", node) for node in guarded.body if isinstance(node, ast.ImportFrom)]
    ours = [(module, node) for module, node in imports if module.startswith("ehttpd.")]
    said = {alias.name: module.removeprefix("ehttpd.") for module, node in ours for alias in node.names}
    assert said == native.LATER
    assert set(native.LATER) <= set(native.__all__)


def test_what_nobody_uses_is_not_imported() -> None:
    program = "import sys, ehttpd.native; print([name for name in sys.modules if name.startswith('ehttpd.toolkit')])"
    assert subprocess.check_output([sys.executable, "-c", program]) == b"[]\n"


def test_the_face_has_no_other_names() -> None:
    with pytest.raises(AttributeError, match="'Rooter'"):
        native.Rooter  # type: ignore[attr-defined]  # noqa: B018
