"""A key-value service: JSON in, JSON out.

Try ``curl --request PUT --json '{"price": 3}' http://127.0.0.1:8000/items/tea``.
"""

import threading
from typing import Any

from ehttpd.native import HTTPError, Request, Response, Router, serve

app, store, lock = Router(), dict[str, Any](), threading.Lock()


@app.get("/items")
def index(request: Request) -> list[str]:
    return sorted(store)


@app.get("/items/{key}")
def read(request: Request) -> Response:
    if request.params["key"] not in store:
        raise HTTPError(404, "There is no such item.")
    return Response.json(store[request.params["key"]])


@app.put("/items/{key}")
def write(request: Request) -> Response:
    value = request.json(limit=64_000)
    with lock:
        created = request.params["key"] not in store
        store[request.params["key"]] = value
    return Response.json(value, 201 if created else 200)


@app.delete("/items/{key}")
def remove(request: Request) -> None:
    with lock:
        store.pop(request.params["key"], None)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
