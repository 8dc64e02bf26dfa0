"""What proxies say of their clients is believed of those that are trusted, under other servers too."""

from __future__ import annotations

import pytest
from werkzeug.test import Client as WerkzeugClient

from ehttpd.errors import BadRequest, SettingsError
from ehttpd.fields import Fields
from ehttpd.messages import Client, Request
from ehttpd.native import pipeline, to_wsgi, trust_proxy
from ehttpd.testing import TestServer

FIELDS = {
    "Host": "inner",
    "X-Forwarded-For": "203.0.113.7",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "shop.example",
}


def who(request: Request) -> list[str | None]:
    return [request.client.remote[0], request.scheme, request.host, request.headers.get("x-forwarded-proto")]


def asked(remote: str, fields: dict[str, str]) -> Request:
    return Request("GET", "/", headers=Fields(fields), client=Client((remote, 4711), ("10.0.0.1", 80)))


@pytest.mark.parametrize(
    ("remote", "seen"),
    [
        ("127.0.0.1", b'["203.0.113.7", "https", "shop.example", "https"]'),
        ("192.0.2.1", b'["192.0.2.1", "http", "inner", null]'),
    ],
)
def test_a_proxy_is_believed_if_it_is_trusted(remote: str, seen: bytes) -> None:
    assert pipeline(who, trust_proxy())(asked(remote, FIELDS)).body == seen


def test_networks_and_hops_are_trusted_where_that_is_said() -> None:
    through = {"Host": "inner", "X-Forwarded-For": "203.0.113.7, 10.1.1.1, 10.2.2.2"}
    for middleware in (trust_proxy(["10.0.0.0/8"]), trust_proxy(["10.9.9.9"], hops=3)):
        assert pipeline(lambda request: request.client.remote[0], middleware)(asked("10.9.9.9", through)).body == (
            b"203.0.113.7"
        )
    with pytest.raises(SettingsError):
        trust_proxy(["here"])


def test_what_a_trusted_proxy_cannot_mean_is_refused() -> None:
    request = asked("127.0.0.1", {"Host": "a", "Forwarded": "for"})
    assert pipeline(who, trust_proxy())(request).status == BadRequest.status


def test_it_holds_under_other_servers_as_under_ours() -> None:
    handler = pipeline(who, trust_proxy())
    answer = WerkzeugClient(to_wsgi(handler)).get("/", headers=FIELDS, environ_base={"REMOTE_ADDR": "127.0.0.1"})
    assert answer.json == ["203.0.113.7", "https", "shop.example", "https"]
    for named in ("none", "127.0.0.1"):
        with TestServer(handler, forwarded_allow_ips=named) as server, server.client() as client:
            for address in ("203.0.113.7", "203.0.113.7", "203.0.113.8", "203.0.113.9"):
                fields = {**FIELDS, "X-Forwarded-For": address}
                assert client.get("/", headers=fields).json() == [address, *answer.json[1:]]


def test_under_ours_others_are_left_out_too() -> None:
    with TestServer(pipeline(who, trust_proxy(["10.0.0.1"]))) as server:
        assert server.client().get("/", headers=FIELDS).json() == ["127.0.0.1", "http", "inner", None]
