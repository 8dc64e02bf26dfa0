"""Where a request ends: Content-Length and Transfer-Encoding. RFC 9112 §6 and §11.2; RFC 9110 §8.6.

Most bodies hold a request for /smuggled: whoever takes the body for something else serves it, and fails.
"""

from __future__ import annotations

from conformance.case import (
    HIDDEN,
    SHOULD,
    Case,
    Group,
    ask,
    ask_and_half_close,
    chunked,
    get,
    one_chunk,
    post,
    refuses,
    request,
    serves,
)
from conformance.verdict import answered, refused, served

TRUE_LENGTH = f"Content-Length: {len(HIDDEN)}"
HELLO = one_chunk("hello")
# For who believes in chunks, the body ends early; for who believes in the length, it is all body.
DECOY = "0\r\n\r\n" + HIDDEN
DECOY_LENGTH = f"Content-Length: {len(DECOY)}"


def length(value: str, *fields: str) -> bytes:
    """A body of `HIDDEN` with a length of which ``%d`` is the true one."""
    return post(f"Content-Length: {value}".replace("%d", str(len(HIDDEN))), *fields, body=HIDDEN)


def bad_length(value: str, title: str, *fields: str) -> Case:
    return refuses("RFC 9112 §6.3", f"{title}: 400 and close", length(value, *fields), 400, closes=True)


def overlong(value: object, title: str) -> Case:
    """Who takes the number as it is finds the body cut short, and may tell the application so: that is another case."""
    outcomes = (refused(closes=True), served(closes=True, body=(HIDDEN, None)))
    return Case(title, "RFC 9110 §8.6", ask_and_half_close(length(str(value))), outcomes)


def no_length(name: str, title: str) -> Case:
    """A line that might be taken for a Content-Length."""
    return refuses("RFC 9110 §5.1", title, post(f"{name} 5", body="hello"), level=SHOULD, closes=True)


