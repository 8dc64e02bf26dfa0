"""Saves the body of a request to a file, while it arrives, and answers what that was.

Try ``curl --upload-file README.md http://127.0.0.1:8000/``.
"""

import hashlib
import tempfile

from ehttpd.native import Request, Response, serve, streaming


@streaming
def app(request: Request) -> Response:
    if request.method not in ("POST", "PUT"):
        return Response.text("Send a file with POST or PUT.\n", 405, [("Allow", "POST, PUT")])
    digest = hashlib.sha256()
    with tempfile.TemporaryFile() as saved:
        for piece in request.pieces():
            saved.write(piece)
            digest.update(piece)
        size = saved.tell()
    return Response.text(f"{size} bytes, sha256 {digest.hexdigest()}\n", status=201)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
