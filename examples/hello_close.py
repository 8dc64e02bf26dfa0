"""The same answer, but each connection is closed after it: ``Connection: close`` is the handler's to say."""

from ehttpd.native import Request, Response, serve


def app(request: Request) -> Response:
    return Response.text("Hello, world!\n", headers=[("Connection", "close")])


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
