"""Server-sent events: what one posts, everybody who listens gets at once.

Try ``curl --no-buffer http://127.0.0.1:8000/events``, and meanwhile ``curl --data hello http://127.0.0.1:8000/publish``.
"""

import queue
from collections.abc import Iterator
from contextlib import suppress

from ehttpd.native import Request, Response, Router, serve

app, listeners = Router(), set[queue.Queue[str | None]]()


def offer(inbox: queue.Queue[str | None], text: str | None) -> None:
    with suppress(queue.Full):  # a slow listener misses it
        inbox.put_nowait(text)


def texts_for(request: Request) -> Iterator[dict[str, str]]:
    inbox = queue.Queue[str | None](maxsize=100)
    listeners.add(inbox)
    request.disconnected.add_callback(lambda: offer(inbox, None))  # when the client leaves
    try:
        while (text := inbox.get()) is not None:
            yield {"event": "message", "data": text}
    finally:
        listeners.discard(inbox)


@app.get("/events")
def events(request: Request) -> Response:
    return Response.sse(texts_for(request), heartbeat=15)


@app.post("/publish")
def publish(request: Request) -> None:
    text = request.text(limit=1000)
    for inbox in list(listeners):
        offer(inbox, text)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
