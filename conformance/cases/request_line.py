"""Request line, method, request target and version. RFC 9112 §2.2, §2.3 and §3; RFC 9110 §9."""

from __future__ import annotations

from conformance.case import HIDDEN, SHOULD, Case, Group, one_chunk, refuses, request, serves
from conformance.verdict import AS_HTTP_0_9, answered, refused, served

LINE = Group(
    "Request line",
    "Two readers of one line may see two requests, or none.",
    (
        serves("RFC 9112 §3", "a plain request", request(), path="/x", method="GET", protocol="HTTP/1.1"),
        serves("RFC 9112 §2.2", "an empty line before it", b"\r\n" + request(), level=SHOULD, path="/x"),
        serves(
            "RFC 9112 §3",
            "8000 octets",
            request(f"GET /{'a' * 7985} HTTP/1.1"),
            level=SHOULD,
            path="/" + "a" * 7985,
        ),
        refuses(
            "RFC 9112 §3", "a target of 100 KB: 414", request(f"GET /{'a' * 100_000} HTTP/1.1"), 414, passes=(served(),)
        ),
        refuses(
            "RFC 9112 §3", "a method of 10 KB", request("A" * 10_000 + " /x HTTP/1.1"), passes=(served(),), level=SHOULD
        ),
        refuses(
            "RFC 9112 §3",
            "a method of 100 KB: 501",
            request("A" * 100_000 + " /x HTTP/1.1"),
            501,
            400,
            414,
            passes=(served(),),
            level=SHOULD,
        ),
        refuses("RFC 9112 §2.2", "a space before the method", b" " + request(), level=SHOULD),
        refuses("RFC 9112 §3", "two spaces before the target", request("GET  /x HTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "two spaces before the version", request("GET /x  HTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "a space after the version", request("GET /x HTTP/1.1 "), level=SHOULD),
        refuses("RFC 9112 §3", "tabs for spaces", request("GET\t/x\tHTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "form feeds for spaces", request("GET\x0c/x\x0cHTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "vertical tabs for spaces", request("GET\x0b/x\x0bHTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "octets A0 for spaces", request("GET\xa0/x\xa0HTTP/1.1"), level=SHOULD),
        refuses(
            "RFC 9112 §2.2", "bare LF for spaces", request("GET\n/x\nHTTP/1.1"), level=SHOULD, warns=(AS_HTTP_0_9,)
        ),
        refuses("RFC 9112 §2.2", "bare CR for spaces", request("GET\r/x\rHTTP/1.1"), passes=(served(path="/x"),)),
        refuses(
            "RFC 9112 §2.2", "lines that end with bare CR", b"GET /x HTTP/1.1\rHost: here\r\r\r\n\r\n", level=SHOULD
        ),
        refuses("RFC 9112 §2.2", "lines that end with bare LF", b"GET /x HTTP/1.1\nHost: here\n\n", level=SHOULD),
        refuses(
            "RFC 9112 §2.2",
            "a request line that ends with bare LF",
            b"GET /x HTTP/1.1\nHost: here\r\n\r\n",
            level=SHOULD,
        ),
        refuses("RFC 9112 §3", "no version", request("GET /x"), level=SHOULD, warns=(AS_HTTP_0_9,)),
        refuses("RFC 9112 §3", "a method alone", request("GET"), level=SHOULD, warns=(AS_HTTP_0_9,)),
        refuses("RFC 9112 §3", "no target", request("GET HTTP/1.1"), level=SHOULD, warns=(AS_HTTP_0_9,)),
        refuses(
            "RFC 9112 §3",
            "an empty target between two spaces",
            request("GET  HTTP/1.1"),
            level=SHOULD,
            warns=(AS_HTTP_0_9,),
        ),
        refuses("RFC 9112 §3.2", "a space in the target", request("GET /x y HTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "the parts in another order", request("/x GET HTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3", "a field line in its place", b"Host: here\r\n\r\n", level=SHOULD),
        refuses(
            "RFC 9112 §2", "a status line in its place", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", level=SHOULD
        ),
        refuses(
            "RFC 9112 §2",
            "a line of another protocol before it",
            b"PROXY TCP4 6.6.6.6 7.7.7.7 1 2\r\n" + request(),
            level=SHOULD,
        ),
    ),
)


def version(text: str, section: str = "RFC 9112 §2.3") -> Case:
    return refuses(section, repr(text), request(f"GET /x {text}"), level=SHOULD)


VERSION = Group(
    "Version",
    "A version decides how the connection and the body are read.",
    (
        serves("RFC 9110 §6.2", "'HTTP/1.2' is read as HTTP/1.1", request("GET /x HTTP/1.2"), level=SHOULD, path="/x"),
        serves(
            "RFC 9110 §6.2",
            "a chunked body in 'HTTP/1.2'",
            request("POST /x HTTP/1.2", "Transfer-Encoding: chunked", body=one_chunk("hello")),
            level=SHOULD,
            body="hello",
        ),
        refuses("RFC 9110 §15.6.6", "'HTTP/2.0': 505", request("GET /x HTTP/2.0"), 505, 400, level=SHOULD),
        version("HTTP/0.9"),
        version("HTTP/3.0"),
        version("HTTP/1"),
        version("HTTP/1."),
        version("HTTP/.1"),
        version("HTTP/1.10"),
        version("HTTP/01.1"),
        version("HTTP/1.1x"),
        version("HTTP/-1.1"),
        version("HTTP/1,1"),
        version("HTTP 1.1"),
        version("http/1.1"),
        version("Http/1.1"),
        version("HTTPS/1.1"),
        version("FTP/1.1"),
        version("HTTP/1.1\0"),
        version("HTTP/1.1\t"),
        version("HTTP/4294967297.1"),
        version("HTTP/1.\xb9"),
    ),
)

EVERY_TCHAR = "!#$%&'*+-.^_`|~aZ09"


def method(text: str, title: str) -> Case:
    return refuses("RFC 9110 §9.1, §5.6.2", title, request(f"{text} /x HTTP/1.1"), level=SHOULD)


METHOD = Group(
    "Method",
    "What is no token may be read as another method, or logged as another line.",
    (
        *(
            serves("RFC 9110 §9.3", name, request(f"{name} /x HTTP/1.1"), method=name)
            for name in ("POST", "PUT", "DELETE", "OPTIONS")
        ),
        serves(
            "RFC 9110 §9.1",
            "one that nobody knows",
            request("BREW /x HTTP/1.1"),
            passes=(refused(501, 405),),
            method="BREW",
        ),
        serves(
            "RFC 9110 §5.6.2",
            "every character of a token",
            request(f"{EVERY_TCHAR} /x HTTP/1.1"),
            level=SHOULD,
            passes=(refused(501, 405),),
            method=EVERY_TCHAR,
        ),
        serves("RFC 9110 §9.1", "'get' is not GET", request("get /x HTTP/1.1"), passes=(refused(),), method="get"),
        refuses(
            "RFC 9110 §9.3.6", "CONNECT opens no tunnel", request("CONNECT here:443 HTTP/1.1", host="Host: here:443")
        ),
        refuses("RFC 9110 §9.3.6", "CONNECT without a port", request("CONNECT here HTTP/1.1")),
        refuses("RFC 9110 §9.3.6", "CONNECT with a path", request("CONNECT /x HTTP/1.1")),
        method("G@T", "'@' in it"),
        method("GET:", "a colon behind it"),
        method("G(T", "a parenthesis in it"),
        method('"GET"', "in quotes"),
        method("G/T", "a slash in it"),
        method("G\0T", "NUL in it"),
        method("GET\x7f", "DEL behind it"),
        method("G\xc9T", "an octet above 7F in it"),
        method("\x0bGET", "a vertical tab before it"),
    ),
)


def target(text: str, title: str) -> Case:
    return refuses("RFC 9112 §3.2", title, request(f"GET {text} HTTP/1.1"), level=SHOULD)


def insecure(text: str, title: str) -> Case:
    """RFC 9110 §7.4 has it rejected, unless a trusted gateway sends it: a server may take us for one."""
    return refuses("RFC 9110 §7.4", title, request(f"GET {text} HTTP/1.1"), level=SHOULD)


TARGET = Group(
    "Request target",
    "The application is asked for another resource than a proxy allowed, or opens a tunnel.",
    (
        serves(
            "RFC 9112 §3.2.1",
            "the query begins at the first '?'",
            request("GET /a?b=c?d&e HTTP/1.1"),
            path="/a",
            query="b=c?d&e",
        ),
        serves("RFC 9112 §3.2.1", "an empty query", request("GET /a? HTTP/1.1"), path="/a", query=None),
        serves(
            "RFC 3875 §4.1.7",
            "the query is not decoded",
            request("GET /a?b=%41%00+c%2f HTTP/1.1"),
            query="b=%41%00+c%2f",
        ),
        serves(
            "RFC 9112 §3.2.1",
            "a URI in the query",
            request("GET /a?u=http://b/c?d HTTP/1.1"),
            path="/a",
            query="u=http://b/c?d",
        ),
        serves("PEP 3333", "octets of the path as latin-1", request("GET /caf%C3%A9 HTTP/1.1"), path="/caf\xc3\xa9"),
        serves(
            "PEP 3333",
            "'%2F' is decoded like the rest",
            request("GET /a%2Fb HTTP/1.1"),
            level=SHOULD,
            path="/a/b",
            passes=(refused(),),
        ),
        serves("RFC 3986 §2.1", "hexadecimal digits in lower case", request("GET /%c3%a9 HTTP/1.1"), path="/\xc3\xa9"),
        serves(
            "RFC 3986 §2.1",
            "'%00' does not cut the path",
            request("GET /a%00b HTTP/1.1"),
            path="/a\0b",
            passes=(refused(),),
        ),
        serves(
            "RFC 3986 §2.1",
            "broken percent-encoding stays",
            request("GET /a%zz%4 HTTP/1.1"),
            path="/a%zz%4",
            passes=(refused(),),
        ),
        serves("RFC 3986 §2.4", "decoded once only", request("GET /a%252e%252e HTTP/1.1"), path="/a%2e%2e"),
        serves("RFC 3986 §2.2", "'+' is no space", request("GET /a+b HTTP/1.1"), path="/a+b"),
        serves("RFC 3986 §3.3", "';' belongs to the path", request("GET /a;b=c/d;e HTTP/1.1"), path="/a;b=c/d;e"),
        serves("RFC 3986 §3.3", "':' and '@' belong to the path", request("GET /a:b@c HTTP/1.1"), path="/a:b@c"),
        serves(
            "PEP 3333",
            "dot segments are left to the application",
            request("GET /a/../b/./c HTTP/1.1"),
            level=SHOULD,
            path="/a/../b/./c",
            passes=(refused(),),
        ),
        serves(
            "RFC 9112 §3.2.1",
            "'//evil/x' is a path, no authority",
            request("GET //evil/x HTTP/1.1"),
            path="//evil/x",
            HTTP_HOST="here",
            passes=(refused(),),
            warns=(served(path="/evil/x", HTTP_HOST="here"),),
        ),
        serves(
            "RFC 9112 §3.2.1", "a path that looks like a URI", request("GET /http://a/b HTTP/1.1"), path="/http://a/b"
        ),
        serves(
            "RFC 3986 §2", "a backslash is no slash", request("GET /a\\b HTTP/1.1"), path="/a\\b", passes=(refused(),)
        ),
        serves(
            "RFC 3986 §2",
            "what URIs leave out stays, or 400",
            request('GET /"<>^`{|} HTTP/1.1'),
            path='/"<>^`{|}',
            passes=(refused(),),
        ),
        serves(
            "RFC 9112 §3.2.2",
            "absolute-form",
            request("GET http://here/a?b HTTP/1.1"),
            path="/a",
            query="b",
            HTTP_HOST="here",
        ),
        serves(
            "RFC 9112 §3.2.2", "absolute-form, scheme in capitals", request("GET HTTP://here/a HTTP/1.1"), path="/a"
        ),
        serves(
            "RFC 9112 §3.2.2",
            "absolute-form with a port",
            request("GET http://here:80/a HTTP/1.1", host="Host: here:80"),
            path="/a",
        ),
        serves("RFC 9112 §3.2.2", "absolute-form without a path", request("GET http://here HTTP/1.1"), path=("/", "")),
        serves(
            "RFC 9112 §3.2.2",
            "absolute-form without a path, with a query",
            request("GET http://here?a HTTP/1.1"),
            path=("/", ""),
            query="a",
        ),
        serves(
            "RFC 9112 §3.2.2",
            "its host replaces that of Host",
            request("GET http://good/a HTTP/1.1", host="Host: evil"),
            path="/a",
            HTTP_HOST="good",
            passes=(refused(),),
        ),
        refuses(
            "RFC 9112 §3.2", "absolute-form does not replace Host", request("GET http://here/a HTTP/1.1", host=""), 400
        ),
        refuses("RFC 9110 §4.2.1", "absolute-form with an empty host", request("GET http:///a HTTP/1.1")),
        refuses("RFC 9110 §4.2.1", "absolute-form with a port alone", request("GET http://:80/a HTTP/1.1")),
        refuses(
            "RFC 9110 §4.2.4",
            "absolute-form with user information",
            request("GET http://user:pw@here/a HTTP/1.1"),
            level=SHOULD,
            passes=(served(path="/a", HTTP_HOST="here"),),
        ),
        target("ftp://here/a", "absolute-form of another scheme"),
        insecure("https://here/a", "absolute-form of https: 421"),
        insecure("HTTPS://here/a", "absolute-form of https in capitals"),
        refuses("RFC 9112 §3.2", "a path without its slash", request("GET a/b HTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3.2.3", "authority-form without CONNECT", request("GET here:80 HTTP/1.1"), level=SHOULD),
        refuses("RFC 9112 §3.2", "a query alone", request("GET ?a=b HTTP/1.1"), level=SHOULD),
        serves(
            "RFC 9112 §3.2.4",
            "OPTIONS *",
            request("OPTIONS * HTTP/1.1"),
            level=SHOULD,
            path=("*", "/", "/*", ""),
            passes=(answered(200), answered(204), refused(404, 405, 501)),
        ),
        target("*", "'*' without OPTIONS"),
        target("/caf\xc3\xa9", "octets above 7F"),
        refuses("RFC 9112 §3.2", "NUL", request("GET /a\0b HTTP/1.1"), warns=(served(path="/a\0b"),)),
        target("/a\x01b", "a control character"),
        target("/a\x7fb", "DEL"),
        target("/a\tb", "a tab"),
        target("/a#b", "a fragment"),
        refuses(
            "RFC 9112 §11.1",
            "a request hidden behind a bare CR",
            request(f"GET /x\r{HIDDEN[:-4]} HTTP/1.1"),
        ),
    ),
)

GROUPS = (LINE, VERSION, METHOD, TARGET)
