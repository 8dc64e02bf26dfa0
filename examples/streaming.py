"""A body that is sent while it is made: each piece leaves as soon as the generator yields it.

Try ``curl --no-buffer http://127.0.0.1:8000/``.
"""

import time
from collections.abc import Iterator

from ehttpd.native import Request, Response, serve


def count_down(start: int) -> Iterator[bytes]:
    for number in range(start, 0, -1):
        yield b"%d\n" % number
        time.sleep(0.1)
    yield b"lift-off\n"


def app(request: Request) -> Response:
    return Response.stream(count_down(5), headers=[("Content-Type", "text/plain")])


if __name__ == "__main__":
    serve(app, "127.0.0.1:8000")
