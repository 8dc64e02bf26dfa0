"""What a server sends: heads, HEAD, framing, and what it makes of an application's defects.

RFC 9110 §6.6.1, §9.3.2 and §15; RFC 9112 §4 to §8; PEP 3333.
"""

from __future__ import annotations

import re
import time
from email.utils import parsedate_to_datetime

from conformance.application import MEBIBYTE
from conformance.case import MUST, SHOULD, Case, Group, ask, request
from conformance.conversation import Conversation
from conformance.verdict import Level, Outcome, answered, followed_well

# RFC 9110 §5.6.7:  IMF-fixdate
IMF_FIXDATE = re.compile(
    r"(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d\d (Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) \d{4} \d\d:\d\d:\d\d GMT"
)
CLOCK_TOLERANCE = 5.0  # seconds


def to(path: str, method: str = "GET") -> bytes:
    return request(f"{method} {path} HTTP/1.1")


def first_value(conversation: Conversation, name: str) -> list[str]:
    return conversation.answers[0].values(name) if conversation.answers else []


def dated(conversation: Conversation) -> bool:
    values = first_value(conversation, "date")
    if len(values) != 1 or not IMF_FIXDATE.fullmatch(values[0]):
        return False
    return abs(parsedate_to_datetime(values[0]).timestamp() - time.time()) < CLOCK_TOLERANCE


def dated_if_refused(conversation: Conversation) -> bool:
    return not conversation.answers or conversation.answers[0].status >= 500 or dated(conversation)


def of(
    path: str,
    section: str,
    name: str,
    status: int,
    body: bytes,
    *,
    lacks: tuple[str, ...] = (),
    level: Level = MUST,
) -> Case:
    return Case(name, section, ask(to(path)), (answered(status, body, lacks=lacks),), level=level)


def has(path: str, section: str, name: str, field: str, *values: str) -> Case:
    wanted = list(values)
    outcome = Outcome(f"send {field} {' and '.join(values)}", lambda c: first_value(c, field) == wanted)
    return Case(name, section, ask(to(path)), (outcome,))


def as_get_would(conversation: Conversation) -> bool:
    return first_value(conversation, "content-length") in (["5"], []) and followed_well(conversation)


BODILESS = ("transfer-encoding", "content-length")

