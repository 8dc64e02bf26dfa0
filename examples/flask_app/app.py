"""A guest book with attachments: the things that most Flask applications do, on one page each."""

import hashlib
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from flask import (
    Flask,
    Response,
    flash,
    redirect,
    render_template,
    request,
    send_file,
    send_from_directory,
    session,
    url_for,
)
from werkzeug.utils import secure_filename
from werkzeug.wrappers import Response as AnyResponse

app = Flask(__name__)
# Anybody can read this key, and so forge a session: a real application takes it from outside.
app.secret_key = os.environ.get("GUEST_BOOK_KEY", "everybody knows this one")

ATTACHMENTS = Path(os.environ.get("GUEST_BOOK_ATTACHMENTS") or tempfile.mkdtemp(prefix="guest-book-"))
ENTRIES: list[tuple[str, str]] = []


@app.get("/")
def index() -> str:
    return render_template(
        "index.html", entries=ENTRIES, attachments=sorted(file.name for file in ATTACHMENTS.iterdir())
    )


@app.post("/sign")
def sign() -> AnyResponse:
    """Keep the entry, remember the name for next time, and show the page again (post, redirect, get)."""
    session["name"] = request.form["name"]
    ENTRIES.append((request.form["name"], request.form["words"]))
    flash(f"Thank you, {request.form['name']}.")
    return redirect(url_for("index"), code=303)


@app.get("/leave")
def leave() -> AnyResponse:
    session.clear()
    return redirect(url_for("index"))


@app.post("/attachments")
def attach() -> AnyResponse:
    file = request.files["file"]
    file.save(ATTACHMENTS / secure_filename(file.filename or "unnamed"))
    return redirect(url_for("index"), code=303)


@app.get("/attachments/<name>")
def attachment(name: str) -> Response:
    return send_from_directory(ATTACHMENTS, name, as_attachment=True)


@app.get("/source")
def source() -> Response:
    """This file, with validators: a browser that has it already gets 304, one that lost half of it gets 206."""
    return send_file(__file__, mimetype="text/plain")


@app.put("/digest")
def digest() -> dict[str, int | str]:
    """Read the body piece by piece, and never hold it whole."""
    size, checksum = 0, hashlib.sha256()
    while data := request.stream.read(65536):
        size += len(data)
        checksum.update(data)
    return {"size": size, "sha256": checksum.hexdigest()}


@app.get("/count")
def count() -> Response:
    def lines() -> Iterator[str]:
        for number in range(1, 11):
            yield f"{number}\n"
            time.sleep(0.02)

    return Response(lines(), mimetype="text/plain")


@app.get("/entries.json")
def entries() -> dict[str, list[dict[str, str]]]:
    return {"entries": [{"name": name, "words": words} for name, words in ENTRIES]}


@app.get("/broken")
def broken() -> str:
    raise RuntimeError("This page always fails, to show what a failure looks like.")


@app.errorhandler(404)
def not_found(error: Exception) -> tuple[str, int]:
    return render_template("not_found.html", path=request.path), 404
