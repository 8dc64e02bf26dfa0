"""Mounts: what a handler below a path knows of the request."""

from __future__ import annotations

from ehttpd.messages import Request, Response
from ehttpd.toolkit.mounting import Mounted, MountedRequest
from tests.toolkit.asking import ask, asked, text_of


def where(request: Request) -> str:
    return f"{request.mount} {request.target}"


def test_a_mount_within_a_mount_knows_the_whole_way() -> None:
    handler = Mounted(Mounted(where, 2), 1)
    assert text_of(ask(handler, "/a%2F/b/c/d?e=/f")) == "/a%2F/b/c /d?e=/f"


def test_the_request_outside_stays_as_it_was() -> None:
    outer = asked("/a/b", body=b"body")

    def handler(request: Request) -> Response:
        assert isinstance(request, MountedRequest)
        return Response(request.body.read())

    assert text_of(Mounted(handler, 1)(outer)) == "body"
    assert (outer.target, outer.mount) == ("/a/b", "")
