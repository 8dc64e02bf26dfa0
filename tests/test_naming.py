"""Names of requests: no two alike, whoever forks or seeds."""

from __future__ import annotations

import os
import random

from ehttpd.messages.naming import NAME, new_name
from tests.server.live import in_parallel


def test_a_name_is_sixteen_hexadecimal_digits_and_fit_to_be_given_in_a_field() -> None:
    name = new_name()
    assert len(name) == 16
    assert int(name, 16) >= 0
    assert NAME.fullmatch(name)


def test_no_two_names_are_alike_on_several_threads() -> None:
    found: list[str] = []

    def take() -> None:
        found.extend([new_name() for _ in range(1000)])

    with in_parallel(take, take, take):
        pass
    assert len(set(found)) == 3000


def test_an_application_that_seeds_random_does_not_have_names_come_again() -> None:
    found: list[str] = []
    for _ in range(2):
        random.seed(1)
        found += [new_name() for _ in range(200)]
    assert len(set(found)) == 400


def test_a_process_and_its_child_give_no_name_twice() -> None:
    new_name()  # so that more are ready
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.write(writing, "\n".join(new_name() for _ in range(100)).encode())
        finally:
            os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reading, 1 << 16).decode().split()
    os.close(reading)
    os.close(writing)
    ours = {new_name() for _ in range(100)}
    assert len(theirs) == 100
    assert ours.isdisjoint(theirs)
