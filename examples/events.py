"""Server-sent events: what one posts, everybody who listens gets at once. Listening holds no thread.

Try ``curl --no-buffer http://127.0.0.1:8000/events``, and meanwhile ``curl --data hello http://127.0.0.1:8000/publish``.
"""

from ehttpd.native import Publisher, Request, Response, Router, serve

app, publisher = Router(), Publisher()


@app.get("/events")
def events(request: Request) -> Response:
    return Response.sse(publisher, heartbeat=15)


@app.post("/publish")
def publish(request: Request) -> None:
    publisher.publish({"event": "message", "data": request.text(limit=1000)})


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
