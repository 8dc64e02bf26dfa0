"""Field lines, and Host. RFC 9112 §2.2, §3.2 and §5; RFC 9110 §5 and §7.2; RFC 3875 §4.1.18."""

from __future__ import annotations

from conformance.case import FOLLOWING, SHOULD, Case, Group, get, refuses, request, serves
from conformance.verdict import refused, served


def value(octets: str, title: str) -> Case:
    return refuses("RFC 9110 §5.5", title, get(f"X-A: b{octets}c"), level=SHOULD)


def name(octets: str, title: str) -> Case:
    return refuses("RFC 9110 §5.1", title, get(f"{octets}: b"), level=SHOULD)


# RFC 9110 §5.5 and RFC 9112 §2.2: CR, LF and NUL in a value make it invalid, or become SP.
WITH_SPACE = (served(HTTP_X_A="b c"),)

FIELDS = Group(
    "Fields",
    "A field is read as another, or as two, or passes for one that a proxy sets.",
    (
        serves(
            "RFC 9110 §5.1",
            "a field reaches the application",
            get("X-Some-Name: some value"),
            HTTP_X_SOME_NAME="some value",
        ),
        serves("RFC 9110 §5.1", "names in any case", get("x-sOmE: y"), HTTP_X_SOME="y"),
        serves("RFC 9112 §5.1", "blanks and tabs around the value", get("X-A:\t  b c \t "), HTTP_X_A="b c"),
        serves("RFC 9112 §5", "no blank after the colon", get("X-A:b"), HTTP_X_A="b"),
        serves("RFC 9112 §5", "a colon in the value", get("X-A: b:c"), HTTP_X_A="b:c"),
        serves("RFC 9112 §5", "empty values", get("X-A:", "X-B: "), HTTP_X_A=None, HTTP_X_B=None),
        serves("RFC 9110 §5.5", "a tab in the value", get("X-A: b\tc"), HTTP_X_A="b\tc"),
        serves(
            "RFC 9110 §5.6.2",
            "every character of a token in the name",
            get("X!#$%&'*+.^`|~9: b"),
            level=SHOULD,
            path="/x",
        ),
        serves("RFC 9110 §5.5", "octets above 7F in the value", get("X-A: caf\xe9"), level=SHOULD, HTTP_X_A="caf\xe9"),
        serves(
            "RFC 9110 §5.3", "repeated fields are joined in order", get("X-A: b", "X-A: c"), HTTP_X_A=("b, c", "b,c")
        ),
        serves(
            "RFC 9110 §5.3",
            "others between the repeated ones",
            get("X-A: b", "X-B: d", "X-A: c"),
            HTTP_X_A=("b, c", "b,c"),
            HTTP_X_B="d",
        ),
        serves(
            "RFC 9113 §8.2.3",
            "repeated Cookie is joined by '; '",
            get("Cookie: a=1", "Cookie: b=2"),
            level=SHOULD,
            HTTP_COOKIE="a=1; b=2",
        ),
        serves(
            "RFC 9110 §5.4",
            "80 fields",
            get(*(f"X-{number}: {number}" for number in range(80))),
            level=SHOULD,
            HTTP_X_79="79",
        ),
        serves("RFC 9110 §5.4", "a value of 7 KB", get("X-A: " + "a" * 7000), level=SHOULD, HTTP_X_A="a" * 7000),
        refuses("RFC 9112 §5.1", "a space before the colon: 400", get("X-A : b"), 400),
        refuses("RFC 9112 §5.1", "a tab before the colon: 400", get("X-A\t: b"), 400),
        refuses(
            "RFC 9112 §5.2",
            "a folded value: 400, or spaces",
            get("X-A: b", " c"),
            400,
            passes=(served(HTTP_X_A=("b c", "b  c", "b   c", "b    c")),),
        ),
        refuses(
            "RFC 9112 §5.2",
            "a value folded with a tab",
            get("X-A: b", "\tc"),
            400,
            passes=(served(HTTP_X_A=("b c", "b  c", "b   c", "b\tc")),),
        ),
        refuses(
            "RFC 9112 §5.2",
            "a fold of blanks alone",
            get("X-A: b", " ", "X-B: c"),
            400,
            passes=(served(HTTP_X_A=("b", "b "), HTTP_X_B="c"),),
        ),
        refuses(
            "RFC 9112 §2.2",
            "whitespace before the first field",
            request(host=" Host: evil\r\nHost: here"),
            passes=(served(HTTP_HOST="here"),),
        ),
        refuses("RFC 9112 §5", "a line without a colon", get("X-Junk", "X-After: c"), level=SHOULD),
        refuses("RFC 9112 §5", "an empty name", get(": b", "X-After: c"), level=SHOULD),
        refuses("RFC 9112 §5", "a colon alone", get(":"), level=SHOULD),
        name("X A", "a space in the name"),
        name("X\tA", "a tab in the name"),
        name('X(A"@[/])', "delimiters in the name"),
        name("X,A", "a comma in the name"),
        name("X{A}", "braces in the name"),
        name("X-\xe9", "octets above 7F in the name"),
        refuses("RFC 9110 §5.1", "NUL in the name", get("X-A\0B: b"), warns=(served(HTTP_X_A=None, HTTP_X_AB=None),)),
        name("X-A\x7f", "DEL in the name"),
        name("X-A\x0b", "a vertical tab in the name"),
        refuses("RFC 9110 §5.5", "NUL in the value", get("X-A: b\0c"), passes=WITH_SPACE),
        refuses("RFC 9110 §5.5", "NUL after the value", get("X-A: b\0"), passes=(served(HTTP_X_A=("b", "b ")),)),
        value("\x01", "octet 01 in the value"),
        value("\x07", "BEL in the value"),
        value("\x08", "backspace in the value"),
        value("\x0b", "a vertical tab in the value"),
        value("\x0c", "a form feed in the value"),
        value("\x1b", "ESC in the value"),
        value("\x7f", "DEL in the value"),
        refuses(
            "RFC 9110 §5.5",
            "a bare CR in the value",
            get("X-A: b\rX-B: c"),
            passes=(served(HTTP_X_A="b X-B: c", HTTP_X_B=None),),
        ),
        refuses(
            "RFC 9110 §5.5", "CR CR LF at the end of a line", get("X-A: b\r"), passes=(served(HTTP_X_A=("b", "b ")),)
        ),
        # RFC 9112 §2.2 lets a recipient take LF for a line end. A proxy in front may read it otherwise: better refused.
        refuses("RFC 9112 §2.2", "a bare LF in the value", get("X-A: b\nX-B: c"), level=SHOULD),
        refuses(
            "RFC 9112 §2.2",
            "a bare LF as the empty line",
            b"GET /x HTTP/1.1\r\nHost: here\r\nX-A: b\r\n\n" + FOLLOWING,
            level=SHOULD,
        ),
        refuses(
            "RFC 9112 §2.2",
            "CR at the start of a line ends no section",
            b"GET /x HTTP/1.1\r\nHost: here\r\n\rZGET /smuggled HTTP/1.1\r\nHost: here\r\n\r\n",
        ),
        serves(
            "RFC 3875 §4.1.18",
            "X_Real_Name does not pass for X-Real-Name",
            get("X_Real_Name: evil"),
            level=SHOULD,
            HTTP_X_REAL_NAME=None,
            passes=(refused(),),
        ),
        serves(
            "RFC 3875 §4.1.18",
            "X_Real_Name does not add to X-Real-Name",
            get("X-Real-Name: good", "X_Real_Name: evil"),
            HTTP_X_REAL_NAME="good",
            passes=(refused(),),
        ),
        serves(
            "RFC 3875 §4.1.18",
            "Proxy does not become HTTP_PROXY",
            get("Proxy: http://evil"),
            level=SHOULD,
            HTTP_PROXY=None,
            passes=(refused(),),
        ),
        serves(
            "RFC 3875 §4.1.5",
            "fields do not become variables of CGI",
            get("SCRIPT_NAME: /evil", "PATH_INFO: /evil", "Script-Name: /evil"),
            path="/x",
            script=None,
            passes=(refused(),),
        ),
    ),
)


