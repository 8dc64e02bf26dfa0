"""Limits, and peers that are slow, silent, gone or speak something else: quick ones, for a whole run takes minutes.

RFC 9110 §5.4 and §17.5; RFC 9112 §2.2 and §11.
"""

from __future__ import annotations

from conformance.case import FOLLOWING, SHOULD, Case, Group, Talk, chunked, get, post, refuses, request, serves
from conformance.conversation import Conversation
from conformance.verdict import NEXT, Outcome, refused, served

CROWD = 60  # connections: more than most servers have threads
PAUSE = 0.01  # seconds in which a server could answer too early

LIMITS = Group(
    "Limits",
    "A client can make the server keep as much as it likes.",
    (
        refuses(
            "RFC 9110 §5.4",
            "10,000 fields",
            get(*(f"X-{number}: {number}" for number in range(10_000))),
            warns=(served(),),
        ),
        refuses("RFC 9110 §5.4", "a head of 1 MB", get(*["X-A: " + "a" * 4000] * 260), warns=(served(),)),
        refuses("RFC 9110 §5.4", "a value of 1 MB", get("X-A: " + "a" * 1_000_000), warns=(served(),)),
        refuses("RFC 9110 §5.4", "a name of 100 KB", get("X" * 100_000 + ": b"), warns=(served(),)),
        serves(
            "RFC 9112 §3", "a query of 4 KB", request(f"GET /x?{'a' * 4000} HTTP/1.1"), level=SHOULD, query="a" * 4000
        ),
        refuses(
            "RFC 9112 §7.1.1",
            "a chunk extension of 100 KB",
            chunked(f"5;{'a' * 100_000}\r\nhello\r\n0\r\n\r\n"),
            level=SHOULD,
        ),
    ),
)


def in_pieces(*pieces: bytes) -> Talk:
    """Send the pieces with a pause after each, in which a hasty server would answer."""

    def talk(conversation: Conversation) -> None:
        for number, piece in enumerate(pieces):
            if number:
                conversation.listen(PAUSE)
            conversation.send(piece, "GET")
        conversation.receive(1).send(FOLLOWING).receive(2)

    return talk


def octet_by_octet(octets: bytes) -> Talk:
    def talk(conversation: Conversation) -> None:
        conversation.send_octet_by_octet(octets).receive(1).send(FOLLOWING).receive(2)

    return talk


WHOLE = post("Content-Length: 5", "X-A: b", body="hello")
CHUNKED = chunked("5;a=b\r\nhello\r\n6\r\n world\r\n0\r\nX-T: b\r\n\r\n")
SPLITS = {
    "within the method": 2,
    "between CR and LF": WHOLE.index(b"\r\n") + 1,
    "within a name": WHOLE.index(b"Content-") + 4,
    "within a length": WHOLE.index(b"5\r\n") + 1,
    "within the empty line": WHOLE.index(b"\r\n\r\n") + 3,
    "before the body": WHOLE.index(b"hello"),
    "within the body": WHOLE.index(b"hello") + 2,
}

SLOW = Group(
    "Slow peers",
    "A request that arrives in pieces is read otherwise.",
    (
        Case("a request octet by octet", "RFC 9112 §2.2", octet_by_octet(WHOLE), (served(body="hello", HTTP_X_A="b"),)),
        Case(
            "a chunked request octet by octet", "RFC 9112 §7.1", octet_by_octet(CHUNKED), (served(body="hello world"),)
        ),
        *(
            Case(f"a pause {where}", "RFC 9112 §2.2", in_pieces(WHOLE[:cut], WHOLE[cut:]), (served(body="hello"),))
            for where, cut in SPLITS.items()
        ),
        Case(
            "a pause within a chunk",
            "RFC 9112 §7.1",
            in_pieces(CHUNKED[:-25], CHUNKED[-25:]),
            (served(body="hello world"),),
        ),
        Case(
            "a pause within the trailers",
            "RFC 9112 §7.1.2",
            in_pieces(CHUNKED[:-5], CHUNKED[-5:]),
            (served(body="hello world"),),
        ),
    ),
)

