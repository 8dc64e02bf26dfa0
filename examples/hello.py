"""The smallest handler: every request gets the same answer.

Run it with ``python -m ehttpd examples/hello.py``, or as a program of its own.
"""

from ehttpd.native import Request, Response, serve


def app(request: Request) -> Response:
    return Response.text("Hello, world!\n")


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
