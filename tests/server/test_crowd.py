"""When a crowd of connections grows, has settled, and has left."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ehttpd.server.crowd import CROWD, DEPARTED, FEWEST_STRAGGLERS, SETTLED_AFTER, Crowd
from ehttpd.server.entrance import Entrance


@pytest.fixture
def seen(entrance: Entrance) -> Callable[..., list[bool]]:
    """What the crowd has come to, if anything, when so many connections are seen at so many seconds."""
    crowd = Crowd(entrance)

    def seen(inside: int, at: float = 0.0, new: int = 0) -> list[bool]:
        entrance.accepted += max(new, inside - entrance.inside)
        entrance.inside = inside
        return [crowd.grows for _ in range(2) if crowd.look(at)]

    return seen


def test_it_grows_while_a_tenth_of_it_is_new(seen: Callable[..., list[bool]]) -> None:
    assert seen(CROWD - 1) == []
    assert seen(CROWD) == [True]
    just_before = SETTLED_AFTER - 0.1
    assert seen(CROWD, at=just_before) == []
    assert seen(2 * CROWD, at=just_before) == []  # it has grown again
    assert seen(2 * CROWD, at=2 * just_before) == []
    assert seen(2 * CROWD + 5, at=2 * SETTLED_AFTER) == [False]  # who has come since are few
    assert seen(2 * CROWD, at=2 * SETTLED_AFTER, new=CROWD) == [True]  # others have come for those who left


def test_when_half_of_one_has_left_the_next_may_come_at_once(seen: Callable[..., list[bool]]) -> None:
    assert seen(4 * CROWD) == [True]
    assert seen(CROWD // 2) == []
    assert seen(CROWD // 2 - 1) == [False]
    assert seen(CROWD) == [True]


@pytest.fixture
def has_left(entrance: Entrance) -> Callable[..., bool]:
    """Whether a crowd has left when so many connections have, and so many are left."""
    crowd = Crowd(entrance)

    def has_left(departed: int, inside: int = 0) -> bool:
        entrance.accepted, entrance.inside = departed + inside, inside
        assert entrance.departed() == departed
        return crowd.has_left()

    return has_left


def test_it_has_left_when_many_have(has_left: Callable[..., bool]) -> None:
    assert not has_left(DEPARTED - 1)
    assert has_left(DEPARTED)
    assert not has_left(2 * DEPARTED - 1)
    assert has_left(2 * DEPARTED)


def test_half_of_its_stragglers_are_one_again_until_they_are_few(has_left: Callable[..., bool]) -> None:
    stragglers = departed = 4 * FEWEST_STRAGGLERS
    departed += DEPARTED
    assert has_left(departed, stragglers)
    while (half := stragglers // 2) >= FEWEST_STRAGGLERS:
        assert not has_left(departed + half - 1, half + 1)
        assert has_left(departed + half, half)
        stragglers, departed = half, departed + half
    assert not has_left(departed + stragglers)
    assert not has_left(departed + DEPARTED - 1)
    assert has_left(departed + DEPARTED)


def test_others_who_stay_are_no_stragglers_for_ever(has_left: Callable[..., bool]) -> None:
    """A busy server has hundreds of connections at all times, and some of them leave all the time."""
    departed = times = 0
    for departed in range(10 * DEPARTED):
        times += has_left(departed, 300)
    assert times <= departed // 50