OTHERS_ARE_SERVED = Outcome(
    "go on serving others",
    lambda conversation: [answer.seen and answer.seen["path"] for answer in conversation.elsewhere] == [NEXT],
)


def crowd(octets: bytes, *, answered: bool = False, reset: bool = False) -> Talk:
    """Open many connections that do this, then ask on another."""

    def talk(conversation: Conversation) -> None:
        for _ in range(CROWD):
            if not conversation.beside(octets, answered=answered, reset=reset):
                break  # enough: others wait already
        conversation.ask_elsewhere(FOLLOWING)

    return talk


def starved_by(name: str, octets: bytes, *, answered: bool = False) -> Case:
    return Case(name, "RFC 9110 §17.5", crowd(octets, answered=answered), (OTHERS_ARE_SERVED,), level=SHOULD)


def survives(name: str, octets: bytes, *, answered: bool = False) -> Case:
    return Case(name, "RFC 9112 §9.5", crowd(octets, answered=answered, reset=True), (OTHERS_ARE_SERVED,))


CROWDS = Group(
    "Many at once",
    "A few connections keep others from being served. These are robustness rather than rules of the RFC.",
    (
        starved_by(f"{CROWD} that say nothing", b""),
        starved_by(f"{CROWD} that rest between requests", get(), answered=True),
        starved_by(f"{CROWD} heads that do not end", b"GET /x HTTP/1.1\r\nHost: here\r\nX-A: "),
        starved_by(f"{CROWD} bodies that do not end", post("Content-Length: 10", body="hello")),
        starved_by(f"{CROWD} chunked bodies that do not end", chunked("5\r\nhel")),
        starved_by(f"{CROWD} that do not take their answer", request("GET /mebibyte HTTP/1.1") * 8, answered=True),
        survives(f"{CROWD} reset at once", b""),
        survives(f"{CROWD} reset within the request line", b"GET /x HT"),
        survives(f"{CROWD} reset within the body", post("Content-Length: 10", body="hello")),
        survives(f"{CROWD} reset within their answer", request("GET /mebibyte HTTP/1.1") * 8, answered=True),
    ),
)


def refused_soon(conversation: Conversation) -> bool:
    return conversation.ended and not conversation.paths


def garbage(octets: bytes, name: str, *passes: Outcome) -> Case:
    """An error or a close, soon, in HTTP if in anything."""
    return Case(
        name,
        "RFC 9112 §2.2",
        lambda conversation: conversation.send(octets).receive(),
        (Outcome("refuse it and close", refused_soon), *passes),
        (refused(),),
        SHOULD,
    )


# RFC 9113 §3.4: what a client sends first that knows the server to speak HTTP/2; then an empty SETTINGS frame.
HTTP_2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0"
HTTP_2_SPOKEN = Outcome("speak HTTP/2", lambda c: bool(c.malformed) and not c.answers, beyond_http=True)

# RFC 8446 §4.1.2: a ClientHello, as a client sends that takes the port for one of TLS.
CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(32)) * 6 + b"\r\n\r\n"

GARBAGE = Group(
    "Other protocols",
    "A stray client holds a connection, or is served.",
    (
        garbage(CLIENT_HELLO, "a ClientHello of TLS"),
        garbage(HTTP_2_PREFACE, "the preface of HTTP/2", HTTP_2_SPOKEN),
        garbage(bytes(range(256)) + b"\r\n\r\n", "every octet once"),
        garbage(b"\0" * 4000 + b"\r\n\r\n", "4 KB of NUL"),
        garbage(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", "SSH"),
        garbage(b"EHLO here\r\nMAIL FROM:<a@here>\r\n\r\n", "SMTP"),
        garbage(b"*1\r\n$4\r\nPING\r\n\r\n", "Redis"),
        garbage(b"GET /" + b"a" * 1_000_000, "a line of 1 MB that does not end"),
        garbage(b"\r\n" * 50_000, "empty lines without end"),
        garbage(chunked("0" * 1_000_000), "a chunk size of 1 MB"),
        garbage(chunked("0\r\n" + "X-T: b\r\n" * 40_000), "300 KB of trailers"),
    ),
)

GROUPS = (LIMITS, SLOW, CROWDS, GARBAGE)
