"""The life of a connection: its states, the steps between them, and the one timeout that each state has.

Theory. A connection rests in IDLE. The first octet of a request brings it to HEAD, the end of the head to BODY or, if
there is none, to HANDLER. The handler's output makes it RESPONSE until the peer has taken all of it; then it rests
again, or closes. After a refusal or a truncated request we LINGER: the write side is shut, and what the client still
sends is thrown away for a while, because closing with unread input would reset the connection and destroy our answer
(RFC 9112 §9.6). A handler that reads the body while it arrives goes to HANDLER with the head alone; what it leaves of
the body is thrown away in UNREAD (§9.3). FEED is a response that goes on for as long as others feed it. TUNNEL is a
connection that left HTTP. HANDSHAKE comes before all that where TLS is spoken, from its first octet until HTTP begins,
or does not for a while. From every state the connection may close.

An exchange that one thread serves in one go (whole request in, whole response out) passes through these states without
stopping; then nobody could see them, and the connection stays IDLE for whoever looks.
"""

from __future__ import annotations

import enum


class State(enum.Enum):
    HANDSHAKE = "handshake"
    IDLE = "idle"
    HEAD = "head"
    BODY = "body"
    HANDLER = "handler"
    RESPONSE = "response"
    FEED = "feed"
    UNREAD = "unread"
    LINGER = "linger"
    TUNNEL = "tunnel"
    CLOSED = "closed"

    # Identity, not value: these are keys of tables on warm paths.
    __hash__ = object.__hash__


class Step(enum.Enum):
    HELLO = "client hello"
    SECURED = "secured"
    FIRST_OCTET = "first octet"
    HEAD_END = "end of head"
    CALL_EARLY = "end of head, called early"
    MESSAGE_END = "end of message"
    REFUSE = "refuse"
    ANSWER = "answer"
    BEGIN_FEED = "answer without end"
    ANSWERED = "answered"
    SKIP = "answered, body unread"
    RETIRE = "retire"
    UPGRADE = "upgrade"
    CLOSE = "close"

    __hash__ = object.__hash__


TRANSITIONS: dict[State, dict[Step, State]] = {
    State.HANDSHAKE: {Step.SECURED: State.IDLE, Step.FIRST_OCTET: State.HEAD, Step.MESSAGE_END: State.HANDLER,
                      Step.HEAD_END: State.BODY, Step.CALL_EARLY: State.HANDLER, Step.REFUSE: State.HANDLER},
    State.IDLE: {Step.HELLO: State.HANDSHAKE, Step.FIRST_OCTET: State.HEAD, Step.MESSAGE_END: State.HANDLER,
                 Step.HEAD_END: State.BODY, Step.CALL_EARLY: State.HANDLER},
    State.HEAD: {Step.HEAD_END: State.BODY, Step.MESSAGE_END: State.HANDLER, Step.REFUSE: State.HANDLER,
                 Step.CALL_EARLY: State.HANDLER},
    State.BODY: {Step.MESSAGE_END: State.HANDLER, Step.REFUSE: State.HANDLER},
    State.HANDLER: {Step.ANSWER: State.RESPONSE, Step.ANSWERED: State.IDLE, Step.RETIRE: State.LINGER,
                    Step.SKIP: State.UNREAD, Step.BEGIN_FEED: State.FEED, Step.UPGRADE: State.TUNNEL},
    State.FEED: {Step.ANSWER: State.RESPONSE, Step.ANSWERED: State.IDLE, Step.RETIRE: State.LINGER,
                 Step.SKIP: State.UNREAD},
    State.RESPONSE: {Step.ANSWERED: State.IDLE, Step.RETIRE: State.LINGER, Step.SKIP: State.UNREAD},
    State.UNREAD: {Step.MESSAGE_END: State.IDLE, Step.RETIRE: State.LINGER},
    State.LINGER: {},
    State.TUNNEL: {Step.RETIRE: State.LINGER},
    State.CLOSED: {},
}  # fmt: skip
for _steps in TRANSITIONS.values():
    _steps[Step.CLOSE] = State.CLOSED

# The setting that bounds each state. HANDLER has none of its own: a thread that runs cannot be stopped from outside.
# Nor has FEED, which ends with whoever feeds it; what its client does not take is RESPONSE's.
TIMEOUTS: dict[State, str] = {
    State.HANDSHAKE: "handshake_timeout",
    State.IDLE: "keep_alive_timeout",
    State.HEAD: "header_timeout",
    State.BODY: "body_timeout",
    State.RESPONSE: "send_timeout",
    State.UNREAD: "linger_timeout",
    State.LINGER: "linger_timeout",
}
