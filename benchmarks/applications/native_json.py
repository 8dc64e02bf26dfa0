"""The answer of flask_json.py three more times: from a handler, from a router, and from a bare WSGI application."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ehttpd.native import Request, Response, Router

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment


def product(number: int) -> dict[str, Any]:
    return {"hello": "world", "number": number}


def handler(request: Request) -> Response:
    number = int(request.target.partition("?")[0].rpartition("/")[2] or 0)
    return Response.json(product(number))


router = Router()


@router.get("/{$}")
@router.get("/products/{number:int}")
def show(request: Request) -> dict[str, Any]:
    return product(request.params.get("number", 0))


def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    body = json.dumps(product(int(environ["PATH_INFO"].rpartition("/")[2] or 0))).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]
