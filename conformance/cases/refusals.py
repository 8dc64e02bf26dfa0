"""What is refused: no content for HEAD, and a connection that closes says so. RFC 9110 §9.3.2; RFC 9112 §9.6."""

from __future__ import annotations

from conformance.case import SHOULD, Case, Group, ask, post, request
from conformance.conversation import Conversation
from conformance.verdict import Outcome, answered, refused

# Where the application itself leaves out the body: a server that does not, and serves it, is judged elsewhere.
BODILESS = "/head-with-length"


def head(
    *fields: str, host: str = "Host: here", target: str = BODILESS, version: str = "HTTP/1.1", body: str = ""
) -> bytes:
    return request(f"HEAD {target} {version}", *fields, host=host, body=body)


def last_words(conversation: Conversation) -> bool:
    """A client that was told that nothing follows does not take what follows for another answer."""
    if len(conversation.answers) != 1 or not conversation.malformed:
        return False
    first = conversation.answers[0]
    return first.status >= 400 and ("close" in first.options or first.version == "HTTP/1.0")


LAST_WORDS = Outcome("say close, and send content nevertheless", last_words, beyond_http=True)
# Whether it must be refused is what other cases are about.
WITHOUT_CONTENT = (Outcome("refuse it without content", refused().holds), answered(200, b""))


def bodiless(name: str, octets: bytes) -> Case:
    """The server has read the method, and has no excuse for content."""
    return Case(name, "RFC 9110 §9.3.2", ask(octets, "HEAD"), WITHOUT_CONTENT)


def bodiless_unread(name: str, octets: bytes) -> Case:
    """A server may know nothing of a head that it cannot read: content warns if it is the last that is sent."""
    return Case(name, "RFC 9110 §9.3.2", ask(octets, "HEAD"), WITHOUT_CONTENT, (LAST_WORDS,))


def tells_close(conversation: Conversation) -> bool:
    """Who answers and then closes said so in the answer, or speaks HTTP/1.0, where closing goes without saying."""
    if not conversation.answers:
        return conversation.ended
    first = conversation.answers[0]
    return not conversation.ended or first.version == "HTTP/1.0" or "close" in first.options


def closing(name: str, octets: bytes) -> Case:
    outcome = Outcome("say close when it refuses and closes", tells_close)
    return Case(name, "RFC 9112 §9.6", lambda c: c.send(octets).receive(1).listen(0.05), (outcome,), level=SHOULD)


REFUSALS = Group(
    "Refusals",
    "A client takes the content of one answer for the next, or a closed connection for a lost request.",
    (
        bodiless("HEAD without Host", head(host="")),
        bodiless("HEAD for a host that is none", head(host="Host: a b")),
        bodiless("HEAD with a length that is none", head("Content-Length: x")),
        bodiless("HEAD with a coding that nobody knows", head("Transfer-Encoding: cow, chunked", body="0\r\n\r\n")),
        bodiless("HEAD with an expectation that nobody knows", head("Expect: foo=bar")),
        bodiless("HEAD for an https URI", head(target=f"https://here{BODILESS}")),
        bodiless_unread("HEAD in a version that nobody knows", head(version="HTTP/3.0")),
        bodiless_unread("HEAD with a field line that is none", head("X-A : b")),
        bodiless_unread("HEAD for a target of 100 KB", head(target=f"{BODILESS}?{'a' * 100_000}")),
        bodiless_unread("HEAD with 10,000 fields", head(*(f"X-{number}: {number}" for number in range(10_000)))),
        bodiless_unread("HEAD with a value of 100 KB", head("X-A: " + "a" * 100_000)),
        closing("a request without Host is told that the connection closes", request(host="")),
        closing("so is one whose length is none", post("Content-Length: x", body="hello")),
        closing("so is one whose target is too long", request(f"GET /{'a' * 100_000} HTTP/1.1")),
    ),
)

GROUPS = (REFUSALS,)
