"""What goes wrong at a server, counted by what and why. The operator's. Any thread."""

from __future__ import annotations

import threading

from ehttpd.errors import (
    BadRequest,
    ContentTooLarge,
    ExpectationFailed,
    FieldsTooLarge,
    InsufficientStorage,
    MisdirectedRequest,
    NotImplementedHere,
    QueueFull,
    QueueTimeout,
    RequestRefused,
    RequestTimeout,
    ServiceUnavailable,
    URITooLong,
    VersionNotSupported,
)
from ehttpd.http11.state import TIMEOUTS
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypedDict

    class MishapFigures(TypedDict):
        """What `Mishaps` has counted."""

        parse_errors: dict[str, int]
        rejected: dict[str, int]
        timeouts: dict[str, int]


# Why a request was refused before any handler saw it -> what it is counted as.
PARSE_ERRORS: dict[type[RequestRefused], str] = {
    BadRequest: "bad_request",
    ContentTooLarge: "body_too_large",
    URITooLong: "request_line_too_long",
    ExpectationFailed: "expectation_failed",
    MisdirectedRequest: "misdirected",
    FieldsTooLarge: "fields_too_large",
    NotImplementedHere: "not_implemented",
    VersionNotSupported: "version_not_supported",
}
REJECTIONS: dict[type[RequestRefused], str] = {
    QueueFull: "queue_full",
    QueueTimeout: "queue_timeout",
    ServiceUnavailable: "memory",
    InsufficientStorage: "disk",
}
# A state whose deadline passed -> the kind of the timeout. Two are of no state: a handler's, and that of the queue.
TIMEOUT_KINDS = {state: name.removesuffix("_timeout") for state, name in TIMEOUTS.items()}
REQUEST_TIMEOUT, QUEUE_TIMEOUT = "request", "queue"


class Mishaps:
    """Counts what goes wrong, by what and why. Any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parse_errors: dict[str, int] = {}
        self._rejected: dict[str, int] = {}
        self._timeouts: dict[str, int] = {}

    def refused(self, refusal: RequestRefused) -> None:
        """Count a request that is refused before a handler sees it."""
        kind = type(refusal)
        if kind in REJECTIONS:
            self._note(self._rejected, REJECTIONS[kind])
        elif kind is not RequestTimeout:  # those have been counted as what they are
            self._note(self._parse_errors, PARSE_ERRORS.get(kind, PARSE_ERRORS[BadRequest]))

    def timed_out(self, kind: str) -> None:
        """Count a deadline that passed: of `TIMEOUT_KINDS`, `REQUEST_TIMEOUT` or `QUEUE_TIMEOUT`."""
        self._note(self._timeouts, kind)

    def read(self) -> MishapFigures:
        """Return the counts until now."""
        with self._lock:
            return {
                "parse_errors": dict(self._parse_errors),
                "rejected": dict(self._rejected),
                "timeouts": dict(self._timeouts),
            }

    def _note(self, counts: dict[str, int], why: str) -> None:
        with self._lock:
            counts[why] = counts.get(why, 0) + 1
