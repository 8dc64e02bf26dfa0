"""Where connections come in."""

from __future__ import annotations

import math
import socket

import pytest

from ehttpd.messages import Response
from ehttpd.server.entrance import Entrance
from ehttpd.server.listener import Listener
from ehttpd.server.poller import Poller, new_poller
from ehttpd.server.seat import Seat
from tests.server.conftest import LiveServers


class Slow:
    """A poller that takes as long to be told of nothing as the last client takes to leave."""

    def __init__(self, poller: Poller) -> None:
        self.wait, self.register, self.modify, self.close = poller.wait, poller.register, poller.modify, poller.close
        self._unregister = poller.unregister
        self.entrance: Entrance

    def unregister(self, descriptor: int) -> None:
        self._unregister(descriptor)
        self.entrance.leave()


@pytest.mark.parametrize("leaves", [True, False])
def test_an_entrance_that_is_closed_for_want_of_room_opens_again_if_somebody_left_just_then(leaves: bool) -> None:
    poller = new_poller()
    slow = Slow(poller)
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listener = Listener(listening, "here")
        entrance = slow.entrance = Entrance(slow if leaves else poller, 1)
        entrance.add([listener])
        entrance.open()
        entrance.enter()
        assert entrance.accept(listener, 0, exhausted=False) is None
        assert entrance.waits_for_room is not leaves
        assert entrance.again == (0.0 if leaves else math.inf)
    poller.close()


def test_a_seat_is_left_while_nobody_counts_in_it(live_server: LiveServers) -> None:
    """Whoever has served a connection counts when it is closed: there the lane's lock is held."""
    server = live_server(lambda request: Response(b""))
    held: list[bool] = []

    class Observed(Seat):
        def __init__(self) -> None: ...

        def leave(self) -> None:
            held.append(server.lane.lock.locked())

    server.lane.entrance.seat = Observed()
    assert server.stop()
    assert held == [True]
