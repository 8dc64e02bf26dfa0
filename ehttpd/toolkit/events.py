"""Server-sent events: a response that goes on, and a piece of text now and then.

The HTML standard, §9.2 (server-sent events). Knows how events are written and kept apart, not who makes them.
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
from ehttpd.messages import Response
from ehttpd.toolkit.json_encoding import encode_json

# Its data; or event, data, id and retry by these names; or nothing, which only shows that somebody is there.
Event: TypeAlias = "str | Mapping[str, Any] | None"

NOTHING = b":\n\n"  # a comment: every client skips it
LINE_END = re.compile(r"\r\n|\r|\n")


def event_stream(
    events: Iterable[Event], heartbeat: float | None = 15.0, headers: FieldLines | None = None
) -> Response:  # fmt: skip
    """Return a response that sends each event when ``events`` gives it, and a comment after ``heartbeat`` seconds of
    silence, so that nobody on the way takes the connection for dead and a client that left is noticed.

    ``events`` runs on a thread of its own, and is closed once the client has left: a generator when it gives its next
    event, anything else at once.
    """
    response = Response.stream(_without_heartbeat(events) if heartbeat is None else EventBody(events, heartbeat))
    response.headers["Content-Type"] = "text/event-stream"
    response.headers["Cache-Control"] = "no-store"
    for name, value in Response(headers=headers).headers:
        response.headers[name] = value
    return response


def encode_event(event: Event) -> bytes:
    """Return an event as it is sent.

    Data that is no text is sent as JSON. Raises HandlerError if an event has a field that there is not, or one with a
    line end that cannot have one.
    """
    if event is None:
        return NOTHING
    if isinstance(event, str):
        event = {"data": event}
    return "".join([*(_field(name, value) for name, value in event.items()), "\n"]).encode()


def _field(name: str, value: Any) -> str:
    if name == "data":
        text = value if isinstance(value, str) else encode_json(value).decode()
        return "".join(f"data: {line}\n" for line in LINE_END.split(text))
    if name == "retry":
        return f"retry: {int(value)}\n"  # milliseconds
    text = str(value)
    if name not in ("event", "id") or LINE_END.search(text) or "\0" in text:
        raise HandlerError(
            f"An event has event, data, id and retry; only data has several lines. Found {name}={text!r}."
        )
    return f"{name}: {text}\n"


def _without_heartbeat(events: Iterable[Event]) -> Iterator[bytes]:
    try:
        yield NOTHING
        for event in events:
            yield encode_event(event)
    finally:
        close = getattr(events, "close", None)
        if close is not None:
            close()


class Ended(NamedTuple):
    """What comes after the last item, and why."""

    failure: BaseException | None


class EventBody:
    """Events as the body of a response, with a heartbeat."""

    def __init__(self, events: Iterable[Event], heartbeat: float) -> None:
        self._source = Source(events)
        self._heartbeat = heartbeat

    def __iter__(self) -> Iterator[bytes]:
        yield NOTHING  # the head leaves with it: the client knows that it is connected
        self._source.start()
        while True:
            try:
                event = self._source.take(self._heartbeat)
            except queue.Empty:
                event = None
            if isinstance(event, Ended):
                return
            yield encode_event(event)

    def close(self) -> None:
        """Let go of the events."""
        self._source.close()


class Source:
    """Iterates on a thread of its own, one item ahead, so that whoever takes the items can stop to wait for one."""

    def __init__(self, items: Iterable[Any]) -> None:
        self._items = items
        self._taken: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self._wanted = threading.Semaphore(1)
        self._thread: threading.Thread | None = None
        self._closed = False

    def start(self) -> None:
        """Begin to iterate."""
        self._thread = threading.Thread(target=self._run, name="ehttpd-events", daemon=True)
        self._thread.start()

    def take(self, seconds: float) -> Any:
        """Return the next item, or `Ended`. Raises what the iteration raised; queue.Empty after ``seconds``."""
        item = self._taken.get(timeout=seconds)
        self._wanted.release()
        if isinstance(item, Ended) and item.failure is not None:
            raise item.failure
        return item

    def close(self) -> None:
        """Stop to iterate: at once, but for a generator that runs, which nobody can close from outside."""
        self._closed = True
        self._wanted.release()
        if self._thread is None or not isinstance(self._items, GeneratorType):
            self._close_items()

    def _run(self) -> None:
        failure = None
        try:
            for item in self._items:
                self._wanted.acquire()
                if self._closed:
                    break
                self._taken.put(item)
            if isinstance(self._items, GeneratorType):
                self._close_items()
        except BaseException as error:
            failure = error
        self._taken.put(Ended(failure))

    def _close_items(self) -> None:
        close = getattr(self._items, "close", None)
        if close is not None:
            close()
