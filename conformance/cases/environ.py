"""What an application is handed: the environ and its input stream. PEP 3333; RFC 3875 §4.1."""

from __future__ import annotations

import zlib

from conformance.case import SHOULD, Case, Group, ask, chunked, get, one_chunk, post, request, serves
from conformance.verdict import answered, served

BINARY = bytes(range(256)) * 800


def checked(name: str, octets: bytes) -> Case:
    return Case(name, "PEP 3333", ask(octets), (answered(200, b"nothing"),))


def body_read_by(path: str, name: str, body: str, read: str, section: str = "PEP 3333") -> Case:
    octets = request(f"POST {path} HTTP/1.1", f"Content-Length: {len(body)}", body=body)
    return serves(section, name, octets, body=read)


def chunks_read_by(path: str, name: str, body: str, read: str) -> Case:
    octets = request(f"POST {path} HTTP/1.1", "Transfer-Encoding: chunked", body=one_chunk(body))
    return serves("PEP 3333", name, octets, warns=(answered(411),), body=read)


ENVIRON = Group(
    "The environ",
    "The application is told something that the client did not say.",
    (
        checked("wsgiref.validate finds nothing wrong", request("GET /checked?a=b HTTP/1.1", "X-A: b")),
        checked(
            "nor with a body",
            request("POST /checked HTTP/1.1", "Content-Length: 5", "Content-Type: a/b", body="hello"),
        ),
        serves("PEP 3333", "the root", request("GET / HTTP/1.1"), path="/", script=None, query=None),
        serves("PEP 3333", "wsgi.url_scheme", get(), scheme="http"),
        serves("RFC 3875 §4.1.8", "REMOTE_ADDR", get(), level=SHOULD, address="127.0.0.1"),
        serves(
            "RFC 3875 §4.1.16",
            "SERVER_PROTOCOL is that of the request",
            request("GET /x HTTP/1.0"),
            closes=True,
            protocol="HTTP/1.0",
        ),
        serves(
            "RFC 3875 §4.1.3",
            "CONTENT_TYPE",
            post("Content-Type: Text/HTML; x=y", "Content-Length: 0"),
            CONTENT_TYPE="Text/HTML; x=y",
            HTTP_CONTENT_TYPE=None,
        ),
        serves(
            "RFC 3875 §4.1.2",
            "CONTENT_LENGTH",
            post("Content-Length: 5", body="hello"),
            CONTENT_LENGTH="5",
            HTTP_CONTENT_LENGTH=None,
        ),
        serves(
            "RFC 3875 §4.1.2",
            "neither where there is none",
            get(),
            CONTENT_TYPE=None,
            CONTENT_LENGTH=(None, "0"),
            level=SHOULD,
        ),
        serves(
            "RFC 3875 §4.1.18",
            "Authorization is handed on",
            get("Authorization: Basic eDp5"),
            HTTP_AUTHORIZATION="Basic eDp5",
        ),
    ),
)

INPUT = Group(
    "The input stream",
    "The application hangs, or reads into the next request.",
    (
        body_read_by("/without-size", "read() stops at the end", "hello", "hello"),
        serves("PEP 3333", "read() without a body", request("GET /without-size HTTP/1.1"), body=None),
        body_read_by("/beyond", "reading beyond the end gives nothing", "hello", "hello"),
        body_read_by("/lines", "readline()", "one\ntwo\nsix", "one\n|two\n|six"),
        body_read_by("/lines", "readline(), a last line that ends", "one\n", "one\n"),
        body_read_by("/all-lines", "readlines()", "one\ntwo\nsix", "one\n|two\n|six"),
        body_read_by("/iterated", "iteration", "one\ntwo\nsix", "one\n|two\n|six"),
        chunks_read_by("/lines", "readline() of a chunked body", "one\ntwo\nsix", "one\n|two\n|six"),
        chunks_read_by("/iterated", "iteration of a chunked body", "one\ntwo\nsix", "one\n|two\n|six"),
        Case(
            "200 KB of every octet",
            "PEP 3333",
            ask(post(f"Content-Length: {len(BINARY)}") + BINARY),
            (served(length=len(BINARY), checksum=zlib.crc32(BINARY)),),
        ),
        Case(
            "200 KB of every octet, chunked",
            "PEP 3333",
            ask(chunked(one_chunk(BINARY.decode("latin-1")))),
            (served(length=len(BINARY), checksum=zlib.crc32(BINARY)),),
            (answered(411),),
        ),
    ),
)

GROUPS = (ENVIRON, INPUT)
