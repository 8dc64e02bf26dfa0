"""What came back -> pass, warn or fail, with a sentence of reason.

A must that is not kept fails, a should that is not kept warns. Knows conversations; not how they were held.
"""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass

from conformance.conversation import Conversation

SMUGGLED = "/smuggled"  # asked for by octets that are a body, or nothing; never by a request
NEXT = "/next"  # asked for by the ordinary request that follows on the connection


class Grade(enum.Enum):
    PASS = "pass"
    WARN = "warn"
    FAIL = "fail"


class Level(enum.Enum):
    """How the RFC puts it."""

    MUST = "must"
    SHOULD = "should"


@dataclass(frozen=True)
class Verdict:
    grade: Grade
    reason: str = ""


@dataclass(frozen=True)
class Outcome:
    """One way in which a conversation may end. ``words`` complete "The server …"."""

    words: str
    holds: Callable[[Conversation], bool]
    beyond_http: bool = False  # it may hold for octets that are no answer of HTTP/1.1


def judge(
    conversation: Conversation, level: Level, wanted: tuple[Outcome, ...], tolerated: tuple[Outcome, ...]
) -> Verdict:
    """Return the verdict: ``wanted`` outcomes pass, ``tolerated`` ones warn, others are as grave as ``level``."""
    wrong = violation(conversation)

    def any_holds(outcomes: tuple[Outcome, ...]) -> bool:
        return any(outcome.holds(conversation) for outcome in outcomes if outcome.beyond_http or not wrong)

    if any_holds(wanted):
        return Verdict(Grade.PASS)
    if wrong and not any_holds(tolerated):
        return Verdict(Grade.FAIL, f"{wrong} Came back: {conversation}.")
    expected = " or ".join(outcome.words for outcome in wanted)
    reason = f"The server {level.value} {expected}. Came back: {conversation}."
    return Verdict(Grade.WARN if any_holds(tolerated) or level is Level.SHOULD else Grade.FAIL, reason)


def violation(conversation: Conversation) -> str:
    """Return what is wrong with an answer whatever was asked."""
    if SMUGGLED in conversation.paths:
        return "Octets that are no request were served as one."
    if conversation.malformed:
        return f"The server sent {conversation.malformed}."
    if any("close" in answer.options for answer in conversation.answers[:-1]):
        return "The server answered another request after it had said close (RFC 9112 §9.6)."
    return ""


# Outcomes


def followed_well(conversation: Conversation) -> bool:
    """The next request was answered as itself, or the connection ended without another answer."""
    rest = conversation.answers[1:]
    if not rest:
        return conversation.ended
    return len(rest) == 1 and rest[0].seen is not None and rest[0].seen["path"] == NEXT


def closed_after_one(conversation: Conversation) -> bool:
    return conversation.ended and len(conversation.answers) <= 1


def agrees(seen: dict[str, object], name: str, wanted: object) -> bool:
    """Compare one fact; names in capitals are keys of the environ, None is absent or empty, a tuple any of these."""
    fields = seen["fields"]
    assert isinstance(fields, dict)
    found = fields.get(name) if name.isupper() else seen[name]
    alternatives = wanted if isinstance(wanted, tuple) else (wanted,)
    return any((found or None) == (alternative or None) for alternative in alternatives)


# Obsolete since RFC 9112 appendix C.1, and no harm: such an answer ends with the connection.
AS_HTTP_0_9 = Outcome(
    "answer as HTTP/0.9 did",
    lambda conversation: bool(conversation.malformed) and not conversation.answers and conversation.ended,
    beyond_http=True,
)


def served(*, closes: bool = False, **facts: object) -> Outcome:
    """The application ran and saw these facts; then the connection goes on with the next request, or ``closes``."""

    def holds(conversation: Conversation) -> bool:
        seen = conversation.answers[0].seen if conversation.answers else None
        follows = closed_after_one if closes else followed_well
        return seen is not None and follows(conversation) and all(agrees(seen, *fact) for fact in facts.items())

    shown = ", ".join(f"{name} {value!r:.60}" for name, value in facts.items())
    return Outcome("serve it" + (f" with {shown}" if shown else "") + (" and close" if closes else ""), holds)


def refused(*statuses: int, closes: bool = False) -> Outcome:
    """The application did not run. Without ``statuses`` any error will do, and closing without a word."""

    def holds(conversation: Conversation) -> bool:
        if any(path != NEXT for path in conversation.paths):
            return False
        if closes and not closed_after_one(conversation):
            return False
        if not conversation.answers:
            return conversation.ended and not statuses
        status = conversation.answers[0].status
        return status in statuses if statuses else status >= 400

    which = f" with {' or '.join(map(str, statuses))}" if statuses else ""
    return Outcome(f"refuse it{which}{' and close' if closes else ''}", holds)


def answered(status: int, body: bytes | None = None, *, lacks: tuple[str, ...] = ()) -> Outcome:
    """The first answer has this status and body, and none of these fields; the connection goes on or closes."""

    def holds(conversation: Conversation) -> bool:
        if not conversation.answers:
            return False
        first = conversation.answers[0]
        as_told = first.status == status and first.whole and (body is None or first.body == body)
        return as_told and not any(map(first.values, lacks)) and followed_well(conversation)

    shown = "" if body is None else f" and the body {body!r}" if body else " and no body"
    return Outcome(f"answer {status}{shown}{''.join(f', without {name}' for name in lacks)}", holds)
