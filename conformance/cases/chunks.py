"""Chunked bodies and their trailer sections. RFC 9112 §7.1; RFC 9110 §6.5.

What is malformed must be refused before the application takes a part of it for the whole.
"""

from __future__ import annotations

from typing import Any

from conformance.case import FOLLOWING, HIDDEN, SHOULD, Case, Group, ask, ask_and_half_close, chunked, refuses, serves
from conformance.verdict import Outcome, answered, refused, served


def good(body: str, title: str, data: str, section: str = "RFC 9112 §7.1") -> Case:
    return serves(section, title, chunked(body), warns=(answered(411),), body=data)


def bad(body: str, title: str, section: str = "RFC 9112 §7.1") -> Case:
    return refuses(section, title, chunked(body), closes=True)


def doubtful(body: str, title: str, section: str = "RFC 9112 §7.1") -> Case:
    """Malformed, but nobody could find another body in it."""
    return refuses(section, title, chunked(body), closes=True, level=SHOULD)


def cut(body: str, title: str) -> Case:
    return Case(title, "RFC 9112 §8", ask_and_half_close(chunked(body)), (refused(closes=True),))


def overlong(size: str, title: str) -> Case:
    """Who takes the number as it is finds the body cut short; who wraps it around finds the last chunk."""
    wraps_not = Outcome("take it for more", lambda c: all(seen["body"] != "hello" for seen in c.seen) and c.ended)
    return Case(title, "RFC 9112 §7.1", ask_and_half_close(chunked(f"{size}\r\nhello{END}")), (wraps_not,))


END = "\r\n0\r\n\r\n"
# The next request at once, for a server that reads on to the next line end.
BEHIND = FOLLOWING.decode()

