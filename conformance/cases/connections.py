"""How long a connection lives, pipelining, HTTP/1.0 and Expect. RFC 9112 §9 and appendix C.2; RFC 9110 §10.1.1."""

from __future__ import annotations

from conformance.case import (
    FOLLOWING,
    HIDDEN,
    SHOULD,
    Case,
    Group,
    Talk,
    ask,
    get,
    one_chunk,
    post,
    refuses,
    request,
    serves,
)
from conformance.conversation import Conversation
from conformance.verdict import NEXT, Outcome, closed_after_one, followed_well, served


def in_turn(*requests: bytes) -> Talk:
    """Send each when the one before has been answered."""

    def talk(conversation: Conversation) -> None:
        for number, octets in enumerate(requests, 1):
            conversation.send(octets).receive(number)

    return talk


def at_once(*requests: bytes, methods: tuple[str, ...] = ()) -> Talk:
    """Send all in one piece, and what they do not smuggle last."""
    everything = b"".join((*requests, FOLLOWING))
    return lambda conversation: conversation.send(everything, *methods).receive()


def paths_seen(*paths: str) -> Outcome:
    wanted = list(paths)
    return Outcome(f"serve {', '.join(paths)}, in this order", lambda conversation: conversation.paths == wanted)


def beginning_of(*paths: str) -> Outcome:
    """Closing early is a server's right (RFC 9112 §9.3.2 has the client repeat what was not answered)."""

    def holds(conversation: Conversation) -> bool:
        seen = conversation.paths
        return bool(seen) and conversation.ended and seen == list(paths)[: len(seen)]

    return Outcome("serve the first of them and close", holds)


def simple(path: str, *fields: str) -> bytes:
    return request(f"GET {path} HTTP/1.1", *fields)


def said_close(conversation: Conversation) -> bool:
    return closed_after_one(conversation) and bool(conversation.answers) and "close" in conversation.answers[0].options


def closing_is_told(conversation: Conversation) -> bool:
    """RFC 9112 §9.6: who closes a connection of HTTP/1.1 after an answer has said so in it."""
    first = conversation.answers[0] if conversation.answers else None
    if first is None:
        return False
    return not conversation.ended or first.version == "HTTP/1.0" or "close" in first.options


def closes(*fields: str, section: str, name: str) -> Case:
    return serves(section, name, get(*fields), closes=True, path="/x")


CONNECTIONS = Group(
    "Connections",
    "A connection is kept, closed or reset when the client expects otherwise.",
    (
        Case(
            "persistent",
            "RFC 9112 §9.3",
            in_turn(simple("/1"), simple("/2"), simple("/3")),
            (paths_seen("/1", "/2", "/3"),),
            level=SHOULD,
        ),
        Case(
            "a server that does not persist says close",
            "RFC 9112 §9.6",
            lambda conversation: conversation.send(get()).receive(1).listen(0.05),
            (Outcome("say close when it closes", closing_is_told),),
        ),
        closes("Connection: close", section="RFC 9112 §9.6", name="close"),
        closes("cOnNeCtIoN: ClOsE", section="RFC 9110 §7.6.1", name="close in any case"),
        closes("Connection: foo, keep-alive ,close", section="RFC 9110 §7.6.1", name="close in a list"),
        closes("Connection: close, foo", section="RFC 9110 §7.6.1", name="close before others"),
        closes("Connection: keep-alive", "Connection: close", section="RFC 9110 §5.3", name="close on a second line"),
        closes("Connection: ,close,", section="RFC 9110 §5.6.1", name="close between empty elements"),
        serves("RFC 9110 §7.6.1", "an option that only looks like close", get("Connection: closed"), path="/x"),
        Case(
            "the last answer says close",
            "RFC 9112 §9.6",
            lambda conversation: conversation.send(get("Connection: close")).receive(),
            (Outcome("say close and close", said_close),),
            level=SHOULD,
        ),
        Case(
            "nothing after close is served",
            "RFC 9112 §9.6",
            at_once(get("Connection: close"), HIDDEN.encode()),
            (Outcome("serve the first and close", lambda c: c.paths == ["/x"] and c.ended),),
        ),
        serves(
            "RFC 9110 §7.8",
            "an Upgrade to what nobody knows",
            get("Connection: Upgrade", "Upgrade: foo/2"),
            level=SHOULD,
            path="/x",
        ),
        serves(
            "RFC 9110 §7.8",
            "an Upgrade to HTTP/2",
            get("Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"),
            level=SHOULD,
            path="/x",
        ),
        Case(
            "nothing after a framing error is served",
            "RFC 9112 §6.3",
            at_once(post("Content-Length: x"), HIDDEN.encode()),
            (Outcome("refuse it and close", closed_after_one),),
        ),
        Case(
            "a refusal arrives although its body is not read",
            "RFC 9112 §9.6",
            lambda conversation: conversation.send(post("Content-Length: x", body="x" * 300_000)).receive(),
            (Outcome("refuse it, and let the client read that", lambda c: bool(c.answers) and not c.reset),),
            level=SHOULD,
        ),
        Case(
            "a refusal does not spoil the answer before it",
            "RFC 9112 §9.3.2",
            lambda conversation: conversation.send(get() + b"BAD\r\n\r\n").receive(),
            (Outcome("serve the first and refuse the second", lambda c: c.paths == ["/x"] and c.ended),),
        ),
        Case(
            "a client that has half-closed is answered",
            "RFC 9112 §9.6",
            lambda conversation: conversation.send(get()).half_close().receive(1),
            (paths_seen("/x"),),
        ),
        serves(
            "RFC 9112 §2.2",
            "an empty line after a body",
            post("Content-Length: 5", body="hello\r\n"),
            level=SHOULD,
            body="hello",
        ),
    ),
)


