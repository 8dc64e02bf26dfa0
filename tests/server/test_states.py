"""The life of a connection is the one that ehttpd.http11.state declares: watched while real connections live it."""

from __future__ import annotations

from typing import ClassVar

import pytest

from ehttpd.http11.state import TRANSITIONS, State
from ehttpd.messages import Request, Response, streaming
from ehttpd.server import lane
from ehttpd.server.connection import Connection
from tests.server.conftest import LiveServers


def reachable(state: State) -> set[State]:
    """Return the states that one step or several lead to: nobody sees those that are passed without a stop."""
    found: set[State] = set()
    ahead = [state]
    while ahead:
        for following in TRANSITIONS[ahead.pop()].values():
            if following not in found:
                found.add(following)
                ahead.append(following)
    return found


REACHABLE = {state: reachable(state) | {state} for state in State}


class Watched(Connection):
    """A connection that notes each change of its state."""

    __slots__ = ("_now",)
    changes: ClassVar[set[tuple[State, State]]] = set()

    @property
    def state(self) -> State:
        return self._now

    @state.setter
    def state(self, new: State) -> None:
        self.changes.add((getattr(self, "_now", new), new))
        self._now = new


@pytest.fixture
def changes(monkeypatch: pytest.MonkeyPatch) -> set[tuple[State, State]]:
    """The changes that the connections of the test's servers went through."""
    monkeypatch.setattr(lane, "Connection", Watched)
    monkeypatch.setattr(Watched, "changes", set())
    return Watched.changes


@streaming
def large(request: Request) -> Response:
    if request.method == "PUT":
        return Response(b"unread")
    request.body.read()
    return Response(bytes(8_000_000))


def test_only_declared_steps_are_taken(live_server: LiveServers, changes: set[tuple[State, State]]) -> None:
    server = live_server(large)
    # Whole at once, in pieces, with a body, refused, broken off, and left in each state.
    server.connect().ask()
    server.connect().ask(method="POST", body=b"body")
    for beginning in (b"", b"GET", b"POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 9\r\n\r\nhalf"):
        left = server.connect()
        left.send(beginning)
        left.close()
    late = server.connect()
    late.send(b"PUT / HTTP/1.1\r\nHost: here\r\nContent-Length: 4\r\n\r\n")
    assert late.reply().body == b"unread"
    late.send(b"body")
    late.ask("/", method="PUT")
    for pieces in ([b"GET / HTTP/1.1\r\nHo", b"st: here\r\n\r\n"], [b"BAD\r\n\r\n"], [b"GET / HTTP/1.1\r\n\r\n" * 2]):
        peer = server.connect()
        peer.send(*pieces)
        peer.reply()
        peer.close()
    server.stop()
    seen = {new for _, new in changes}
    assert seen >= {State.IDLE, State.BODY, State.HANDLER, State.RESPONSE, State.UNREAD, State.LINGER, State.CLOSED}
    assert {(old, new) for old, new in changes if new not in REACHABLE[old]} == set()


def test_nothing_comes_back_from_lingering_or_from_the_end() -> None:
    assert REACHABLE[State.LINGER] == {State.LINGER, State.CLOSED}
    assert REACHABLE[State.CLOSED] <= {State.CLOSED}
