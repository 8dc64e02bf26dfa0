"""A handler below a path: it sees requests as if that path were the root.

The handler author's. Knows where a path is cut, not what is mounted there.
"""

from __future__ import annotations

from ehttpd.fields import Fields
from ehttpd.messages import Request, Response, streams_of
from ehttpd.toolkit.answers import View, answer_of


class MountedRequest(Request):
    """A request as a mounted handler sees it: ``target`` is what is left of the path, and the query.

    ``mount`` is the path of the mount, as it was sent, with no slash at its end: with ``raw_path`` behind it, it is
    the path that the client asked for. What else there is, body and ``state`` included, it shares with ``outer``.
    """

    def __init__(self, outer: Request, mount: str, target: str) -> None:
        outer.state  # noqa: B018 - it is made when it is asked for, and there is one for both
        self.__dict__.update(outer.__dict__)
        self._outer = outer
        self.mount = mount_of(outer) + mount
        self.target = target

    @property
    def trailers(self) -> Fields:  # type: ignore[override]  # they come with the end of the body, which both share
        """The trailer section, once the body has been read."""
        return self._outer.trailers


def mount_of(request: Request) -> str:
    """Return the path of the mount that a request has come through, empty if there is none."""
    return request.mount if isinstance(request, MountedRequest) else ""


class Mounted:
    """A handler that calls another below a path of ``depth`` segments, without them."""

    def __init__(self, view: View, depth: int) -> None:
        self._view = view
        self._depth = depth

    def __call__(self, request: Request) -> Response:
        """Answer a request whose path has more than ``depth`` segments."""
        return answer_of(self._view, self._below(request))

    def streams(self, request: Request) -> bool:
        """Tell whether what is mounted reads the body of a request while it arrives; see `streaming`."""
        streams = streams_of(self._view)
        return streams is not None and streams(self._below(request))

    def _below(self, request: Request) -> MountedRequest:
        *prefix, rest = request.raw_path.split("/", self._depth + 1)
        _, question_mark, query = request.target.partition("?")
        return MountedRequest(request, "/".join(prefix), f"/{rest}{question_mark}{query}")