HEADS = Group(
    "Heads of answers, and HEAD",
    "A client or a cache reads the answer otherwise than it was meant.",
    (
        Case("one Date, that of now", "RFC 9110 §6.6.1", ask(to("/hello")), (Outcome("send one Date of now", dated),)),
        Case(
            "a refusal has one too",
            "RFC 9110 §6.6.1",
            ask(request(host="")),
            (Outcome("send one Date of now", dated_if_refused),),
        ),
        Case(
            "Date of the application is kept, alone",
            "RFC 9110 §6.6.1",
            ask(to("/dated")),
            (Outcome("send one Date", lambda c: len(first_value(c, "date")) == 1),),
        ),
        has("/hello", "RFC 9110 §8.6", "the length of a body", "content-length", "5"),
        has("/cookies", "RFC 9110 §5.3", "two Set-Cookie stay two", "set-cookie", "a=1", "b=2"),
        has("/octets-above-7f", "RFC 9110 §5.5", "octets above 7F in a value", "x-word", "caf\xe9"),
        Case("no body for HEAD", "RFC 9110 §9.3.2", ask(to("/hello", "HEAD"), "HEAD"), (answered(200, b""),)),
        Case("none in chunks either", "RFC 9110 §9.3.2", ask(to("/pieces", "HEAD"), "HEAD"), (answered(200, b""),)),
        Case("none of 1 MiB", "RFC 9110 §9.3.2", ask(to("/mebibyte", "HEAD"), "HEAD"), (answered(200, b""),)),
        Case(
            "the length that GET has, or none",
            "RFC 9110 §9.3.2",
            ask(to("/hello", "HEAD"), "HEAD"),
            (Outcome("send the Content-Length of GET", as_get_would),),
        ),
        Case(
            "the same where the application leaves out the body",
            "RFC 9110 §8.6",
            ask(to("/head-by-itself", "HEAD"), "HEAD"),
            (Outcome("send the Content-Length of GET, or none", as_get_would),),
        ),
        Case(
            "the length that it tells",
            "RFC 9110 §9.3.2",
            ask(to("/head-with-length", "HEAD"), "HEAD"),
            (Outcome("send the Content-Length of GET, or none", as_get_would),),
        ),
        Case(
            "none for HEAD when the application raises",
            "RFC 9110 §9.3.2",
            ask(to("/raises", "HEAD"), "HEAD"),
            (answered(500),),
        ),
        of("/204", "RFC 9110 §8.6, RFC 9112 §6.1", "204", 204, b"", lacks=BODILESS),
        Case(
            "204, and an application with a body",
            "RFC 9110 §15.3.5",
            ask(to("/204-with-body")),
            (answered(204, b"", lacks=BODILESS), answered(500)),
        ),
        # What an application says against the rule, with no harm that we can show: warned for.
        of(
            "/204-with-length",
            "RFC 9110 §8.6",
            "204, and an application that tells a length",
            204,
            b"",
            lacks=BODILESS,
            level=SHOULD,
        ),
        of("/205", "RFC 9110 §15.3.6", "205", 205, b""),
        Case(
            "205, and an application with a body",
            "RFC 9110 §15.3.6",
            ask(to("/205-with-body")),
            (answered(205, b""), answered(500)),
            level=SHOULD,
        ),
        of("/304", "RFC 9110 §15.4.5", "304", 304, b""),
        of("/304", "RFC 9110 §8.6", "304 tells no length that nobody knows", 304, b"", lacks=BODILESS),
        of("/304-with-length", "RFC 9110 §8.6", "304, and an application that tells the length of 200", 304, b""),
        of(
            "/304-with-length-0",
            "RFC 9110 §8.6",
            "304, and an application that tells the length of nothing",
            304,
            b"",
            lacks=BODILESS,
            level=SHOULD,
        ),
        Case(
            "304, and an application with a body",
            "RFC 9110 §15.4.5",
            ask(to("/304-with-body")),
            (answered(304, b""), answered(500)),
        ),
    ),
)


def closed_once(conversation: Conversation) -> bool:
    return [answer.body for answer in (*conversation.answers[1:], *conversation.elsewhere)] == [b"1"]


def asks_whether_closed(method: str) -> Case:
    def talk(conversation: Conversation) -> None:
        mark = f"{method}-{time.monotonic_ns()}"
        conversation.send(to(f"/closable?{mark}", method), method).receive(1)
        if conversation.ended:
            conversation.ask_elsewhere(to(f"/closed?{mark}"))
        else:
            conversation.send(to(f"/closed?{mark}")).receive(2)

    return Case(f"close() is called once, {method}", "PEP 3333", talk, (Outcome("call close() once", closed_once),))


BODIES = Group(
    "Bodies of answers",
    "Data are lost, or a resource stays open.",
    (
        of("/hello", "RFC 9112 §6.3", "one whose length is told", 200, b"hello"),
        of("/pieces", "RFC 9112 §6.3", "one in pieces", 200, b"onetwothree"),
        of("/empty-piece", "RFC 9112 §7.1", "an empty piece does not end it", 200, b"onetwo"),
        of("/nothing", "RFC 9112 §6.3", "none", 200, b""),
        of("/nothing-after-all", "RFC 9112 §6.3", "none, after all", 200, b""),
        of("/mebibyte", "RFC 9112 §6.3", "1 MiB", 200, MEBIBYTE),
        of("/written", "PEP 3333", "write() comes before the iterable", 200, b"onetwothree"),
        of("/changed", "PEP 3333", "exc_info replaces what was not sent", 503, b"sorry", lacks=("x-first",)),
        asks_whether_closed("GET"),
        asks_whether_closed("HEAD"),
    ),
)


