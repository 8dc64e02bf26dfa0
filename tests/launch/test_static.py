"""Folders of files beside an application."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from ehttpd.launch.static import with_static
from ehttpd.native import Request, Response
from ehttpd.testing import TestServer
from ehttpd.wsgi import adapt


def application(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [])
    return [f"{environ['SCRIPT_NAME']} + {environ['PATH_INFO']}".encode()]


def handler(request: Request) -> Response:
    return Response(f"{request.mount} + {request.path}")


@pytest.mark.parametrize("served", [adapt(application), handler], ids=["WSGI", "native"])
def test_beside_folders_an_application_learns_of_the_prefix_that_it_is_below(served: Any, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("of a file")
    with TestServer(with_static(served, [f"/files={tmp_path}"]), url_prefix="/shop") as server:
        client = server.client()
        assert client.get("/shop/items").body == b"/shop + /items"
        assert client.get("/items").body == b"/shop + /items", "a proxy has cut it off"
        assert client.get("/shop/files/a").body == client.get("/files/a").body == b"of a file"
        assert client.get("/shopfiles/a").body == b"/shop + /shopfiles/a"
