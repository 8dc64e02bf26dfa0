"""Events that programs have, rather than iterables: for everybody who listens, or for one.

The handler author's. No thread waits for them: whoever has an event gives it to the server, and goes on.
"""

from __future__ import annotations

import threading

from ehttpd.errors import HandlerError
from ehttpd.messages import Outlet
from ehttpd.toolkit.events import Event, EventSource, encode_event


class Publisher(EventSource):
    """Events for everybody who listens: ``Response.sse(publisher)`` to each. Any thread may publish.

    A listener that takes so little that more than ``output_buffer`` octets wait for it is cut off; browsers come back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outlets: set[Outlet] = set()
        self._closed = False

    def __len__(self) -> int:
        """How many listen."""
        return len(self._outlets)

    def publish(self, event: Event) -> int:
        """Send an event to all who listen; return how many that are. Waits for nobody.

        Raises:
            HandlerError: the event cannot be written.
        """
        data = encode_event(event)
        with self._lock:
            outlets = list(self._outlets)
        return sum(outlet.write(data) for outlet in outlets)

    def close(self) -> None:
        """End all responses, and those that begin later."""
        with self._lock:
            self._closed = True
            outlets = list(self._outlets)
        for outlet in outlets:
            outlet.end()

    def listen(self, outlet: Outlet) -> None:
        with self._lock:
            if not self._closed:
                self._outlets.add(outlet)
        if self._closed:
            outlet.end()

    def leave(self, outlet: Outlet | None) -> None:
        if outlet is not None:
            with self._lock:
                self._outlets.discard(outlet)


class EventQueue(EventSource):
    """Events for one listener: ``Response.sse(queue)`` once. Any thread may put some in, before it listens as well."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._waiting: list[bytes] = []
        self._outlet: Outlet | None = None
        self._closed = False

    def put(self, event: Event) -> bool:
        """Send an event, or keep it until somebody listens; False if nobody will any more. Waits for nobody.

        Raises:
            HandlerError: the event cannot be written.
        """
        data = encode_event(event)
        with self._lock:
            if self._closed:
                return False
            if self._outlet is None:
                self._waiting.append(data)
                return True
            return self._outlet.write(data)

    def close(self) -> None:
        """End the response, after what was put in."""
        with self._lock:
            self._closed = True
            if self._outlet is not None:
                self._outlet.end()

    def listen(self, outlet: Outlet) -> None:
        with self._lock:
            if self._outlet is not None:
                raise HandlerError("An EventQueue is for one response, and has had it. Make another, or a Publisher.")
            self._outlet = outlet
            if self._waiting:  # at once: who is slow is told by the next event
                outlet.write(b"".join(self._waiting))
            self._waiting.clear()
            if self._closed:
                outlet.end()

    def leave(self, outlet: Outlet | None) -> None:
        with self._lock:
            if outlet is self._outlet:
                self._closed = True
                self._waiting.clear()
