"""Handlers around handlers.

The handler author's. A middleware takes a handler and returns one; each has a module of its own beside this.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from ehttpd.messages import Handler, streaming_as
from ehttpd.toolkit.answers import View, answer_of
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

Middleware: TypeAlias = Callable[[View], Handler]
"""What makes a handler of one that it is put around."""


def pipeline(handler: View, *middlewares: Middleware) -> Handler:
    """Return ``handler`` inside of ``middlewares``; the first is the outermost: it sees a request before the others.

    What it is inside of streams bodies where it does (see `streaming`).
    """
    inner: Handler = partial(answer_of, handler)
    for middleware in reversed(middlewares):
        inner = middleware(inner)
    return streaming_as(handler, inner)
