"""The joke of the family: whatever you ask for, there are only teapots (RFC 2324)."""

from ehttpd.native import Request, Response, serve


def app(request: Request) -> Response:
    return Response.text(f"There are only teapots in {request.target}\n", status=418)


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
