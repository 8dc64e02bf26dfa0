"""What a supervisor and its processes tell each other, where one of them forks."""

from __future__ import annotations

import os
import socket

import pytest

from ehttpd.supervisor.channel import Channel
from tests.running import PATIENCE


@pytest.mark.skipif(not hasattr(os, "fork"), reason="nobody forks here")
def test_the_end_of_a_worker_is_heard_of_while_a_process_lives_that_its_application_has_forked() -> None:
    ours, theirs = socket.socketpair()
    told, tells = os.pipe()
    worker = Channel(theirs)
    child = os.fork()
    if child == 0:
        os.close(tells)
        os.read(told, 1)  # until the test is over
        os._exit(0)
    try:
        worker.close()
        ours.settimeout(PATIENCE)
        assert ours.recv(1) == b""
    finally:
        for each in (told, tells):
            os.close(each)
        os.waitpid(child, 0)
        ours.close()
