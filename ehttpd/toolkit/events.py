"""Server-sent events: a response that goes on, and a piece of text now and then.

The HTML standard, §9.2 (server-sent events). Knows how events are written and kept apart, and how those of an iterable
are fetched.
"""

from __future__ import annotations

import queue
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from types import GeneratorType
from typing import Any, NamedTuple, TypeAlias

from ehttpd.errors import HandlerError
from ehttpd.fields import FieldLines
from ehttpd.messages import FedBody, Outlet, Response
from ehttpd.toolkit.json_encoding import encode_json

Event: TypeAlias = "str | Mapping[str, Any] | None"
"""Its data; or event, data, id and retry by these names; or nothing, which only shows that somebody is there."""

NOTHING = b":\n\n"  # a comment: every client skips it
LINE_END = re.compile(r"\r\n|\r|\n")


def event_stream(
    events: Iterable[Event] | EventSource, heartbeat: float | None = 15.0, headers: FieldLines | None = None
) -> Response:  # fmt: skip
    """Return a response that sends each event when ``events`` gives it, and a comment after ``heartbeat`` seconds of
    silence, so that nobody on the way takes the connection for dead.

    An `EventSource` needs no thread. Anything else is iterated over on a thread of its own, and closed once the client
    has left: a generator when it gives its next event, anything else at once.
    """
    if isinstance(events, (str, bytes, Mapping)):
        raise HandlerError(f"Events come from a source or an iterable of them. Found one {type(events).__name__}.")
    source = events if isinstance(events, EventSource) else IteratedEvents(events)
    response = Response.stream(EventBody(source, heartbeat), headers=headers)
    response.headers.setdefault("Content-Type", "text/event-stream")
    response.headers.setdefault("Cache-Control", "no-store")
    return response


def encode_event(event: Event) -> bytes:
    """Return an event as it is sent.

    Data that is no text is sent as JSON. Raises HandlerError if it is no event, has a field that there is not, or one
    with a line end that cannot have one.
    """
    if event is None:
        return NOTHING
    if isinstance(event, str):
        event = {"data": event}
    if not isinstance(event, Mapping):
        raise HandlerError(f"An event is text, a mapping or None. Found {type(event).__name__}.")
    lines = "".join([*(_field(name, value) for name, value in event.items()), "\n"])
    try:
        return lines.encode()
    except UnicodeEncodeError:
        raise HandlerError(f"An event is text that can be UTF-8. Found {lines!r}.") from None


def _field(name: str, value: Any) -> str:
    if name == "data":
        text = value if isinstance(value, str) else _json(value)
        return "".join(f"data: {line}\n" for line in LINE_END.split(text))
    text = str(value)
    if name == "retry" and text.isascii() and text.isdecimal():
        return f"retry: {text}\n"  # milliseconds
    if name not in ("event", "id") or LINE_END.search(text) or "\0" in text:
        raise HandlerError(
            "An event has event, data, id, and retry in whole milliseconds; only data has several lines. "
            f"Found {name}={text!r}."
        )
    return f"{name}: {text}\n"


def _json(value: Any) -> str:
    try:
        return encode_json(value).decode()
    except (TypeError, ValueError, RecursionError) as error:
        raise HandlerError(f"The data of an event cannot be written as JSON. {error}") from error


class EventSource:
    """Who has events, for one listener or many."""

    holds_thread = False
    """Whether a thread of its own waits for them."""

    def listen(self, outlet: Outlet) -> None:
        """Have events go to an outlet from now on, as `encode_event` writes them. Must not block."""
        raise NotImplementedError

    def leave(self, outlet: Outlet | None) -> None:
        """Have nothing more go there; None: nobody has listened. Must not block. Any thread."""
        raise NotImplementedError


class EventBody(FedBody):
    """Events as the body of a response, with a heartbeat."""

    greeting = NOTHING  # the head leaves with it: the client knows that it is connected
    sign_of_life = NOTHING

    def __init__(self, source: EventSource, heartbeat: float | None) -> None:
        self.heartbeat = heartbeat
        self.holds_thread = source.holds_thread
        self._source = source
        self._outlet: Outlet | None = None

    def begin(self, outlet: Outlet) -> None:
        """Have the events go to ``outlet``."""
        self._outlet = outlet
        self._source.listen(outlet)

    def close(self) -> None:
        """Let go of the events."""
        if isinstance(self._outlet, Pieces):
            self._outlet.close()
        self._source.leave(self._outlet)

    def __iter__(self) -> Iterator[bytes]:
        yield self.greeting
        pieces = Pieces()
        self.begin(pieces)
        while True:
            try:
                piece = pieces.take(self.heartbeat)
            except queue.Empty:
                piece = self.sign_of_life
            if isinstance(piece, Ended):
                return
            yield piece


class Ended(NamedTuple):
    """What comes after the last piece, and why."""

    failure: BaseException | None


class Pieces:
    """An outlet that somebody iterates over: another server than ours, or what changes the body on its way."""

    def __init__(self) -> None:
        self._pieces: queue.SimpleQueue[bytes | Ended] = queue.SimpleQueue()
        self._taken = threading.Semaphore(1)  # and one more: what was written before the first piece
        self._closed = False

    def write(self, data: bytes) -> bool:
        self._pieces.put(data)
        return not self._closed

    def wait_for_room(self) -> bool:
        self._taken.acquire()
        return not self._closed

    def end(self, failure: BaseException | None = None) -> None:
        self._pieces.put(Ended(failure))

    def take(self, seconds: float | None) -> bytes | Ended:
        """Return the next piece, or that there is none. Raises what the source raised; queue.Empty after
        ``seconds``.
        """
        piece = self._pieces.get(timeout=seconds)
        self._taken.release()
        if isinstance(piece, Ended) and piece.failure is not None:
            raise piece.failure
        return piece

    def close(self) -> None:
        """Take nothing more; whoever waits for a piece is told that there is none."""
        self._closed = True
        self._taken.release()
        self._pieces.put(Ended(None))


class IteratedEvents(EventSource):
    """Events of an iterable, for one listener: a thread of their own waits for each."""

    holds_thread = True

    def __init__(self, events: Iterable[Event]) -> None:
        self._events = events

    def listen(self, outlet: Outlet) -> None:
        threading.Thread(target=self._run, args=(outlet,), name="ehttpd-events", daemon=True).start()

    def leave(self, outlet: Outlet | None) -> None:
        if outlet is None:
            self._close()
        elif not isinstance(self._events, GeneratorType):  # nobody can close one from outside while it runs
            threading.Thread(target=self._close, name="ehttpd-departure", daemon=True).start()

    def _run(self, outlet: Outlet) -> None:
        failure = None
        try:
            for event in self._events:
                # What was written before has been taken long since, as a rule: to wait here wakes nobody.
                if not outlet.wait_for_room() or not outlet.write(encode_event(event)):
                    break
            if isinstance(self._events, GeneratorType):
                self._close()
        except BaseException as error:
            failure = error
        outlet.end(failure)

    def _close(self) -> None:
        close = getattr(self._events, "close", None)
        if close is not None:
            close()
