"""Cookies: whatever comes is read, and what goes out is what every browser keeps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import requests

from ehttpd.errors import HandlerError
from ehttpd.native import Cookies, Request, Response
from tests.server.live import serving
from tests.toolkit.asking import asked


@pytest.mark.parametrize(
    ("field", "pairs"),
    [
        ("a=1", [("a", "1")]),
        ("a=1; b=2;c=3 ;  d=4", [("a", "1"), ("b", "2"), ("c", "3"), ("d", "4")]),
        # What SimpleCookie of the standard library gives up at.
        ('sid=abc; prefs={"a":"b"}; csrftoken=xyz', [("sid", "abc"), ("prefs", '{"a":"b"}'), ("csrftoken", "xyz")]),
        ('a="quoted"; b="', [("a", "quoted"), ("b", '"')]),
        ("a=b=c; =d; e; ; f=", [("a", "b=c"), ("f", "")]),
        ("na[me]=1; b@d:name=2", [("na[me]", "1"), ("b@d:name", "2")]),
        ("a=\u00c3\u00a9; b=\u00ff", [("a", "é"), ("b", "\u00ff")]),
        ("a=%20+", [("a", "%20+")]),
    ],
)
def test_each_cookie_is_found_whatever_the_others_are(field: str, pairs: list[tuple[str, str]]) -> None:
    assert Cookies.parse(field).pairs == pairs
    assert asked("/", f"Cookie: {field}").cookies.pairs == pairs


def test_the_first_of_several_counts_for_its_path_is_the_most_specific() -> None:
    cookies = asked("/", "Cookie: a=1; b=2; a=3").cookies
    assert (cookies["a"], cookies.all("a"), cookies.get("c"), sorted(cookies)) == ("1", ["1", "3"], None, ["a", "b"])
    assert dict(Request("GET", "/").cookies) == {}


def set_by(*names: str, **attributes: Any) -> str:
    response = Response()
    response.set_cookie(*names, **attributes)
    return response.headers["Set-Cookie"]


@pytest.mark.parametrize(
    ("attributes", "expected"),
    [
        ({}, "a=b; Path=/; HttpOnly; SameSite=Lax"),
        ({"http_only": False, "same_site": None, "path": None}, "a=b"),
        ({"max_age": 60, "path": "/x"}, "a=b; Max-Age=60; Path=/x; HttpOnly; SameSite=Lax"),
        ({"domain": "example.org", "secure": True, "same_site": "None"},
         "a=b; Domain=example.org; Path=/; Secure; HttpOnly; SameSite=None"),
        ({"secure": True, "partitioned": True, "same_site": "Strict"},
         "a=b; Path=/; Secure; HttpOnly; SameSite=Strict; Partitioned"),
        ({"expires": 784111777, "path": None, "same_site": None, "http_only": False},
         "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT"),
        ({"expires": datetime(1994, 11, 6, 8, 49, 37, tzinfo=UTC), "path": None, "same_site": None, "http_only": False},
         "a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT"),
    ],
)  # fmt: skip
def test_a_cookie_is_set_with_its_attributes(attributes: dict[str, Any], expected: str) -> None:
    assert set_by("a", "b", **attributes) == expected


@pytest.mark.parametrize(
    ("name", "value", "attributes"),
    [
        ("", "b", {}), ("a b", "b", {}), ("a=", "b", {}), ("a;", "b", {}), ("é", "b", {}),
        ("a", "b;c", {}), ("a", "b c", {}), ("a", "b,c", {}), ("a", 'b"', {}), ("a", "b\r\n", {}), ("a", "é", {}),
        ("a", "b", {"path": "x"}), ("a", "b", {"path": "/;"}), ("a", "b", {"path": "/\n"}),
        ("a", "b", {"domain": "x;y"}), ("a", "b", {"domain": ""}), ("a", "b", {"domain": ".x"}),
        ("a", "b", {"domain": "x\n"}), ("a", "b", {"same_site": "lax"}),
        ("a", "b", {"same_site": "None"}), ("a", "b", {"partitioned": True}),
        ("__Secure-a", "b", {}), ("__Host-a", "b", {}), ("__host-a", "b", {"secure": True, "path": "/x"}),
        ("__Host-a", "b", {"secure": True, "domain": "x"}),
        ("a", "b", {"expires": datetime(2030, 1, 1)}),
        ("a", "b" * 4096, {}),
    ],
)  # fmt: skip
def test_a_cookie_that_a_browser_would_not_keep_is_the_author_s_mistake(
    name: str, value: str, attributes: dict[str, Any]
) -> None:
    with pytest.raises(HandlerError):
        set_by(name, value, **attributes)


def test_other_people_s_clients_keep_send_and_forget_cookies() -> None:
    def handler(request: Request) -> Response:
        response = Response.text(repr(sorted(request.cookies.items())))
        if request.path == "/set":
            response.set_cookie("one", "1", max_age=100)
            response.set_cookie("two", "2", expires=datetime.now(UTC) + timedelta(days=1))
        elif request.path == "/delete":
            response.delete_cookie("one")
        return response

    with serving(handler) as server:
        for client in (requests.Session(), httpx.Client(trust_env=False)):
            with client:
                client.get(f"{server.url}/set")
                assert client.get(server.url).text == "[('one', '1'), ('two', '2')]"
                client.get(f"{server.url}/delete")
                assert client.get(server.url).text == "[('two', '2')]"