CHUNKS = Group(
    "Chunked bodies",
    "The same, within a chunked body; or a part of a body passes for the whole.",
    (
        good("5\r\nhello\r\n6\r\n world" + END, "two chunks", "hello world"),
        good("0\r\n\r\n", "no data", ""),
        good("1\r\na\r\n1\r\nb\r\n1\r\nc" + END, "chunks of one octet", "abc"),
        good(
            "".join(f"1\r\n{number % 10}\r\n" for number in range(1000)) + "0\r\n\r\n",
            "a thousand chunks",
            "0123456789" * 100,
        ),
        good("A\r\n0123456789" + END, "a size in capitals", "0123456789"),
        good("a\r\n0123456789" + END, "a size in lower case", "0123456789"),
        good("0005\r\nhello\r\n000\r\n\r\n", "zeros before the size", "hello"),
        good("0" * 30 + "5\r\nhello" + END, "thirty zeros before the size", "hello"),
        good("5\r\nhello\r\n" + "0" * 30 + "\r\n\r\n", "a last size of thirty zeros", "hello"),
        serves(
            "RFC 9112 §7.1",
            "a thousand zeros before the size: read, or refused",
            chunked("0" * 1000 + "5\r\nhello" + END),
            passes=(refused(closes=True),),
            body="hello",
        ),
        good("7\r\n\r\n0\r\n\r\n" + END, "data that look like chunks", "\r\n0\r\n\r\n"),
        good(f"{len(HIDDEN):x}\r\n{HIDDEN}" + END, "data that look like a request", HIDDEN),
        good("5;a=b;c\r\nhello\r\n0;d\r\n\r\n", "extensions are passed over", "hello", "RFC 9112 §7.1.1"),
        good('5;a="b; c\\"d"\r\nhello' + END, "a quoted extension", "hello", "RFC 9112 §7.1.1"),
        good("5 ; a = b\r\nhello" + END, "whitespace in an extension", "hello", "RFC 9112 §7.1.1"),
        bad("0x5\r\nhello" + END, "'0x' before the size"),
        bad("+5\r\nhello" + END, "a plus sign"),
        bad("-5\r\nhello" + END, "a minus sign"),
        bad("-0\r\n\r\n", "minus zero"),
        bad("0_5\r\nhello" + END, "an underscore"),
        bad("5.0\r\nhello" + END, "a decimal point"),
        bad("\r\nhello" + END, "no size"),
        bad(";a=b\r\nhello" + END, "an extension and no size", "RFC 9112 §7.1.1"),
        bad("g\r\nhello" + END, "a size that is no number"),
        bad("5g\r\nhello" + END, "a letter after the size"),
        bad('"5"\r\nhello' + END, "a size in quotes"),
        bad("\xb5\r\nhello" + END, "a size above 7F"),
        overlong("100000005", "2^32 + 5 does not become 5"),
        overlong("8000000000000005", "2^63 + 5 does not become negative"),
        overlong("10000000000000005", "2^64 + 5 does not become 5"),
        overlong("0" * 30 + "10000000000000005", "nor does it behind thirty zeros"),
        overlong("f" * 5000, "a size of 5000 digits"),
        doubtful(" 5\r\nhello" + END, "a blank before the size"),
        doubtful("5 \r\nhello" + END, "a blank after the size"),
        doubtful("\t5\r\nhello" + END, "a tab before the size"),
        bad("5 a\r\nhello" + END, "an extension without its semicolon", "RFC 9112 §7.1.1"),
        bad("5\x0b\r\nhello" + END, "a vertical tab after the size"),
        bad("5\x0c\r\nhello" + END, "a form feed after the size"),
        bad("5\0\r\nhello" + END, "NUL after the size"),
        bad("5\xa0\r\nhello" + END, "octet A0 after the size"),
        bad("5\nhello" + END, "a bare LF after the size"),
        bad("5\r\nhello\n0\r\n\r\n", "a bare LF after the data"),
        bad("5\r\nhello\r\n0\n\r\n", "a bare LF after the last size"),
        bad("5\rhello" + END, "a bare CR after the size"),
        bad("5\r\r\nhello" + END, "CR CR LF after the size"),
        bad("5\r\nhello\r0\r\n\r\n", "a bare CR after the data"),
        bad("5\r\nhello0\r\n\r\n", "nothing after the data"),
        bad("5\r\nhelloXX0\r\n\r\n", "two other octets after the data"),
        bad("5\r\nhello\r\n\r\n0\r\n\r\n", "an empty line between chunks"),
        bad("3\r\nhello" + END, "more data than the size says"),
        bad("6\r\nhello" + END, "less data than the size says"),
        doubtful("5;\r\nhello" + END, "a semicolon and no extension", "RFC 9112 §7.1.1"),
        doubtful("5;=b\r\nhello" + END, "an extension without a name", "RFC 9112 §7.1.1"),
        doubtful('5;a="b\r\nhello' + END, "an extension whose quotes do not end", "RFC 9112 §7.1.1"),
        doubtful("5;a\0\r\nhello" + END, "NUL in an extension", "RFC 9112 §7.1.1"),
        doubtful("5;a\rb\r\nhello" + END, "a bare CR in an extension", "RFC 9112 §7.1.1"),
        bad("5;a\nb\r\nhello" + END, "a bare LF in an extension, passed over", "RFC 9112 §7.1.1"),
        bad("5;\nhello" + END, "a bare LF that ends an extension", "RFC 9112 §7.1.1"),
        cut("5\r\nhello\r\n", "input that ends before the last chunk"),
        cut("a\r\nhello", "input that ends within a chunk"),
        cut("5", "input that ends within a size"),
        cut("5\r\nhello\r\n0\r\n", "input that ends before the last empty line"),
    ),
)


def with_trailers(lines: str) -> str:
    return f"5\r\nhello\r\n0\r\n{lines}\r\n"


def forbidden(line: str, title: str, **facts: Any) -> Case:
    """RFC 9110 §6.5.1: a field that must not be a trailer is dropped, or the request refused."""
    wanted = (served(body="hello", **facts), refused(closes=True), answered(411))
    return Case(title, "RFC 9110 §6.5.1", ask(chunked(with_trailers(line + "\r\n"))), wanted)


def bad_trailer(lines: str, title: str, section: str = "RFC 9112 §5") -> Case:
    return doubtful(with_trailers(lines), title, section)


