"""Requests seen from below a path, as if that path were the root, and handlers that see them so."""

from __future__ import annotations

from ehttpd.fields import Fields
from ehttpd.messages.request import Request
from ehttpd.messages.streaming import streaming_as, streams_of
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any


class MountedRequest(Request):
    """A request as a mounted handler sees it: ``target`` is what is left of the path, and the query.

    ``mount`` is the path of the mount, as it was sent, with no slash at its end: with ``raw_path`` behind it, it is
    the path that the client asked for. What else there is, body and ``state`` included, it shares with ``outer``.
    """

    def __init__(self, outer: Request, mount: str, target: str) -> None:
        outer.state  # noqa: B018 - it is made when it is asked for, and there is one for both
        self.__dict__.update(outer.__dict__)
        self.outer: Request = outer
        self.mount = outer.mount + mount
        self.target = target

    @property
    def trailers(self) -> Fields:  # type: ignore[override]  # they come with the end of the body, which both share
        """The trailer section, once the body has been read."""
        return self.outer.trailers


def below(handler: Any, prefix: str) -> Any:
    """Return a handler that has ``handler`` serve what is below ``prefix``, a path.

    A request for another path is taken for one from which a proxy has cut the prefix off. A handler that knows better
    what to do with a prefix has a method ``below``.
    """
    own = getattr(handler, "below", None)
    if own is not None:
        return streaming_as(handler, own(prefix))

    def mounted(request: Request) -> MountedRequest:
        path, question_mark, query = request.raw_path, *request.target.partition("?")[1:]
        if path == prefix or path.startswith(prefix + "/"):
            path = path[len(prefix) :] or "/"
        return MountedRequest(request, prefix, path + question_mark + query)

    def run(request: Request) -> Any:
        return handler(mounted(request))

    streams = streams_of(handler)
    if streams is not None:
        run.streams = lambda request: streams(mounted(request))  # type: ignore[attr-defined]
    return run