def bodies_told_apart(conversation: Conversation) -> bool:
    seen = conversation.seen[:-1]
    return len(seen) == 8 and all(each["body"] == f"body of {each['path']}" for each in seen)


def with_body(path: str) -> bytes:
    """A request whose body names it: chunked where the number in its path is even."""
    body = f"body of {path}"
    if int(path[1:]) % 2:
        return request(f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    return request(f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked", body=one_chunk(body))


def unread(path: str, name: str, *, body: str = HIDDEN, chunks: bool = False) -> Case:
    """What an application leaves unread is no request."""
    fields, content = (
        ("Transfer-Encoding: chunked", one_chunk(body)) if chunks else (f"Content-Length: {len(body)}", body)
    )
    octets = request(f"POST {path} HTTP/1.1", fields, body=content)
    outcome = Outcome("answer it, then the next request or close", lambda c: bool(c.answers) and followed_well(c))
    silent = Outcome("close", lambda c: c.ended and not c.answers)
    return Case(name, "RFC 9112 §9.3", at_once(octets), (outcome,), (silent,))


TEN = [f"/{number}" for number in range(10)]
EIGHT = [f"/{number}" for number in range(8)]
HEADS = [("GET", "/a"), ("HEAD", "/hello"), ("HEAD", "/pieces"), ("GET", "/d")]

PIPELINING = Group(
    "Pipelining",
    "Answers are lost, or go to the wrong request.",
    (
        Case(
            "ten requests",
            "RFC 9112 §9.3.2",
            at_once(*map(simple, TEN)),
            (paths_seen(*TEN, NEXT),),
            (beginning_of(*TEN),),
        ),
        Case(
            "bodies of both kinds",
            "RFC 9112 §9.3.2",
            at_once(*map(with_body, EIGHT)),
            (Outcome("give each request its own body", bodies_told_apart),),
            (beginning_of(*EIGHT),),
        ),
        Case(
            "what follows a length of zero is no body",
            "RFC 9112 §6.3",
            at_once(request("POST /a HTTP/1.1", "Content-Length: 0"), simple("/b")),
            (paths_seen("/a", "/b", NEXT),),
            (beginning_of("/a", "/b"),),
        ),
        Case(
            "HEAD among others",
            "RFC 9110 §9.3.2",
            at_once(
                *(request(f"{method} {path} HTTP/1.1") for method, path in HEADS),
                methods=tuple(method for method, _ in HEADS),
            ),
            (Outcome("answer all five", lambda c: len(c.answers) == 5),),
            (Outcome("answer the first of them and close", lambda c: bool(c.answers) and c.ended),),
        ),
        Case(
            "empty lines between requests",
            "RFC 9112 §2.2",
            at_once(simple("/a") + b"\r\n", simple("/b")),
            (paths_seen("/a", "/b", NEXT),),
            (beginning_of("/a", "/b"),),
            SHOULD,
        ),
        Case(
            "a thousand requests",
            "RFC 9112 §9.3.2",
            at_once(*[simple("/hello")] * 1000),
            (Outcome("answer all of them", lambda c: len(c.answers) == 1001),),
            (Outcome("answer the first of them and close", lambda c: bool(c.answers) and c.ended),),
        ),
        unread("/unread", "a body that nobody read"),
        unread("/unread", "a chunked body that nobody read", chunks=True),
        unread("/unread", "200 KB that nobody read", body=HIDDEN * 5000),
        unread("/one-octet", "a body of which one octet was read", body="x" + HIDDEN),
        unread("/raises", "a body when the application raises"),
    ),
)


def old(*fields: str, line: str = "GET /x HTTP/1.0", body: str = "") -> bytes:
    return request(line, *fields, body=body)


def kept_open_is_told(conversation: Conversation) -> bool:
    """RFC 9112 appendix C.2.2: who keeps a connection of HTTP/1.0 open says so."""
    if not conversation.answers or conversation.answers[0].seen is None:
        return False
    return "keep-alive" in conversation.answers[0].options if len(conversation.answers) > 1 else conversation.ended


def without_coding(conversation: Conversation) -> bool:
    first = conversation.answers[0] if conversation.answers else None
    return first is not None and not first.values("transfer-encoding") and first.body == b"onetwothree"


HTTP_1_0 = Group(
    "HTTP/1.0",
    "An old client, or an old proxy, waits for an end that does not come.",
    (
        serves("RFC 9112 §9.3", "closes", old(), closes=True, path="/x"),
        serves(
            "RFC 9112 §9.3",
            "a body",
            old("Content-Length: 5", line="POST /x HTTP/1.0", body="hello"),
            closes=True,
            body="hello",
        ),
        Case(
            "keep-alive, if heeded, is told",
            "RFC 9112 §C.2.2",
            ask(old("Connection: Keep-Alive")),
            (Outcome("say keep-alive, or close", kept_open_is_told),),
        ),
        serves(
            "RFC 9112 §9.3", "close wins over keep-alive", old("Connection: keep-alive, close"), closes=True, path="/x"
        ),
        serves(
            "RFC 9110 §7.8",
            "Upgrade is ignored",
            old("Connection: upgrade", "Upgrade: h2c, websocket"),
            closes=True,
            path="/x",
        ),
        Case(
            "no transfer coding in the answer",
            "RFC 9112 §6.1",
            ask(old(line="GET /pieces HTTP/1.0")),
            (Outcome("send the body without a transfer coding", without_coding),),
        ),
        Case(
            "nor with keep-alive",
            "RFC 9112 §6.1",
            ask(old("Connection: keep-alive", line="GET /pieces HTTP/1.0")),
            (Outcome("send the body without a transfer coding", without_coding),),
        ),
        refuses(
            "RFC 9112 §6.1",
            "Transfer-Encoding is faulty framing",
            old(
                "Transfer-Encoding: chunked", "Connection: keep-alive", line="POST /x HTTP/1.0", body=one_chunk("hello")
            ),
            closes=True,
            passes=(served(closes=True),),
        ),
        refuses(
            "RFC 9112 §6.1",
            "the same with Content-Length",
            old(
                "Transfer-Encoding: chunked",
                "Content-Length: 15",
                "Connection: keep-alive",
                line="POST /x HTTP/1.0",
                body=one_chunk("hello"),
            ),
            closes=True,
            passes=(served(closes=True),),
        ),
    ),
)


def expecting(*fields: str, line: str = "POST /x HTTP/1.1", value: str = "100-continue") -> bytes:
    return request(line, *(fields or ("Content-Length: 5",)), f"Expect: {value}")


def wait_then_send(octets: bytes, body: bytes) -> Talk:
    """Send the head, wait for leave or a final answer, then send the body whatever came."""

    def talk(conversation: Conversation) -> None:
        conversation.send(octets).receive_interim()
        if not conversation.answers:
            conversation.send(body).receive(1)

    return talk


def continued(conversation: Conversation) -> bool:
    statuses = [answer.status for answer in conversation.interim]
    return statuses == [100] and [seen["body"] for seen in conversation.seen] == ["hello"]


def answered_early(conversation: Conversation) -> bool:
    return not conversation.interim and bool(conversation.answers) and conversation.answers[0].seen is None


def not_continued(conversation: Conversation) -> bool:
    return not conversation.interim and bool(conversation.seen) and followed_well(conversation)


def old_client(conversation: Conversation) -> None:
    conversation.send(expecting(line="POST /x HTTP/1.0")).listen(0.05).send(b"hello").receive(1)


def body_after_the_answer(conversation: Conversation) -> None:
    conversation.send(expecting(f"Content-Length: {len(HIDDEN)}", line="POST /unread HTTP/1.1")).receive_interim()
    conversation.send(HIDDEN.encode()).receive(1)
    if not conversation.ended:
        conversation.send(FOLLOWING).receive(2)


LEAVE = Outcome("send 100 (Continue), then serve it", continued)
FINAL = Outcome("answer finally instead", answered_early)
SERVED_WITHOUT = Outcome("serve it without 100 (Continue)", not_continued)

EXPECT = Group(
    "Expect",
    "A client waits for leave that does not come, or takes a stray answer for the next one.",
    (
        Case("100 before the body", "RFC 9110 §10.1.1", wait_then_send(expecting(), b"hello"), (LEAVE, FINAL)),
        Case(
            "in any case", "RFC 9110 §10.1.1", wait_then_send(expecting(value="100-CONTINUE"), b"hello"), (LEAVE, FINAL)
        ),
        Case(
            "100 before a chunked body",
            "RFC 9110 §10.1.1",
            wait_then_send(expecting("Transfer-Encoding: chunked"), one_chunk("hello").encode()),
            (LEAVE, FINAL),
        ),
        Case(
            "between empty elements",
            "RFC 9110 §5.6.1",
            wait_then_send(expecting(value=",100-continue,"), b"hello"),
            (LEAVE, FINAL),
        ),
        Case(
            "on two lines",
            "RFC 9110 §5.3",
            wait_then_send(expecting("Content-Length: 5", "Expect: 100-continue"), b"hello"),
            (LEAVE, FINAL),
        ),
        Case(
            "100 beside an Upgrade to what nobody knows",
            "RFC 9110 §7.8",
            wait_then_send(expecting("Content-Length: 5", "Connection: upgrade", "Upgrade: foo/2"), b"hello"),
            (LEAVE, FINAL),
        ),
        Case(
            "100 beside an Upgrade to HTTP/2",
            "RFC 9110 §7.8",
            wait_then_send(
                expecting(
                    "Content-Length: 5",
                    "Connection: Upgrade, HTTP2-Settings",
                    "Upgrade: h2c",
                    "HTTP2-Settings: AAMAAABk",
                ),
                b"hello",
            ),
            (LEAVE, FINAL),
        ),
        Case(
            "no 100 for a body that is there",
            "RFC 9110 §10.1.1",
            ask(expecting() + b"hello"),
            (SERVED_WITHOUT,),
            level=SHOULD,
        ),
        Case(
            "no 100 where no body follows",
            "RFC 9110 §10.1.1",
            ask(get("Expect: 100-continue")),
            (SERVED_WITHOUT,),
            level=SHOULD,
        ),
        Case(
            "no 100 for HTTP/1.0",
            "RFC 9110 §10.1.1",
            old_client,
            (
                Outcome(
                    "serve it without 100 (Continue)",
                    lambda c: not c.interim and [each["body"] for each in c.seen] == ["hello"],
                ),
            ),
        ),
        Case(
            "an expectation that nobody knows",
            "RFC 9110 §10.1.1",
            ask(expecting(value="foo=bar") + b"hello"),
            (Outcome("answer 417", lambda c: bool(c.answers) and c.answers[0].status == 417), served(body="hello")),
            level=SHOULD,
        ),
        Case(
            "a body behind a final answer is no request",
            "RFC 9110 §10.1.1",
            body_after_the_answer,
            (Outcome("answer once, then the next request or close", lambda c: bool(c.answers) and followed_well(c)),),
        ),
        Case(
            "a length that is none is refused before it is asked for",
            "RFC 9112 §6.3",
            ask(expecting("Content-Length: x")),
            (Outcome("refuse it without 100 (Continue)", lambda c: not c.interim and closed_after_one(c)),),
        ),
    ),
)

GROUPS = (CONNECTIONS, PIPELINING, HTTP_1_0, EXPECT)
