"""Requests, responses and what lies between them: a handler.

RFC 9110. Plain values: nothing here knows how a message is written, and nothing here reads or sends.
"""

from __future__ import annotations

from collections.abc import Callable

from ehttpd.messages.bodies import NO_BODY, FedBody, FileBody, FileParts, NoBody, Outlet, PassedOn, close_body
from ehttpd.messages.client import NO_CLIENT, Client
from ehttpd.messages.request import METHODS, NO_FIELDS, Request
from ehttpd.messages.response import Response
from ehttpd.messages.status import REASONS, Status
from ehttpd.messages.streaming import Streams, always, streaming, streaming_as, streams_of
from ehttpd.messages.targets import percent_decode
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, TypeAlias

__all__ = [
    "METHODS",
    "NO_BODY",
    "NO_CLIENT",
    "NO_FIELDS",
    "REASONS",
    "Answer",
    "Client",
    "FedBody",
    "FileBody",
    "FileParts",
    "Handler",
    "NoBody",
    "Outlet",
    "PassedOn",
    "Request",
    "Response",
    "Status",
    "Streams",
    "View",
    "always",
    "close_body",
    "percent_decode",
    "streaming",
    "streaming_as",
    "streams_of",
]

Handler: TypeAlias = Callable[[Request], Response]
"""What answers requests. Several threads call it at once."""
Answer: TypeAlias = "Response | str | bytes | Mapping[str, Any] | list[Any] | None"
"""What a response can be made of: see `Response.of`."""
View: TypeAlias = Callable[[Request], Answer]
"""A handler that returns what a response can be made of. Every `Handler` is one."""
