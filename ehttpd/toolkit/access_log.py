"""A middleware that writes a line for each request, for handlers that run under another server.

The formats are those of records/formats.py, and the logger is ``ehttpd.access``.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator

from ehttpd.messages import FedBody, Handler, Outlet, PassedOn, Request, Response, close_body, streaming_as
from ehttpd.records import Record
from ehttpd.records.formats import format_of, to_logger
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.toolkit.pipeline import Middleware
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


def access_log(format: str = "combined") -> Middleware:
    """Log a line for each request once its body has been produced, to the logger ``ehttpd.access`` at INFO.

    ``format`` is one of the server's: ``common``, ``combined``, ``json``, ``logfmt``, ``dev``, or atoms such as
    ``%(h)s %(s)s``. What a handler raises is logged as 500, and raised on. Of server-sent events signs of life are not
    counted.

    Raises:
        SettingsError: there is no such format.
    """
    log = to_logger(format_of(format))

    def middleware(view: View) -> Handler:
        def handler(request: Request) -> Response:
            began = time.monotonic()

            def record(response: Response, octets: int) -> None:
                log(Record(request.client, request, response, octets, time.monotonic() - began))

            try:
                response = answer_of(view, request)
            except BaseException:
                record(Response(b"", 500), 0)
                raise
            octets = 0 if request.method == "HEAD" else _length(response)
            if octets is None:
                response.body = _counted(response.body, lambda octets: record(response, octets))
            else:
                record(response, octets)
            return response

        return streaming_as(view, handler)

    return middleware


def _length(response: Response) -> int | None:
    if response.status < 200:
        return 0
    if isinstance(response.body, bytes):
        return len(response.body)
    told = response.headers.get("content-length")
    return None if told is None else int(told)


def _counted(body: Any, tell: Callable[[int], None]) -> _Counted | _CountedFeed:
    return _CountedFeed(body, tell) if isinstance(body, FedBody) else _Counted(body, tell)


class _Counted:
    """A body that tells how long it was when it is closed."""

    def __init__(self, body: Any, tell: Callable[[int], None]) -> None:
        self._body: Iterable[bytes] = body
        self._tell = tell
        self._octets = 0

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._body:
            self._octets += len(piece)
            yield piece

    def close(self) -> None:
        try:
            close_body(self._body)
        finally:
            self._tell(self._octets)


class _CountedFeed(PassedOn):
    """The same of one that others feed: no thread waits for its pieces."""

    def __init__(self, body: FedBody, tell: Callable[[int], None]) -> None:
        super().__init__(body)
        self._tell = tell
        self._octets = len(body.greeting)

    def begin(self, outlet: Outlet) -> None:
        super().begin(_CountingOutlet(outlet, self._count))

    def close(self) -> None:
        try:
            super().close()
        finally:
            self._tell(self._octets)

    def __iter__(self) -> Iterator[bytes]:
        self._octets = 0
        for piece in super().__iter__():
            self._octets += len(piece)
            yield piece

    def _count(self, octets: int) -> None:
        self._octets += octets


class _CountingOutlet:
    """Where the pieces of such a body go."""

    def __init__(self, outlet: Outlet, count: Callable[[int], None]) -> None:
        self.wait_for_room = outlet.wait_for_room
        self.end = outlet.end
        self._write = outlet.write
        self._count = count

    def write(self, data: bytes) -> bool:
        self._count(len(data))
        return self._write(data)
