"""The real nginx and the real HAProxy in front, set up by the blocks of docs/proxies.md."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ehttpd.messages import Request, Response
from ehttpd.native import Router
from ehttpd.testing.certificates import session_authority
from ehttpd.wsgi import adapt
from tests.proxies.front import CLIENT, HAPROXY, NGINX, STREAM_MODULE, blocks, connect, haproxy, nginx
from tests.proxies.test_hearing import show
from tests.running import PATIENCE
from tests.server.live import LiveServer, Peer, serving

needs_nginx = pytest.mark.skipif(NGINX is None, reason="nginx is not here")
needs_haproxy = pytest.mark.skipif(HAPROXY is None, reason="haproxy is not here")
needs_streams = pytest.mark.skipif(
    NGINX is None or not STREAM_MODULE.exists(), reason="nginx' module for streams is not here"
)
# The servers and the proxies are there for all tests of the module.
pytestmark = pytest.mark.shared_server

LARGE = bytes(range(256)) * 20000  # 5 MB


def slow_pieces(released: threading.Event) -> Iterator[bytes]:
    """Two pieces, the second once the client has the first."""
    yield b"first\n"
    assert released.wait(PATIENCE)
    yield b"second\n"


class Site:
    """What is behind the proxies, and what it was asked."""

    def __init__(self) -> None:
        self.released = threading.Event()
        self.connections: list[tuple[str, int]] = []
        self.checks = threading.Semaphore(0)
        self.wsgi = adapt(self.application)
        self.router = Router()
        self.router.get("/socket")(self.socket)
        self.router.get("/healthz")(self.health)

    def handler(self, request: Request) -> Response:
        if request.path in ("/socket", "/healthz"):
            return self.router(request)
        self.connections.append(request.client.connection.remote)
        return self.wsgi(request)

    def application(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match environ["PATH_INFO"]:
            case "/upload":
                body = environ["wsgi.input"].read()
                start_response("200 OK", [])
                return [f"{len(body)} {body == LARGE}".encode()]
            case "/large":
                start_response("200 OK", [("Content-Length", str(len(LARGE)))])
                return [LARGE]
            case "/pieces":
                start_response("200 OK", [("X-Accel-Buffering", "no")])
                return slow_pieces(self.released)
            case "/file":
                start_response("200 OK", [("X-Accel-Redirect", "/files/tea.txt"), ("Content-Type", "text/plain")])
                return [b"never seen"]
        return show(environ, start_response)

    def socket(self, request: Request) -> Response:
        return Response.websocket(lambda websocket: websocket.send(websocket.receive()))

    def health(self, request: Request) -> str:
        self.checks.release()
        return "healthy"


@pytest.fixture(scope="module")
def site() -> Site:
    return Site()


@pytest.fixture(scope="module")
def server(site: Site) -> Iterator[LiveServer]:
    # Only the proxy is trusted, and not its clients.
    with serving(site.handler, forwarded_allow_ips="127.0.0.1, unix", keep_alive_timeout=75) as server:
        yield server


@pytest.fixture(scope="module")
def certificate() -> str:
    return session_authority().pem_for(["localhost", "127.0.0.1"])


@pytest.fixture(scope="module")
def plain_nginx(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    upstream = {"server 127.0.0.1:8000": f"server 127.0.0.1:{server.port}"}
    with nginx(tmp_path_factory.mktemp("nginx"), blocks("nginx")[0], upstream) as port:
        yield port


@pytest.fixture(scope="module")
def unbuffered_nginx(site: Site, certificate: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("nginx")
    folder.chmod(0o755)
    (folder / "tea.txt").write_text("green")
    with serving(site.handler, bind=f"unix:{folder}/shop.sock", forwarded_allow_ips="unix", stream_bodies=True):
        replaced = {
            "unix:/run/shop.sock": f"unix:{folder}/shop.sock",
            "/etc/ssl/shop.pem": certificate,
            "/etc/ssl/shop.key": certificate,
            "/srv/files/": f"{folder}/",
        }
        with nginx(folder, blocks("nginx")[1], replaced) as port:
            yield port


@pytest.fixture(scope="module")
def plain_haproxy(server: LiveServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    upstream = {"server one 127.0.0.1:8000": f"server one 127.0.0.1:{server.port}"}
    with haproxy(tmp_path_factory.mktemp("haproxy"), blocks("haproxy")[0], upstream) as port:
        yield port


@pytest.fixture
def asking() -> Iterator[Callable[..., Peer]]:
    """Connect as a client, with TLS if that is wanted."""
    peers = []

    def open_one(port: int, *, secured: bool = False) -> Peer:
        connected = connect(port)
        if secured:
            connected = session_authority().client_context().wrap_socket(connected, server_hostname="localhost")
        peers.append(Peer(connected))
        return peers[-1]

    yield open_one
    for peer in peers:
        peer.close()


Asking = Callable[..., Peer]
FRONTS = [pytest.param("plain_nginx", marks=needs_nginx), pytest.param("plain_haproxy", marks=needs_haproxy)]
LIES = (
    "X-Forwarded-For: 6.6.6.6",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: evil.example",
    "X-Forwarded-Port: 666",
    "X-Forwarded-Prefix: /evil",
    "Forwarded: for=6.6.6.6;proto=https;host=evil.example",
)


@pytest.fixture
def front(request: pytest.FixtureRequest) -> Any:
    return request.getfixturevalue(request.param)


def whole(peer: Peer, *arguments: Any, **details: Any) -> bytes:
    reply = peer.ask(*arguments, **details)
    assert (reply.status, reply.whole) == (200, True), reply
    return reply.body


@pytest.mark.parametrize("front", FRONTS, indirect=True)
@pytest.mark.parametrize("fields", [(), LIES])
def test_the_client_is_told_and_cannot_tell_otherwise(front: int, asking: Asking, fields: tuple[str, ...]) -> None:
    shown = json.loads(whole(asking(front), "/a%20b?c", *fields))
    assert (shown["REMOTE_ADDR"], shown["wsgi.url_scheme"]) == (CLIENT, "http")
    assert (shown["HTTP_HOST"], shown["SCRIPT_NAME"], shown["PATH_INFO"]) == ("here", "", "/a b")
    assert shown["HTTP_X_FORWARDED_FOR"] == CLIENT


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_connections_to_the_server_persist(front: int, asking: Asking, site: Site) -> None:
    whole(asking(front))
    site.connections.clear()
    for _ in range(5):
        client = asking(front)
        for _ in range(3):
            whole(client)
        client.close()
    assert len(site.connections) >= 15
    # HAProxy sends the first request of a client on a fresh connection ("safe"): another server may not have it again.
    assert len(set(site.connections)) < 10


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_large_bodies_pass_both_ways(front: int, asking: Asking) -> None:
    client = asking(front)
    assert whole(client, "/upload", method="POST", body=LARGE) == f"{len(LARGE)} True".encode()
    assert whole(client, "/large") == LARGE


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_a_client_that_waits_for_100_is_told_to_go_on(front: int, asking: Asking) -> None:
    client = asking(front)
    client.send(b"POST /upload HTTP/1.1\r\nHost: here\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n")
    assert client.reply().status == 100
    client.send(b"tea")
    assert client.reply().body == b"3 False"


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_chunks_pass(front: int, asking: Asking) -> None:
    client = asking(front)
    client.send(b"POST /upload HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n")
    client.send(b"3\r\ntea\r\n", b"4\r\ntime\r\n", b"0\r\n\r\n")
    assert client.reply().body == b"7 False"


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_websockets_pass(front: int) -> None:
    from websockets.sync.client import connect as connect_websocket

    with connect_websocket(f"ws://127.0.0.1:{front}/socket", sock=connect(front)) as websocket:
        websocket.send("tea")
        assert websocket.recv(PATIENCE) == "tea"


@pytest.mark.parametrize("front", FRONTS, indirect=True)
def test_pieces_pass_as_they_come(front: int, asking: Asking, site: Site) -> None:
    site.released.clear()
    client = asking(front)
    client.send(b"GET /pieces HTTP/1.1\r\nHost: here\r\n\r\n")
    while client.line():
        pass
    assert (client.line(), client.read(8)) == ("6", b"first\n\r\n")
    site.released.set()
    assert (client.line(), client.read(9)) == ("7", b"second\n\r\n")


@needs_nginx
def test_nginx_speaks_tls_and_says_so_as_rfc_7239_has_it(unbuffered_nginx: int, asking: Asking) -> None:
    shown = json.loads(whole(asking(unbuffered_nginx, secured=True), "/", *LIES))
    assert (shown["REMOTE_ADDR"], shown["wsgi.url_scheme"], shown["HTTP_HOST"]) == (CLIENT, "https", "here")
    assert (shown["SERVER_NAME"], shown["SERVER_PORT"], shown["SCRIPT_NAME"]) == ("here", "443", "")
    assert not [name for name in shown if name.startswith("HTTP_X_FORWARDED")]


@needs_nginx
def test_nginx_passes_bodies_on_as_they_come(unbuffered_nginx: int, asking: Asking, site: Site) -> None:
    client = asking(unbuffered_nginx, secured=True)
    assert whole(client, "/upload", method="POST", body=LARGE) == f"{len(LARGE)} True".encode()
    assert whole(client, "/large") == LARGE
    client.send(b"POST /upload HTTP/1.1\r\nHost: here\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntea\r\n0\r\n\r\n")
    assert client.reply().body == b"3 False"


@needs_nginx
def test_nginx_sends_the_file_that_a_response_names(unbuffered_nginx: int, asking: Asking) -> None:
    assert whole(asking(unbuffered_nginx, secured=True), "/file") == b"green"


@needs_nginx
def test_nginx_as_it_comes_speaks_http_1_0_and_closes(
    server: LiveServer, asking: Asking, tmp_path: Path, site: Site
) -> None:
    tmp_path.chmod(0o755)
    block = f"server {{ listen 80; location / {{ proxy_pass http://127.0.0.1:{server.port}; }} }}"
    with nginx(tmp_path, block, {}) as port:
        client = asking(port)
        for _ in range(3):
            assert json.loads(whole(client))["REMOTE_ADDR"] == "127.0.0.1"
        assert whole(client, "/large") == LARGE
        client.close()


@needs_streams
def test_nginx_passes_on_connections_with_the_proxy_protocol(site: Site, asking: Asking, tmp_path: Path) -> None:
    with serving(site.handler, proxy_protocol="v1") as server:
        upstream = {"proxy_pass 127.0.0.1:8000": f"proxy_pass 127.0.0.1:{server.port}"}
        with nginx(tmp_path, blocks("nginx")[2], upstream) as port:
            client = asking(port)
            for fields in ((), LIES[:1]):
                shown = json.loads(whole(client, "/", *fields))
                assert (shown["REMOTE_ADDR"], shown["SERVER_PORT"]) == (CLIENT, str(port))
            client.close()


# HAProxy


@needs_haproxy
def test_haproxy_checks_the_health(plain_haproxy: int, site: Site) -> None:
    assert site.checks.acquire(timeout=PATIENCE)
    assert site.checks.acquire(timeout=PATIENCE)


@needs_haproxy
@pytest.mark.parametrize("version", ["v1", "v2"])
def test_haproxy_passes_on_connections_with_the_proxy_protocol(
    site: Site, certificate: str, asking: Asking, tmp_path: Path, version: str
) -> None:
    seen: list[Any] = []

    def handler(request: Request) -> Response:
        seen.append(request.client.proxy_protocol)
        return site.handler(request)

    with serving(handler, proxy_protocol=version) as server:
        replaced = {
            "server one 127.0.0.1:8000": f"server one 127.0.0.1:{server.port}",
            "/etc/ssl/shop.pem": certificate,
            **(
                {"send-proxy-v2 proxy-v2-options ssl,cert-cn,authority,crc32c": "send-proxy"} if version == "v1" else {}
            ),
        }
        with haproxy(tmp_path, blocks("haproxy")[1], replaced) as port:
            client = asking(port, secured=True)
            for _ in range(2):
                shown = json.loads(whole(client))
                assert (shown["REMOTE_ADDR"], shown["SERVER_PORT"]) == (CLIENT, str(port))
            client.close()
        header = seen[0]
        assert header.version == int(version[1])
        if version == "v2":
            assert shown["wsgi.url_scheme"] == "https"
            assert (header.authority, header.ssl.protocol) == ("localhost", "TLSv1.3")
            assert not header.ssl.verified


@needs_haproxy
def test_the_proxy_protocol_comes_before_tls(
    site: Site, certificate: str, asking: Asking, tmp_path: Path
) -> None:  # fmt: skip
    with serving(site.handler, proxy_protocol="on", certfile=certificate) as server:
        replaced = {
            "server one 127.0.0.1:8000": f"server one 127.0.0.1:{server.port}",
            "bind :443 ssl crt /etc/ssl/shop.pem alpn http/1.1": "bind :443",
            "ssl,cert-cn,authority,crc32c": "crc32c",
        }
        with haproxy(tmp_path, blocks("haproxy")[1], replaced) as port:
            client = asking(port, secured=True)
            shown = json.loads(whole(client))
            assert (shown["REMOTE_ADDR"], shown["wsgi.url_scheme"]) == (CLIENT, "https")
            client.close()
