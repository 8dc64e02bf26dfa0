"""A handler below a path: it sees requests as if that path were the root.

The handler author's. Knows where a path is cut, not what is mounted there.
"""

from __future__ import annotations

from ehttpd.messages import Request, Response, streams_of
from ehttpd.messages.mounting import MountedRequest
from ehttpd.toolkit.answers import View, answer_of

__all__ = ["Mounted", "MountedRequest"]


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
