"""The table of a connection's life says nothing twice and leaves no way out of the end."""

from __future__ import annotations

from ehttpd.http11.state import TIMEOUTS, TRANSITIONS, State, Step
from ehttpd.settings import Settings


def reachable() -> set[State]:
    found, new = set[State](), {State.IDLE}
    while new:
        found |= new
        new = {after for state in new for after in TRANSITIONS[state].values()} - found
    return found


def test_every_state_has_its_row_and_is_reached_from_rest() -> None:
    assert set(TRANSITIONS) == set(State) == reachable()


def test_every_step_leads_somewhere() -> None:
    assert {step for steps in TRANSITIONS.values() for step in steps} == set(Step)


def test_every_state_can_be_closed() -> None:
    assert all(steps[Step.CLOSE] is State.CLOSED for steps in TRANSITIONS.values())


def test_a_closed_connection_stays_closed() -> None:
    assert set(TRANSITIONS[State.CLOSED].values()) == {State.CLOSED}


def test_a_connection_that_lingers_answers_no_more() -> None:
    assert set(TRANSITIONS[State.LINGER]) == {Step.CLOSE}


def test_only_what_is_being_read_can_be_refused() -> None:
    refused = {state for state, steps in TRANSITIONS.items() if Step.REFUSE in steps}
    assert refused == {State.HANDSHAKE, State.HEAD, State.BODY}


def test_every_state_in_which_a_peer_is_waited_for_has_a_timeout() -> None:
    assert set(State) - set(TIMEOUTS) == {State.HANDLER, State.FEED, State.TUNNEL, State.CLOSED}


def test_every_timeout_is_a_setting() -> None:
    assert set(TIMEOUTS.values()) <= set(dir(Settings))
