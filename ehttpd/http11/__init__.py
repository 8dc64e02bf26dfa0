"""HTTP/1.1 as octets: RFC 9112, with no socket, no thread and no clock.

    octets -> RequestReader -> Request -> (your handler) -> Response -> serialize -> octets

Feed a `RequestReader` with what arrived, ask it for the next request and for the data of its body, and turn the
response into octets with `serialize`. It never blocks: ``None`` means that more octets are needed.
"""

from __future__ import annotations

from ehttpd.http11.framing import Framing
from ehttpd.http11.limits import Limits
from ehttpd.http11.reader import RequestReader
from ehttpd.http11.serialize import serialize
from ehttpd.http11.writer import encode_head, interim

__all__ = ["Framing", "Limits", "RequestReader", "encode_head", "interim", "serialize"]
