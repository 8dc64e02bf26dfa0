"""Files that are kept: uploads go to disk with a checksum, downloads can be resumed.

Try ``curl --upload-file README.md http://127.0.0.1:8000/files/``, then ``curl --remote-name`` and ``--continue-at -``.
"""

import hashlib
import os
import tempfile
from pathlib import Path
from typing import Any

from ehttpd.native import HTTPError, Request, Response, Router, safe_join, serve

app = Router()
vault = Path(os.environ.get("VAULT") or tempfile.mkdtemp(prefix="vault-"))


@app.put("/files/{name}")
def upload(request: Request) -> Response:
    digest, size = hashlib.sha256(), 0
    try:
        with open(safe_join(vault, request.params["name"]), "xb") as file:
            for block in iter(lambda: request.body.read(1 << 16), b""):
                file.write(block)
                digest.update(block)
                size += len(block)
    except FileExistsError:
        raise HTTPError(409, "There is a file of that name.") from None
    answer: dict[str, Any] = {"size": size, "sha256": digest.hexdigest()}
    return Response.json(answer, 201)


@app.get("/files/{name}")
def download(request: Request) -> Response:
    return Response.file(safe_join(vault, request.params["name"]), request=request, download=True)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
