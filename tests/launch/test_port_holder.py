"""The process that holds a port is found."""

from __future__ import annotations

import os
import socket
import sys

import pytest

from ehttpd.launch.port_holder import ago, port_holder

linux = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


@linux
@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_the_holder_of_a_port_is_described(address: str) -> None:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.create_server((address, 0), family=family) as listener:
        holder = port_holder(listener.getsockname()[1])
    assert holder.startswith(f"pid {os.getpid()}  ")
    assert " (user " in holder
    assert holder.endswith(" ago)")


@linux
def test_a_port_that_nobody_listens_on_has_no_holder() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        assert port_holder(bound.getsockname()[1]) == ""


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 s ago"),
        (59, "59 s ago"),
        (60, "1 min ago"),
        (7199, "1 h ago"),
        (90000, "25 h ago"),
        (180000, "2 days ago"),
    ],
)
def test_an_age_is_told_in_the_largest_unit(seconds: float, words: str) -> None:
    assert ago(seconds) == words
