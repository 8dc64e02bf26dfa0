"""Saves the body of a request to a file and answers what arrived.

Try ``curl --upload-file README.md http://127.0.0.1:8000/``.
"""

import hashlib
import shutil
import tempfile

from ehttpd.native import Request, Response, serve


def app(request: Request) -> Response:
    if request.method not in ("POST", "PUT"):
        return Response.text("Send a file with POST or PUT.\n", 405, [("Allow", "POST, PUT")])
    with tempfile.TemporaryFile() as saved:
        shutil.copyfileobj(request.body, saved)
        size = saved.tell()
        saved.seek(0)
        digest = hashlib.file_digest(saved, "sha256").hexdigest()
    return Response.text(f"{size} bytes, sha256 {digest}\n", status=201)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
