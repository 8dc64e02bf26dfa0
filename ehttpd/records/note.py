"""What is kept of an exchange until there is time for its line: a plain tuple of what lines and figures are made of.

A `Record` knows more and holds more; to make one for each exchange, and to keep it with its request and response while
others are served, takes twice as long as all else that a line needs. Knows no format.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple, Protocol, TypeAlias

from ehttpd.fields import Fields
from ehttpd.messages import Client, Request, Response

if TYPE_CHECKING:
    from ehttpd.records.record import Record


class Line(Protocol):
    """A request line (RFC 9112 §3). Who keeps one finds again what was made of it: it never changes."""

    @property
    def method(self) -> str: ...
    @property
    def target(self) -> str: ...
    @property
    def version(self) -> str: ...


class KeptLine:
    """A request line apart from its request."""

    __slots__ = ("method", "target", "version")

    def __init__(self, request: Request) -> None:
        self.method = request.method
        self.target = request.target
        self.version = request.version


class Besides(NamedTuple):
    """What is seldom known of an exchange, or seldom wanted.

    ``received``: octets of the request's body, None if they came in chunks. ``left``: its client left before there was
    an answer. ``refusal`` and ``first_line`` are those of a `Record`. ``request`` and ``response`` are kept for those
    who say that they want them, see `Ledger`.
    """

    received: int | None = 0
    left: bool = False
    refusal: str = ""
    first_line: str = ""
    request: Request | None = None
    response: Response | None = None

    @classmethod
    def of(
        cls, request: Request | None, response: Response | None, refusal: str = "", first_line: str = ""
    ) -> Besides:  # fmt: skip
        """Return what there is to say of a request, None if its head was refused, and of its response, if any."""
        received = request.content_length if request is not None and request.has_body else 0
        first_line = first_line if request is None else ""
        return cls(received, response is None, refusal, first_line, request, response)


USUAL = Besides()


class Note(NamedTuple):
    """An exchange. ``line`` is None if its head was refused. ``name`` is that of the request, nothing if nobody has
    asked for it yet. ``besides`` is `USUAL`, that very object, where there is nothing to say, and the name, if any, is
    one of ours (`new_name`). The rest is as in `Record`.
    """

    line: Line | None
    fields: Fields
    client: Client
    name: str
    status: int
    body_octets: int
    seconds: float
    queue_seconds: float
    ended: float
    thread: str
    besides: Besides


# A note as it is handed on. To make a named one takes three times as long; `Note._make` is for who wants the names.
Noted: TypeAlias = "tuple[Line | None, Fields, Client, str, int, int, float, float, float, str, Besides]"


class Ledger:
    """A recorder that is told of several exchanges at once, soon after they have ended, on whatever thread has time.

    It must not block. ``whole``: it wants to see requests and responses.
    """

    whole = False

    def __call__(self, record: Record) -> None:
        """Take note of one exchange."""
        self.enter([record.note])

    def enter(self, notes: Sequence[Noted]) -> None:
        """Take note of exchanges, in the order in which they ended on each thread."""
        raise NotImplementedError
