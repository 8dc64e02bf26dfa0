"""A folder of files, a JSON page and a Flask application as one website. Needs Flask.

Try ``curl --compressed http://127.0.0.1:8000/``.
"""

from pathlib import Path

from flask import Flask, url_for

from ehttpd.native import Request, Router, StaticFiles, compress, from_wsgi, pipeline, request_id, serve

office = Flask(__name__)


@office.get("/desk")
def desk() -> str:
    return f"This page is {url_for('desk')}\n"


site = Router()
site.mount("/", StaticFiles(Path(__file__).parent / "public"))
site.mount("/office", from_wsgi(office))


@site.get("/api/health")
def health(request: Request) -> dict[str, bool]:
    return {"ok": True}


app = pipeline(site, compress(), request_id())

if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