CONTENT_LENGTH = Group(
    "Content-Length",
    "The end of a body is found elsewhere than a proxy finds it: what remains is a smuggled request.",
    (
        serves("RFC 9112 §6.2", "a body", post("Content-Length: 5", body="hello"), body="hello", CONTENT_LENGTH="5"),
        serves("RFC 9110 §5.1", "the name in any case", post("cOnTeNt-LeNgTh:5", body="hello"), body="hello"),
        serves("RFC 9112 §5.1", "tabs around the value", post("Content-Length:\t5\t", body="hello"), body="hello"),
        serves("RFC 9112 §6.3", "zero", post("Content-Length: 0"), body=None),
        serves("RFC 9112 §6.3", "none: no body", post(), body=None, warns=(answered(411),)),
        serves(
            "RFC 9112 §6",
            "the body of a GET is a body",
            get(TRUE_LENGTH, body=HIDDEN),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        serves(
            "RFC 9112 §6",
            "the body of a DELETE is a body",
            request("DELETE /x HTTP/1.1", TRUE_LENGTH, body=HIDDEN),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        serves(
            "RFC 9112 §6",
            "the body of an OPTIONS is a body",
            request("OPTIONS /x HTTP/1.1", TRUE_LENGTH, body=HIDDEN),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        Case(
            "the body of a HEAD is a body",
            "RFC 9112 §6",
            ask(request("HEAD /x HTTP/1.1", TRUE_LENGTH, body=HIDDEN), "HEAD"),
            (answered(200, b""), refused(closes=True)),
        ),
        serves(
            "RFC 9110 §8.6",
            "leading zeros, read as decimal",
            post("Content-Length: 010", body="helloworld"),
            body="helloworld",
            warns=(refused(closes=True),),
        ),
        serves(
            "RFC 9110 §8.6",
            "thirty leading zeros",
            post("Content-Length: " + "0" * 30 + "5", body="hello"),
            body="hello",
            warns=(refused(closes=True),),
        ),
        serves(
            "RFC 9110 §8.6",
            "two equal lines: refuse, or take the value",
            length("%d", TRUE_LENGTH),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        serves(
            "RFC 9110 §8.6",
            "a list of equal values: refuse, or take it",
            length("%d, %d"),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        bad_length("0", "two lines, the shorter first", TRUE_LENGTH),
        bad_length("%d", "two lines, the longer first", "Content-Length: 0"),
        bad_length("0, %d", "a list of different values"),
        bad_length("%d, 0", "a list of different values, the longer first"),
        bad_length("%d,", "an empty element of the list"),
        bad_length("", "an empty value"),
        bad_length("+%d", "a plus sign"),
        bad_length("-%d", "a minus sign"),
        bad_length("-0", "minus zero"),
        bad_length(f"0x{len(HIDDEN):x}", "hexadecimal"),
        bad_length(f"0o{len(HIDDEN):o}", "octal"),
        bad_length("4_0", "an underscore between the digits"),
        bad_length("%d.0", "a decimal point"),
        bad_length("4e1", "an exponent"),
        bad_length("4 0", "a blank between the digits"),
        bad_length("%dx", "a letter after the digits"),
        bad_length("%d;a=b", "a parameter"),
        bad_length('"%d"', "in quotes"),
        bad_length("forty", "a word"),
        bad_length("\x0b%d", "a vertical tab before the digits"),
        bad_length("%d\x0c", "a form feed after the digits"),
        bad_length("%d\x85", "octet 85 after the digits"),
        bad_length("\xa0%d", "octet A0 before the digits"),
        bad_length("%d\0", "NUL after the digits"),
        bad_length("\xb2", "a superscript digit"),
        refuses(
            "RFC 9112 §5.1",
            "a space before the colon: 400 and close",
            post(f"Content-Length : {len(HIDDEN)}", body=HIDDEN),
            400,
            closes=True,
        ),
        overlong(2**32, "2^32 does not become 0"),
        overlong(2**63, "2^63 does not become negative"),
        overlong(2**64, "2^64 does not become 0"),
        overlong("9" * 5000, "5000 digits"),
        no_length("Content-Length\x0b:", "a vertical tab before the colon"),
        no_length("Content-Length\xa0:", "octet A0 before the colon"),
        no_length("Content Length:", "a blank in the name"),
        no_length("Content-Length", "no colon"),
        no_length("Content-\r\nLength:", "a name over two lines"),
        serves(
            "RFC 3875 §4.1.2",
            "Content_Length does not become CONTENT_LENGTH",
            post("Content_Length: 5"),
            body=None,
            CONTENT_LENGTH=(None, "0"),
            passes=(refused(),),
        ),
        serves(
            "RFC 3875 §4.1.2",
            "Content_Length does not replace Content-Length",
            post("Content-Length: 5", "Content_Length: 99", body="hello"),
            body="hello",
            CONTENT_LENGTH="5",
            passes=(refused(closes=True),),
        ),
        serves(
            "RFC 9112 §2.2",
            "on a first line that begins with a tab: refuse, or ignore",
            post(host="\tContent-Length: 5\r\nHost: here"),
            body=None,
            CONTENT_LENGTH=(None, "0"),
            passes=(refused(closes=True),),
        ),
        serves(
            "RFC 9112 §5.2",
            "folded before its value: refuse, or take it",
            length("\r\n %d"),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        refuses(
            "RFC 9112 §2.2",
            "after a bare LF",
            post("X-A: b\nContent-Length: 5", body="hello"),
            closes=True,
            level=SHOULD,
        ),
        refuses(
            "RFC 9112 §2.2",
            "after a bare CR it is no field",
            post("X-A: b\rContent-Length: 5"),
            closes=True,
            passes=(served(body=None, HTTP_X_A="b Content-Length: 5"),),
        ),
        Case(
            "input that ends before the body does",
            "RFC 9112 §6.3",
            ask_and_half_close(post("Content-Length: 10", body="hello")),
            (refused(closes=True),),
            (served(closes=True),),
        ),
    ),
)


def bad_coding(value: str, title: str) -> Case:
    """Not understood, or not chunked last: 400 or 501, and close, whatever the body would be."""
    octets = post(f"Transfer-Encoding: {value}", body=DECOY)
    return refuses("RFC 9112 §6.1, §6.3", title, octets, 400, 501, closes=True)


def bad_coding_beside_length(value: str, title: str) -> Case:
    """The same beside a Content-Length, which must not be fallen back on (RFC 9112 §6.3)."""
    octets = post(f"Transfer-Encoding: {value}", DECOY_LENGTH, body=DECOY)
    return refuses("RFC 9112 §6.1, §6.3", f"{title}, and Content-Length", octets, 400, 501, closes=True)


def doubtful_coding(value: str, title: str, section: str = "RFC 9112 §6.1") -> Case:
    """Better refused, although the end of the body is plain."""
    octets = post(f"Transfer-Encoding: {value}", body=HELLO)
    return refuses(section, title, octets, closes=True, level=SHOULD, warns=(served(body="hello"),))


def no_coding(line: str, title: str) -> Case:
    """A line that is no Transfer-Encoding: refused, or the Content-Length holds."""
    return refuses(
        "RFC 9110 §5.1", title, post(line, DECOY_LENGTH, body=DECOY), closes=True, passes=(served(body=DECOY),)
    )


TRANSFER_CODING = Group(
    "Transfer-Encoding",
    "The same, between chunked and a length.",
    (
        serves("RFC 9112 §7.1", "chunked", chunked(HELLO), body="hello"),
        serves("RFC 9110 §5.1", "the name in any case", post("tRANSFER-eNCODING:chunked", body=HELLO), body="hello"),
        serves("RFC 9112 §7", "the coding in any case", post("Transfer-Encoding: ChUnKeD", body=HELLO), body="hello"),
        serves(
            "RFC 9112 §5.1", "tabs around the value", post("Transfer-Encoding:\tchunked\t", body=HELLO), body="hello"
        ),
        serves(
            "RFC 9112 §6",
            "the chunked body of a GET is a body",
            get("Transfer-Encoding: chunked", body=one_chunk(HIDDEN)),
            body=HIDDEN,
            passes=(refused(closes=True),),
        ),
        refuses(
            "RFC 9112 §6.1",
            "with Content-Length: refuse, or obey chunked, and close",
            post(DECOY_LENGTH, "Transfer-Encoding: chunked", body=DECOY),
            closes=True,
            passes=(served(body=None, closes=True),),
        ),
        refuses(
            "RFC 9112 §6.1",
            "with a Content-Length that is too short",
            post("Transfer-Encoding: chunked", "Content-Length: 4", body=one_chunk(HIDDEN)),
            closes=True,
            passes=(served(body=HIDDEN, closes=True),),
        ),
        refuses(
            "RFC 9112 §6.1",
            "with Content-Length and keep-alive",
            post("Content-Length: 15", "Transfer-Encoding: chunked", "Connection: keep-alive", body=HELLO),
            closes=True,
            passes=(served(body="hello", closes=True),),
        ),
        refuses(
            "RFC 9112 §6.1",
            "with a Content-Length that is none",
            post("Content-Length: x", "Transfer-Encoding: chunked", body=HELLO),
            closes=True,
            passes=(served(body="hello", closes=True),),
        ),
        bad_coding("gzip", "gzip alone"),
        bad_coding("cow", "a coding that nobody knows"),
        bad_coding("identity", "identity, which is no coding any more"),
        bad_coding("chunked, gzip", "chunked, then gzip"),
        bad_coding("chunked, identity", "chunked, then identity"),
        bad_coding("chunked\r\nTransfer-Encoding: cow", "chunked, another on a second line"),
        bad_coding("", "an empty value"),
        bad_coding("xchunked", "'xchunked'"),
        bad_coding("chunkedx", "'chunkedx'"),
        bad_coding("chunk", "'chunk'"),
        bad_coding('"chunked"', "in quotes"),
        bad_coding("chunked\0", "NUL after it"),
        bad_coding("\x0bchunked", "a vertical tab before it"),
        bad_coding("chunked\x0c", "a form feed after it"),
        bad_coding("\xa0chunked", "octet A0 before it"),
        bad_coding("chunked\x85", "octet 85 after it"),
        bad_coding("chun ked", "a blank in it"),
        bad_coding_beside_length("identity", "identity"),
        bad_coding_beside_length("", "an empty value"),
        bad_coding_beside_length("cow", "a coding that nobody knows"),
        bad_coding_beside_length("xchunked", "'xchunked'"),
        doubtful_coding("chunked;q=1", "a parameter", "RFC 9112 §7.1"),
        doubtful_coding("chunked, chunked", "chunked twice"),
        doubtful_coding("chunked\r\nTransfer-Encoding: chunked", "chunked on two lines"),
        doubtful_coding("identity, chunked", "identity, then chunked"),
        doubtful_coding("gzip, chunked", "gzip, which is not undone, then chunked"),
        doubtful_coding(",chunked", "an empty element before chunked"),
        doubtful_coding("chunked,", "an empty element after chunked"),
        doubtful_coding("\r\n chunked", "a folded value", "RFC 9112 §5.2"),
        refuses(
            "RFC 9112 §5.1",
            "a space before the colon: 400 and close",
            post("Transfer-Encoding : chunked", DECOY_LENGTH, body=DECOY),
            400,
            closes=True,
        ),
        no_coding("Transfer-Encoding\x0b: chunked", "a vertical tab before the colon"),
        no_coding("Transfer Encoding: chunked", "a blank in the name"),
        no_coding("Transfer-Encoding chunked", "no colon"),
        no_coding("Transfer-\r\nEncoding: chunked", "a name over two lines"),
        no_coding("Transfer_Encoding: chunked", "an underscore in the name"),
        no_coding("Content-Encoding: chunked", "Content-Encoding is about something else"),
        no_coding("X-A: b\r\n Transfer-Encoding: chunked", "within a folded value"),
        no_coding("X-A: b\rTransfer-Encoding: chunked", "after a bare CR"),
        refuses(
            "RFC 9112 §2.2",
            "after a bare LF",
            post("X-A: b\nTransfer-Encoding: chunked", DECOY_LENGTH, body=DECOY),
            closes=True,
            level=SHOULD,
        ),
        refuses(
            "RFC 9112 §2.2",
            "on a first line that begins with a space",
            post(DECOY_LENGTH, host=" Transfer-Encoding: chunked\r\nHost: here", body=DECOY),
            closes=True,
            passes=(served(body=DECOY),),
        ),
        serves(
            "RFC 3875 §4.1.18",
            "Transfer_Encoding does not pass for the field",
            post("Transfer_Encoding: chunked"),
            level=SHOULD,
            HTTP_TRANSFER_ENCODING=None,
            passes=(refused(),),
        ),
    ),
)

GROUPS = (CONTENT_LENGTH, TRANSFER_CODING)