def failed_plainly(conversation: Conversation) -> bool:
    return bool(conversation.answers) and conversation.answers[0].status >= 500 and followed_well(conversation)


def unfinished(conversation: Conversation) -> bool:
    """The client can tell that something is missing, or was told of the failure instead."""
    if not conversation.answers:
        return conversation.ended
    first = conversation.answers[0]
    cut = not first.whole and first.body in (b"partial", b"hello", b"") and len(conversation.answers) == 1
    return first.status >= 500 or cut or (first.framing == "close" and conversation.reset)


def undecidable(conversation: Conversation) -> bool:
    return bool(conversation.answers) and conversation.answers[0].framing == "close"


def nothing_injected(conversation: Conversation) -> bool:
    if not conversation.answers:
        return conversation.ended
    first = conversation.answers[0]
    return not first.values("injected") and "\0" not in "".join(first.values("x-evil")) and followed_well(conversation)


def raises(path: str, name: str) -> Case:
    return Case(name, "PEP 3333", ask(to(path)), (Outcome("answer 500", failed_plainly),))


def strays(path: str, name: str) -> Case:
    """PEP 3333 forbids it to the application, and tells the server nothing."""
    wanted = (Outcome("answer 500", failed_plainly), Outcome("leave the body unfinished", unfinished))
    return Case(name, "PEP 3333", ask(to(path)), wanted, level=SHOULD)


def breaks_off(path: str, name: str) -> Case:
    wanted = Outcome("leave the body visibly unfinished", unfinished)
    return Case(name, "RFC 9112 §8", ask(to(path)), (wanted,), (Outcome("end it with the connection", undecidable),))


def splits(path: str, name: str) -> Case:
    return Case(name, "RFC 9110 §5.5", ask(to(path)), (Outcome("send no such field", nothing_injected),))


def as_long_as_told(conversation: Conversation) -> bool:
    first = conversation.answers[0] if conversation.answers else None
    return first is not None and (first.status >= 500 or first.body == b"hello") and followed_well(conversation)


def framed_once(conversation: Conversation) -> bool:
    """The coding that the application claims is applied, dropped or refused: the body is what it meant."""
    first = conversation.answers[0] if conversation.answers else None
    return first is not None and (first.status >= 500 or (first.body == b"hello" and first.whole))


DEFECTS = Group(
    "Applications with defects",
    "A defect of an application becomes a truncated or a split answer that looks whole.",
    (
        raises("/raises", "it raises"),
        raises("/raises-first", "it raises after start_response"),
        strays("/none", "it returns None"),
        strays("/unstarted", "it does not call start_response"),
        strays("/str", "its body is str"),
        breaks_off("/raises-midway", "it raises midway"),
        breaks_off("/raises-midway-with-length", "it raises midway, the length told"),
        breaks_off("/too-short", "its body is shorter than told"),
        Case(
            "its body is longer than told",
            "RFC 9112 §6.3",
            ask(to("/too-long")),
            (Outcome("send no more than told", as_long_as_told),),
        ),
        splits("/crlf-in-value", "CRLF in a value"),
        splits("/lf-in-value", "LF in a value"),
        splits("/cr-in-value", "CR in a value"),
        splits("/nul-in-value", "NUL in a value"),
        splits("/crlf-in-name", "CRLF in a name"),
        splits("/space-in-name", "a space in a name"),
        splits("/crlf-in-status", "CRLF in the status"),
        Case(
            "it claims a transfer coding",
            "PEP 3333",
            ask(to("/own-transfer-coding")),
            (Outcome("frame the body once", framed_once),),
            level=SHOULD,
        ),
    ),
)

GROUPS = (HEADS, BODIES, DEFECTS)