def good_host(host: str) -> Case:
    return serves("RFC 9110 §7.2", repr(host), get(host=f"Host: {host}"), HTTP_HOST=host)


def bad_host(host: str) -> Case:
    return refuses("RFC 9112 §3.2", f"{host!r}: 400", get(host=f"Host: {host}"), 400)


HOST = Group(
    "Host",
    "Links, caches and virtual hosts are made from Host; an invalid one poisons them.",
    (
        good_host("here:8080"),
        good_host("here:"),
        good_host("127.0.0.1"),
        good_host("[::1]:8000"),
        good_host("[2001:db8::7]"),
        good_host("a_b.example"),
        good_host("xn--caf-dma.example."),
        good_host("caf%C3%A9.example"),
        serves("RFC 9112 §3.2", "an empty value", get(host="Host:"), HTTP_HOST=None, passes=(refused(),)),
        serves("RFC 9112 §3.2", "none in HTTP/1.0", request("GET /x HTTP/1.0", host=""), closes=True, path="/x"),
        refuses("RFC 9112 §3.2", "none: 400", get(host=""), 400),
        refuses("RFC 9112 §3.2", "two: 400", get("Host: evil"), 400),
        refuses("RFC 9112 §3.2", "two equal ones: 400", get("Host: here"), 400),
        refuses("RFC 9112 §3.2", "two, far apart and in other cases: 400", get("X-A: b", "hOST: here"), 400),
        refuses("RFC 9112 §3.2", "two in HTTP/1.0: 400", request("GET /x HTTP/1.0", "Host: evil"), 400),
        *map(
            bad_host,
            (
                "a b",
                "here, evil",
                "here/evil",
                "here\\evil",
                "user@here",
                "http://here/",
                "here?a",
                "here#evil",
                "here:80x",
                "here:-1",
                "here:80:80",
                "::1",
                "[::1",
                "::1]",
                "[::1]x",
                "[::1]80",
                "[here]",
                "[1::2::3]",
                "<script>",
                '"here"',
                "here|evil",
                "h^re",
                "caf%zz",
                "caf\xc3\xa9",
                "here\0.evil",
                "here\x7f",
                "{here}",
            ),
        ),
    ),
)

GROUPS = (HOST, FIELDS)
