"""What an application sees of requests that say how they were forwarded, over connections of a real server."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from ehttpd.messages import Request, Response
from ehttpd.settings import Settings
from ehttpd.wsgi import adapt
from tests.server.conftest import LiveServers, gate
from tests.server.conftest import live_server as believing_nobody
from tests.server.live import Peer

__all__ = ["believing_nobody", "gate", "live_server"]

SHOWN = ("REMOTE_ADDR", "REMOTE_PORT", "wsgi.url_scheme", "SERVER_NAME", "SERVER_PORT", "SCRIPT_NAME", "PATH_INFO")
EVERY_FIELD = (
    "X-Forwarded-For: 203.0.113.9",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example",
    "X-Forwarded-Prefix: /shop",
)


def show(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "application/json")])
    fields = {name: value for name, value in environ.items() if name.startswith("HTTP_")}
    return [json.dumps({**{name: environ[name] for name in SHOWN}, **fields}).encode()]


def show_native(request: Request) -> Response:
    client = request.client
    told = {"remote": client.remote, "local": client.local, "scheme": request.scheme, "url": request.url}
    return Response.json({**told, "lines": list(request.headers), "host": request.host})


def asked(peer: Peer, *fields: str, target: str = "/") -> dict[str, Any]:
    reply = peer.ask(target, *fields)
    assert reply.status == 200, reply
    shown: dict[str, Any] = json.loads(reply.body)
    return shown


@pytest.fixture
def live_server(believing_nobody: LiveServers) -> LiveServers:
    """Servers that believe this machine, unless a test says whom."""
    return lambda handler=None, **options: believing_nobody(
        handler, **{"forwarded_allow_ips": "127.0.0.1, unix", **options}
    )


def test_a_trusted_proxy_is_believed(live_server: LiveServers) -> None:
    shown = asked(live_server(adapt(show)).connect(), *EVERY_FIELD)
    assert [shown[name] for name in SHOWN] == ["203.0.113.9", "0", "https", "shop.example", "443", "/shop", "/"]
    assert shown["HTTP_HOST"] == "shop.example"
    assert shown["HTTP_X_FORWARDED_FOR"] == "203.0.113.9"


def test_of_others_nothing_reaches_the_application(live_server: LiveServers) -> None:
    server = live_server(adapt(show), forwarded_allow_ips="10.0.0.0/8")
    peer = server.connect()
    plain = asked(peer)
    lies = ("Forwarded: for=6.6.6.6", "X-FORWARDED-FOR: 6.6.6.6", "x-forwarded-user: root", "X-Forwarded-Ssl: on")
    for fields in ([*lies, *EVERY_FIELD], lies, lies, ["X-Forwarded-For: 7.7.7.7"], ["X-Forwarded-For: 8.8.8.8"]):
        assert asked(peer, *fields) == plain
    assert asked(peer, *EVERY_FIELD, "Cookie: a=b") == {**plain, "HTTP_COOKIE": "a=b"}


def test_nobody_is_believed_by_default() -> None:
    assert Settings().forwarded_allow_ips == ()


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"forwarded_allow_ips": ""}, 421),
        ({"forwarded_allow_ips": "192.0.2.1"}, 421),
        ({"forwarded_allow_ips": "127.0.0.1"}, 200),
        ({"url_scheme": "https"}, 200),
    ],
)
def test_a_request_for_an_https_uri_comes_by_tls_or_a_trusted_gateway(
    live_server: LiveServers, settings: dict[str, str], status: int
) -> None:
    """RFC 9110 §7.4"""
    server = live_server(lambda request: Response.text(request.host), **settings)
    reply = server.connect().ask("https://there/")
    assert reply.status == status
    assert status != 200 or reply.body == b"there"


def test_who_is_left_out_is_logged_once(live_server: LiveServers, caplog: pytest.LogCaptureFixture) -> None:
    server = live_server(adapt(show), forwarded_allow_ips="")
    for _ in range(2):
        asked(server.connect(), *EVERY_FIELD)
    assert caplog.text.count("forwarded_allow_ips is to name 127.0.0.1") == 1


def test_every_request_of_a_connection_is_heard_by_itself(live_server: LiveServers) -> None:
    peer = live_server(adapt(show)).connect()
    plain = asked(peer)
    agent = "User-Agent: test"
    clients = ["203.0.113.1", "203.0.113.2", "203.0.113.3", "203.0.113.3", "203.0.113.4", "203.0.113.2", "203.0.113.3"]
    for client in clients:
        shown = asked(peer, agent, f"X-Forwarded-For: {client}", "X-Forwarded-Proto: https")
        assert (shown["REMOTE_ADDR"], shown["wsgi.url_scheme"]) == (client, "https")
        assert shown["HTTP_X_FORWARDED_FOR"] == client
    assert asked(peer) == plain
    for client, cookie, host in [("203.0.113.5", "a=1", "a"), ("203.0.113.6", "a=2", "b"), ("203.0.113.6", "a=3", "b")]:
        fields = (agent, f"X-Forwarded-For: {client}", f"Cookie: {cookie}", f"X-Forwarded-Host: {host}")
        shown = asked(peer, *fields)
        assert (shown["REMOTE_ADDR"], shown["HTTP_COOKIE"], shown["HTTP_HOST"]) == (client, cookie, host)
        assert shown["wsgi.url_scheme"] == "http"
    assert asked(peer) == plain


@pytest.mark.parametrize("hops", [0, 1, 2])
def test_a_request_is_heard_alike_whatever_came_before_it(live_server: LiveServers, hops: int) -> None:
    server = live_server(adapt(show), forwarded_hops=hops, forwarded_allow_ips="127.0.0.1, 10.0.0.0/8, unix")
    lists = ["203.0.113.1", "unknown", "unix:", "10.1.1.1", "[2001:db8::1]:7", "6.6.6.6, 203.0.113.1", "203.0.113.9:5",
             "203.0.113.1, 10.1.1.1", "", "203.0.113.1"]  # fmt: skip
    for besides in ((), ("X-Forwarded-Proto: https", "X-Forwarded-Port: 8443"), ("X-Forwarded-Proto: http, https",)):
        peer = server.connect()
        for entries in lists:
            fields = (*besides, f"X-Forwarded-For: {entries}")
            fresh = server.connect()
            shown, expected = asked(peer, *fields), asked(fresh, *fields)
            if not entries:  # each is itself
                assert shown.pop("REMOTE_PORT") != expected.pop("REMOTE_PORT")
            assert shown == expected
            fresh.close()


def test_fields_that_are_not_believed_are_left_out_and_others_of_the_proxy_are_not(live_server: LiveServers) -> None:
    server = live_server(adapt(show), forwarded_fields="x-forwarded-for, X-Forwarded-Proto")
    shown = asked(server.connect(), *EVERY_FIELD, "X-Forwarded-User: anna", "Forwarded: for=6.6.6.6")
    assert (shown["REMOTE_ADDR"], shown["HTTP_HOST"], shown["SCRIPT_NAME"]) == ("203.0.113.9", "here", "")
    assert shown["HTTP_X_FORWARDED_USER"] == "anna"
    assert not {"HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PREFIX", "HTTP_FORWARDED"} & set(shown)


def test_a_native_handler_sees_the_same(live_server: LiveServers) -> None:
    server = live_server(show_native)
    shown = asked(server.connect(), "Accept: x", *EVERY_FIELD, target="/tea?a=b")
    assert shown["remote"] == ["203.0.113.9", 0]
    assert shown["local"] == ["shop.example", 443]
    assert shown["url"] == "https://shop.example/shop/tea?a=b"
    assert shown["host"] == "shop.example"
    assert shown["lines"] == [
        ["Host", "shop.example"], ["Accept", "x"], ["X-Forwarded-For", "203.0.113.9"], ["X-Forwarded-Proto", "https"],
        ["X-Forwarded-Host", "shop.example"], ["X-Forwarded-Prefix", "/shop"],
    ]  # fmt: skip
    plain = asked(live_server(show_native, forwarded_allow_ips="").connect(), "Accept: x", *EVERY_FIELD)
    assert plain["lines"] == [["Host", "here"], ["Accept", "x"]]
    assert plain["url"] == "http://here/"


def test_a_unix_socket_is_believed_if_it_is_named(live_server: LiveServers, tmp_path: Any) -> None:
    server = live_server(adapt(show), bind=f"unix:{tmp_path}/s")
    assert asked(server.connect())["REMOTE_ADDR"] == ""
    assert asked(server.connect(), *EVERY_FIELD)["REMOTE_ADDR"] == "203.0.113.9"


def test_what_a_trusted_proxy_cannot_mean_is_a_bad_request(live_server: LiveServers) -> None:
    server = live_server(adapt(show))
    for fields in (["X-Forwarded-For: host"], ["X-Forwarded-Proto: ftp"], [*EVERY_FIELD, "Forwarded: for=6.6.6.6"]):
        peer = server.connect()
        assert peer.ask("/", *fields).status == 400
        assert peer.ended()
    assert asked(live_server(adapt(show), forwarded_allow_ips="").connect(), "X-Forwarded-Proto: ftp")


def test_lines_that_are_repeated_are_one_list(live_server: LiveServers) -> None:
    peer = live_server(adapt(show), forwarded_allow_ips="127.0.0.1, 10.0.0.0/8").connect()
    shown = asked(peer, "X-Forwarded-For: 6.6.6.6", "X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: 10.1.1.1")
    assert (shown["REMOTE_ADDR"], shown["HTTP_X_FORWARDED_FOR"]) == ("203.0.113.9", "203.0.113.9, 10.1.1.1")


def test_records_tell_the_client_and_not_the_proxy(live_server: LiveServers) -> None:
    records: list[Any] = []
    server = live_server(adapt(show), record=records.append)
    asked(server.connect(), *EVERY_FIELD)
    server.stop()
    assert [(record.remote, record.scheme, record.status) for record in records] == [("203.0.113.9", "https", 200)]


def test_a_deadline_holds_for_clients_behind_a_proxy(live_server: LiveServers) -> None:
    server = live_server(adapt(show), request_timeout=30)
    assert asked(server.connect(), *EVERY_FIELD)["REMOTE_ADDR"] == "203.0.113.9"


# Prefix and scheme


@pytest.mark.parametrize(
    ("target", "path"),
    [("/shop/tea", "/tea"), ("/shop", ""), ("/shop/", "/"), ("/tea", "/tea"), ("/shopping", "/shopping")],
)
def test_an_application_is_served_below_a_prefix(live_server: LiveServers, target: str, path: str) -> None:
    peer = live_server(adapt(show), url_prefix="/shop/").connect()
    for _ in range(3):
        shown = asked(peer, target=target)
        assert (shown["SCRIPT_NAME"], shown["PATH_INFO"]) == ("/shop", path)


def test_a_prefix_is_given_as_clients_send_it_and_told_as_cgi_has_it(live_server: LiveServers) -> None:
    peer = live_server(adapt(show), url_prefix="/b%C3%BCro").connect()
    shown = asked(peer, target="/b%C3%BCro/t%C3%A9")
    assert (shown["SCRIPT_NAME"], shown["PATH_INFO"]) == ("/bÃ¼ro", "/tÃ©")


def test_a_prefix_of_the_proxy_comes_before_ours(live_server: LiveServers) -> None:
    peer = live_server(adapt(show), url_prefix="/shop").connect()
    shown = asked(peer, "X-Forwarded-Prefix: /b%C3%BCro", target="/shop/tea")
    assert (shown["SCRIPT_NAME"], shown["PATH_INFO"]) == ("/bÃ¼ro/shop", "/tea")


def test_a_native_handler_is_served_below_a_prefix(live_server: LiveServers) -> None:
    def tell(request: Request) -> Response:
        return Response(f"{request.mount} {request.target} {request.url}")

    server = live_server(tell, url_prefix="/shop")
    assert server.connect().ask("/shop/tea?a").body == b"/shop /tea?a http://here/shop/tea?a"
    assert server.connect().ask("/tea").body == b"/shop /tea http://here/shop/tea"
    url = server.connect().ask("/shop", "X-Forwarded-Prefix: /b%C3%BCro").body.split()[-1]
    assert url == b"http://here/b%C3%BCro/shop/"


def test_the_scheme_may_be_set(live_server: LiveServers) -> None:
    peer = live_server(adapt(show), url_scheme="https").connect()
    assert asked(peer)["wsgi.url_scheme"] == "https"
    assert asked(peer, "X-Forwarded-Proto: http")["wsgi.url_scheme"] == "http"
