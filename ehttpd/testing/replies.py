"""What a rule answers: values on their way to a `Response`.

The test author's. Knows HTTP's meaning, not its wire: faults are elsewhere.
"""

from __future__ import annotations

import json as json_module
import mimetypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from threading import Event
from typing import Any, TypeAlias

from ehttpd.fields import FieldLines, Headers
from ehttpd.messages import Request, Response
from ehttpd.testing.criteria import ANYTHING
from ehttpd.testing.delivery import pause, whole_body

Interim: TypeAlias = "int | tuple[int, FieldLines]"
# Pieces a second, where a response is throttled.
THROTTLED_PIECES = 20


class Reply:
    """An answer that can be given any number of times. At most one of the bodies is given.

    Raises:
        TypeError: there are two bodies, or ``stream`` can be read only once.
    """

    def __init__(
        self,
        status: int = 200,
        *,
        json: object = ANYTHING,
        text: str | None = None,
        body: bytes | None = None,
        file: str | Path | None = None,
        stream: Iterable[bytes] | Callable[[], Iterable[bytes]] | None = None,
        chunks: Sequence[bytes] | None = None,
        headers: FieldLines = (),
        trailers: FieldLines | None = None,
        informational: Sequence[Interim] = (),
        delay: float = 0.0,
        throttle: float = 0.0,
    ) -> None:
        given = [each for each in (text, body, file, stream, chunks) if each is not None]
        if len(given) + (json is not ANYTHING) > 1:
            raise TypeError("Give one of json, text, body, file, stream and chunks.")
        if isinstance(stream, Iterator):
            raise TypeError("An iterator can be read once, and a rule may answer often: give a list or a function.")
        self._status = status
        self._headers = list(Headers(headers))
        self._data, self._type = self._constant(json, text, body)
        self._file = Path(file) if file is not None else None
        self._stream = stream if chunks is None else list(chunks)
        self._trailers = trailers
        self._informational = informational
        self._delay = delay
        self._throttle = throttle

    @staticmethod
    def _constant(json: object, text: str | None, body: bytes | None) -> tuple[bytes, str | None]:
        if json is not ANYTHING:
            return json_module.dumps(json).encode(), "application/json"
        if text is not None:
            return text.encode(), "text/plain; charset=utf-8"
        return body or b"", None

    def respond(self, request: Request, ending: Event) -> Response:
        """Return the response to a request, after its delay. Raises ConnectionLost if the server stops meanwhile."""
        for each in self._informational:
            status, fields = each if isinstance(each, tuple) else (each, ())
            request.client.send_interim(request, status, list(Headers(fields)))
        if self._delay:
            pause(self._delay, ending)
        response = self._response()
        if "content-type" not in response.headers and self._type is not None:
            response.headers["Content-Type"] = self._type
        if self._throttle:
            data = whole_body(response)
            response.headers.setdefault("Content-Length", str(len(data)))
            response.body = throttled(data, self._throttle, ending)
        return response

    def _response(self) -> Response:
        trailers = self._trailers
        if self._file is not None:
            kind = mimetypes.guess_type(self._file)[0] or "application/octet-stream"
            response = Response(self._file.open("rb"), self._status, self._headers)
            response.headers.setdefault("Content-Type", kind)
            return response
        if self._stream is None and trailers is None:
            return Response(self._data, self._status, self._headers)
        pieces: Any = [self._data] if self._stream is None else self._stream
        pieces = pieces() if callable(pieces) else pieces
        return Response.stream(
            pieces, self._status, self._headers, trailers=None if trailers is None else lambda: trailers
        )


def throttled(data: bytes, rate: float, ending: Event) -> Iterator[bytes]:
    """Yield data at ``rate`` octets a second."""
    size = max(1, int(rate / THROTTLED_PIECES))
    for begin in range(0, len(data), size):
        pause(size / rate, ending)
        yield data[begin : begin + size]