TRAILERS = Group(
    "Trailers",
    "A trailer overrides a field that was checked before, or is read as the next request.",
    (
        serves(
            "RFC 9110 §6.5.1",
            "read, and not merged into the fields",
            chunked(with_trailers("X-T: b\r\n")),
            warns=(answered(411),),
            body="hello",
            HTTP_X_T=None,
        ),
        good(with_trailers("X-T: b\r\nX-U: c\r\n"), "two of them", "hello", "RFC 9112 §7.1.2"),
        serves(
            "RFC 9110 §6.6.2",
            "announced by Trailer",
            chunked(with_trailers("X-T: b\r\n"), "Trailer: X-T"),
            warns=(answered(411),),
            body="hello",
            HTTP_X_T=None,
        ),
        serves(
            "RFC 9110 §6.6.2",
            "announced, and not sent",
            chunked(with_trailers(""), "Trailer: X-T"),
            warns=(answered(411),),
            body="hello",
        ),
        serves(
            "RFC 9112 §7.1.2",
            "the name of a field in the head",
            chunked(with_trailers("X-T: evil\r\n"), "X-T: good"),
            passes=(refused(closes=True),),
            warns=(answered(411),),
            body="hello",
            HTTP_X_T="good",
        ),
        Case(
            "Content-Length, announced by Trailer",
            "RFC 9110 §6.5.1",
            ask(chunked(with_trailers("Content-Length: 99\r\n"), "Trailer: Content-Length")),
            (served(body="hello", CONTENT_LENGTH=(None, "5")), refused(closes=True), answered(411)),
        ),
        good(
            with_trailers("X-T:GET /smuggled HTTP/1.1\r\n"), "one that looks like a request", "hello", "RFC 9112 §7.1.2"
        ),
        forbidden("Content-Length: 99", "Content-Length", CONTENT_LENGTH=(None, "5")),
        forbidden("Transfer-Encoding: gzip", "Transfer-Encoding", HTTP_TRANSFER_ENCODING=(None, "chunked")),
        forbidden("Host: evil", "Host", HTTP_HOST="here"),
        forbidden("Content-Encoding: gzip", "Content-Encoding", HTTP_CONTENT_ENCODING=None),
        forbidden("Content-Range: bytes 0-4/5", "Content-Range", HTTP_CONTENT_RANGE=None),
        forbidden("Range: bytes=0-1", "Range", HTTP_RANGE=None),
        forbidden("If-None-Match: *", "If-None-Match", HTTP_IF_NONE_MATCH=None),
        forbidden("Connection: close", "Connection", HTTP_CONNECTION=None),
        forbidden("Cache-Control: no-cache", "Cache-Control", HTTP_CACHE_CONTROL=None),
        forbidden("Forwarded: for=6.6.6.6", "Forwarded", HTTP_FORWARDED=None),
        forbidden("Authorization: Basic eDp5", "Authorization", HTTP_AUTHORIZATION=None),
        forbidden("Cookie: a=b", "Cookie", HTTP_COOKIE=None),
        forbidden("Content-Type: text/html", "Content-Type", CONTENT_TYPE=None),
        forbidden("Expect: 100-continue", "Expect", HTTP_EXPECT=None),
        forbidden("X-Forwarded-For: 6.6.6.6", "a field that a proxy is believed for", HTTP_X_FORWARDED_FOR=None),
        bad_trailer("X-T\r\n", "no colon"),
        bad_trailer(": b\r\n", "an empty name"),
        bad_trailer("X-T : b\r\n", "a space before the colon", "RFC 9112 §5.1"),
        bad_trailer("X T: b\r\n", "a space in the name", "RFC 9110 §5.1"),
        bad_trailer("X-T: b\r\n c\r\n", "a folded value", "RFC 9112 §5.2"),
        bad_trailer("X-T: b\0\r\n", "NUL in the value", "RFC 9110 §5.5"),
        bad_trailer("X-T: b\rc\r\n", "a bare CR in the value", "RFC 9112 §2.2"),
        bad_trailer("X-T: b\nX-U: c\r\n", "a bare LF in the value", "RFC 9112 §2.2"),
        doubtful("5\r\nhello\r\n0\r\n\n" + BEHIND, "a bare LF as the empty line", "RFC 9112 §2.2"),
        bad("5\r\nhello\r\n0\r\nXX" + BEHIND, "two other octets for the empty line"),
        refuses(
            "RFC 9110 §5.4",
            "10,000 of them",
            chunked(with_trailers("X-T: b\r\n" * 10_000)),
            level=SHOULD,
            closes=True,
            warns=(served(body="hello"),),
        ),
    ),
)

GROUPS = (CHUNKS, TRAILERS)
