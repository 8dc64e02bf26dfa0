"""A reverse proxy: requests go on to another server, and its answers come back as they arrive, within ten seconds.

Try it in front of another example: ``UPSTREAM=127.0.0.1:9000 ehttpd examples/proxy.py``.
"""

import os
from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException, HTTPResponse

from ehttpd.native import HTTPError, Request, Response, serve

OF_ONE_CONNECTION = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}


def pieces_of(answer: HTTPResponse, upstream: HTTPConnection) -> Iterator[bytes]:
    try:
        while piece := answer.read1(1 << 16):
            yield piece
    finally:
        upstream.close()


def app(request: Request) -> Response:
    request.set_deadline(10)
    upstream = HTTPConnection(os.environ.get("UPSTREAM", "127.0.0.1:9000"), timeout=request.deadline.remaining())
    named = {name.strip().lower() for name in request.headers.get("connection", "").split(",")}  # RFC 9110 §7.6.1
    fields = {name: value for name, value in request.headers.values.items() if name not in OF_ONE_CONNECTION | named}
    try:
        upstream.request(request.method, request.target, request.body.read() or None, fields)
        answer = upstream.getresponse()
    except (OSError, HTTPException) as error:
        upstream.close()
        raise HTTPError(502, f"The server behind this one does not answer: {error!r}.") from error
    kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in OF_ONE_CONNECTION]
    return Response.stream(pieces_of(answer, upstream), answer.status, kept)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
