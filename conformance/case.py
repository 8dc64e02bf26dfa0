"""A case: what is sent, and what may come back. The tables of cases/ are made of these functions.

Knows how a conversation is held and which outcomes there are; not which server is asked.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from conformance.conversation import Conversation
from conformance.verdict import Level, Outcome, Verdict, judge, refused, served

Talk: TypeAlias = Callable[[Conversation], object]

MUST, SHOULD = Level.MUST, Level.SHOULD


@dataclass(frozen=True)
class Case:
    """``section``: where the rule stands. Outcomes that are ``wanted`` pass, those ``tolerated`` warn."""

    name: str
    section: str
    talk: Talk
    wanted: tuple[Outcome, ...]
    tolerated: tuple[Outcome, ...] = ()
    level: Level = MUST

    def judged(self, port: int, patience: float) -> Verdict:
        """Hold the conversation with the server on ``port`` and return the verdict.

        Raises:
            OSError: nobody accepts connections there.
        """
        with Conversation(port, patience) as conversation:
            self.talk(conversation)
            return judge(conversation, self.level, self.wanted, self.tolerated)


@dataclass(frozen=True)
class Group:
    """Cases about one thing. ``stake``: what goes wrong where one fails."""

    title: str
    stake: str
    cases: tuple[Case, ...]


# Requests


def request(line: str = "GET /x HTTP/1.1", *fields: str, host: str = "Host: here", body: str = "") -> bytes:
    """Return a request; characters stand for the octets of their numbers. No Host field if ``host`` is empty."""
    lines = [line, *([host] if host else []), *fields]
    return ("\r\n".join(lines) + "\r\n\r\n" + body).encode("latin-1")


def get(*fields: str, host: str = "Host: here", body: str = "") -> bytes:
    return request("GET /x HTTP/1.1", *fields, host=host, body=body)


def post(*fields: str, body: str = "", host: str = "Host: here") -> bytes:
    return request("POST /x HTTP/1.1", *fields, host=host, body=body)


def chunked(body: str, *fields: str) -> bytes:
    return post("Transfer-Encoding: chunked", *fields, body=body)


def one_chunk(data: str) -> str:
    return f"{len(data):x}\r\n{data}\r\n0\r\n\r\n"


HIDDEN = "GET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n"
FOLLOWING = request("GET /next HTTP/1.1", "Connection: close")


# Conversations


def ask(octets: bytes, *methods: str) -> Talk:
    """Send the request and, once it has been answered, the next one."""

    def talk(conversation: Conversation) -> None:
        conversation.send(octets, *methods).receive(1)
        if not conversation.ended:
            conversation.send(FOLLOWING).receive(2)
        if conversation.answers and not conversation.ended and "close" in conversation.answers[-1].options:
            conversation.receive()

    return talk


def ask_and_half_close(octets: bytes) -> Talk:
    """Send what may be a part of a request, and end the output."""
    return lambda conversation: conversation.send(octets).half_close().receive()


# Cases


def serves(
    section: str,
    name: str,
    octets: bytes,
    *,
    level: Level = MUST,
    closes: bool = False,
    passes: tuple[Outcome, ...] = (),
    warns: tuple[Outcome, ...] = (),
    **facts: object,
) -> Case:
    """The request must reach the application with these facts; ``passes`` will do as well, ``warns`` warns."""
    return Case(name, section, ask(octets), (served(closes=closes, **facts), *passes), warns, level)


def refuses(
    section: str,
    name: str,
    octets: bytes,
    *statuses: int,
    level: Level = MUST,
    closes: bool = False,
    passes: tuple[Outcome, ...] = (),
    warns: tuple[Outcome, ...] = (),
) -> Case:
    """The request must not reach the application. With ``statuses``, another way of refusing warns."""
    wanted = (refused(*statuses, closes=closes), *passes)
    return Case(name, section, ask(octets), wanted, (refused(closes=closes), *warns), level)
