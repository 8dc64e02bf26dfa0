"""Which handlers read the body of a request while it arrives.

The author of a handler says so, by an attribute: ``streams(request)``. Asked before the handler is called, and only for
requests whose bodies have not arrived yet.
"""

from __future__ import annotations

from collections.abc import Callable

from ehttpd.messages.request import Request
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any, TypeAlias, TypeVar

    F = TypeVar("F", bound=Callable[..., object])

Streams: TypeAlias = Callable[[Request], bool]


def always(request: Request) -> bool:
    """Say it of every request."""
    return True


def streaming(handler: F) -> F:
    """Have a handler called as soon as the head of its request is there, to read the body while it arrives.

    ``request.body`` then waits for the client, and so may hold its thread for long. What keeps the body from arriving
    is raised where it is read: `RequestRefused` (408, 413, 400), which is answered if nobody catches it, or
    `ConnectionLost` if the client has left. ``Expect: 100-continue`` is answered when the body is first read.
    """
    handler.streams = always  # type: ignore[attr-defined]
    return handler


def streams_of(handler: object) -> Streams | None:
    """Return what tells whether a handler wants the body of a request while it arrives; None: it never does.

    A method may be decorated, ``__call__`` among them.
    """
    found: Any = getattr(handler, "streams", None) or getattr(getattr(handler, "__call__", None), "streams", None)  # noqa: B004 - the method is wanted
    return found if callable(found) else None


def streaming_as(view: object, handler: F) -> F:
    """Have a handler that calls ``view`` stream where that does; return it."""
    streams = streams_of(view)
    if streams is not None:
        handler.streams = streams  # type: ignore[attr-defined]
    return handler
