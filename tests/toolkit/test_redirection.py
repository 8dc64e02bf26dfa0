"""Sending a client elsewhere."""

from __future__ import annotations

import httpx
import pytest
import requests

from ehttpd.errors import HandlerError
from ehttpd.native import Request, Response
from tests.server.live import PATIENCE, serving


@pytest.mark.parametrize(
    ("location", "field"),
    [
        ("/a?b=c&d#e", "/a?b=c&d#e"),
        ("https://user@example.org:8080/[x]/~y", "https://user@example.org:8080/[x]/~y"),
        ("/a%20b", "/a%20b"),
        ('/é "<>\\^`{|}', "/%C3%A9%20%22%3C%3E%5C%5E%60%7B%7C%7D"),
        ("/a\r\nSet-Cookie: b=c", "/a%0D%0ASet-Cookie:%20b=c"),
        ("", ""),
    ],
)
def test_a_location_is_a_uri_whatever_it_was(location: str, field: str) -> None:
    response = Response.redirect(location)
    assert (response.status, response.body, response.headers["location"]) == (302, b"", field)


def test_a_redirection_has_a_status_that_redirects() -> None:
    for status in (301, 302, 303, 307, 308):
        assert Response.redirect("/", status).status == status
    for status in (200, 300, 304, 305, 400):
        with pytest.raises(HandlerError, match="redirection"):
            Response.redirect("/", status)


def test_other_people_s_clients_follow() -> None:
    def handler(request: Request) -> Response:
        if request.path == "/there é":
            return Response.text(f"{request.method} {request.text()}")
        return Response.redirect("/there é", int(request.path[1:]))

    with serving(handler) as server:
        for status, text in ((303, "GET "), (307, "POST body"), (308, "POST body")):
            url = f"{server.url}/{status}"
            assert requests.post(url, data=b"body", timeout=PATIENCE).text == text
            assert httpx.post(url, content=b"body", follow_redirects=True, trust_env=False).text == text
