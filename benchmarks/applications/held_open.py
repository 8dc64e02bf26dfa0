"""For ../held_open.py: responses and connections that stay open, beside a page.

Once a second each of those who listen gets an event. ``/publisher`` needs no thread for that, ``/generator``,
``/crowd`` and ``/websocket`` have one each; those of the crowd are woken all at once.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from ehttpd.native import Publisher, Request, Response, Router, WebSocket

app, publisher, ticked = Router(), Publisher(), threading.Condition()


def tick() -> None:
    while True:
        time.sleep(1)
        publisher.publish("tick")
        with ticked:
            ticked.notify_all()


def ticks(request: Request) -> Iterator[str]:
    while not request.disconnected.wait(1):
        yield "tick"


def ticks_for_all(request: Request) -> Iterator[str]:
    while not request.disconnected.is_set():
        with ticked:
            ticked.wait()
        yield "tick"


def talk(websocket: WebSocket) -> None:
    for message in websocket:
        websocket.send(message)


app.add("GET /{$}", lambda request: "Hello, world!\n")
app.add("GET /publisher", lambda request: Response.sse(publisher))
app.add("GET /generator", lambda request: Response.sse(ticks(request)))
app.add("GET /crowd", lambda request: Response.sse(ticks_for_all(request)))
app.add("GET /websocket", lambda request: Response.websocket(talk))
threading.Thread(target=tick, daemon=True).start()
