"""``docs/http.md``, made from the corpus: ``python -m tests.http11.page > docs/http.md``.

A section of the page for each section of an RFC: what is accepted, and what is refused, by the sentence of the answer.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator

from tests.http11.corpus import Case, load_all
from tests.http11.differences import ONLY_OURS, ONLY_THEIRS

INTRODUCTION = """\
# What is accepted, what is refused

Made from the {count} files of `tests/corpus/` by `python -m tests.http11.page`; a test compares. Each case is one
file, and each is read whole, octet by octet, behind another request and before one: {accepted} are accepted,
{refused} refused.

A request that is refused never reaches a handler. The client is told the status, and in the body the sentence that
stands over its table: the rule, and what was found instead. What it sends behind such a request is not read as a
request, and the connection closes, late enough for the answer to arrive. There is no switch for leniency. The
limits are those of the defaults, and are [settings](settings.md).

How the octets are shown: `\\r\\n` is CR LF, `\\xFF` an octet that cannot be printed, `<3 times ab>` is `ababab`. An
ellipsis stands for what most requests begin with, a request line and `Host: a`:

| shown as | what is sent |
| --- | --- |
| GET … | `GET / HTTP/1.1\\r\\n` and `Host: a\\r\\n` |
| POST … | `POST / HTTP/1.1\\r\\n` and `Host: a\\r\\n` |
| POST … *chunked* | `POST / HTTP/1.1\\r\\n`, `Host: a\\r\\n`, `Transfer-Encoding: chunked\\r\\n` and the empty line |
"""
BESIDE_H11 = """\
## Where h11 differs

[h11](https://h11.readthedocs.io) is a careful implementation by others, and every case above is read by it as well.
What both accept means the same to both. These are the cases that only one of them accepts, and why.
"""

# The RFCs in the order of the page, and the titles of their sections.
TITLES = {
    "RFC 9112": {
        "": "how requests are written",
        "2.1": "Message Format",
        "2.2": "Message Parsing",
        "2.3": "HTTP Version",
        "3": "Request Line",
        "3.2": "Request Target",
        "3.2.1": "origin-form",
        "3.2.2": "absolute-form",
        "3.2.3": "authority-form",
        "3.2.4": "asterisk-form",
        "5": "Field Syntax",
        "5.1": "Field Line Parsing",
        "5.2": "Obsolete Line Folding",
        "6": "Message Body",
        "6.1": "Transfer-Encoding",
        "6.3": "Message Body Length",
        "7": "Transfer Codings",
        "7.1": "Chunked Transfer Coding",
        "7.1.1": "Chunk Extensions",
        "7.1.2": "Chunked Trailer Section",
        "9.3": "Persistence",
        "9.3.2": "Pipelining",
        "9.6": "Tear-down",
        "11.2": "Request Smuggling",
    },
    "RFC 9110": {
        "": "what they mean",
        "2.5": "Protocol Version",
        "4.2": "HTTP-Related URI Schemes",
        "4.2.1": "http URI Scheme",
        "4.2.2": "https URI Scheme",
        "4.2.3": "http(s) Normalization and Comparison",
        "4.2.4": "Deprecation of userinfo in http(s) URIs",
        "5.1": "Field Names",
        "5.2": "Field Lines and Combined Field Value",
        "5.3": "Field Order",
        "5.4": "Field Limits",
        "5.5": "Field Values",
        "5.6.1": "Lists",
        "5.6.2": "Tokens",
        "5.6.4": "Quoted Strings",
        "6.5": "Trailer Fields",
        "6.5.1": "Limitations on Use of Trailers",
        "7.2": "Host",
        "7.4": "Rejecting Misdirected Requests",
        "7.6.1": "Connection",
        "7.8": "Upgrade",
        "8.4": "Content-Encoding",
        "8.6": "Content-Length",
        "9.1": "Methods",
        "9.3.1": "GET",
        "9.3.6": "CONNECT",
        "9.3.7": "OPTIONS",
        "9.3.8": "TRACE",
        "10.1.1": "Expect",
        "10.1.4": "TE",
        "15.5.15": "414 URI Too Long",
        "15.6.6": "505 HTTP Version Not Supported",
    },
    "RFC 3986": {
        "": "request targets and hosts",
        "2": "Characters",
        "2.1": "Percent-Encoding",
        "3.1": "Scheme",
        "3.2.2": "Host",
        "3.2.3": "Port",
        "3.3": "Path",
        "3.4": "Query",
        "5.2.4": "Remove Dot Segments",
    },
    "RFC 6265": {"": "cookies", "5.4": "The Cookie Header"},
    "RFC 6585": {"": "more status codes", "5": "431 Request Header Fields Too Large"},
    "RFC 9113": {"": "HTTP/2", "3.4": "HTTP/2 Connection Preface"},
}
OPENINGS = {
    ("POST / HTTP/1.1\\r\\n", "Host: a\\r\\n", "Transfer-Encoding: chunked\\r\\n", "\\r\\n"): "POST … *chunked* ",
    ("POST / HTTP/1.1\\r\\n", "Host: a\\r\\n"): "POST … ",
    ("GET / HTTP/1.1\\r\\n", "Host: a\\r\\n"): "GET … ",
}
REPEATED = re.compile(r"(.)\1{99,}")


def page() -> str:
    """Return the page."""
    accepted, refused = load_all("accepted"), load_all("refused")
    counts = {"count": len(accepted) + len(refused), "accepted": len(accepted), "refused": len(refused)}
    return "\n".join([INTRODUCTION.format(**counts), *sections(accepted + refused), *beside_h11()])


def sections(cases: list[Case]) -> Iterator[str]:
    """Yield the lines of every section that has cases; raise KeyError for a case without one."""
    by_section: dict[tuple[str, str], list[Case]] = {(rfc, ""): [] for rfc in TITLES}
    for case in cases:
        rfc, _, number = case.section.partition(" §")
        by_section.setdefault((rfc, number.partition(",")[0]), []).append(case)
    for rfc, number in sorted(by_section, key=place):
        title = TITLES[rfc][number]
        yield f"## {rfc}: {title}\n" if not number else f"### [§{number}]({link(rfc, number)}) {title}\n"
        yield from tables(by_section[rfc, number])


def place(section: tuple[str, str]) -> tuple[int, list[int]]:
    """Tell where a section stands on the page."""
    rfc, number = section
    return list(TITLES).index(rfc), [int(part) for part in number.split(".") if part]


def link(rfc: str, number: str) -> str:
    return f"https://www.rfc-editor.org/{rfc.lower().replace(' ', '/rfc')}#section-{number}"


def tables(cases: list[Case]) -> Iterator[str]:
    """Yield a table of what is accepted, then one for each sentence that refuses."""
    accepted = [case for case in cases if case.status is None]
    if accepted:
        yield "**Accepted**\n"
        yield from table(("case", "octets", "why", "what is read"), (accepted_row(case) for case in accepted))
    by_answer: dict[tuple[int, str], list[tuple[Case, str]]] = {}
    for case in cases:
        if case.status is not None:
            rule, _, found = case.noted("answers")[0].partition(" Found ")
            by_answer.setdefault((case.status, rule), []).append((case, found))
    for (status, rule), group in by_answer.items():
        yield f"**Refused, {status}:** {rule}\n"
        yield from table(("case", "octets", "why", "found"), (refused_row(case, found) for case, found in group))


def table(heading: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    for cells in (heading, ("---",) * len(heading), *rows):
        yield f"| {' | '.join(cells)} |"
    yield ""


def accepted_row(case: Case) -> tuple[str, ...]:
    read = [code(each.removesuffix(" ''")) for each in case.noted("reads")]
    told = [code(each) for kind in ("field", "trailer") for each in case.noted(kind)]
    end = ["the connection closes"] if case.noted("closes") else []
    return named(case, "accepted"), octets(case.lines), reason(case), "<br>".join(read + told + end)


def refused_row(case: Case, found: str) -> tuple[str, ...]:
    return named(case, "refused"), octets(case.lines), reason(case), code(found.removesuffix(".")) if found else ""


def named(case: Case, folder: str) -> str:
    return f"[{case.name.replace('-', ' ')}](../tests/corpus/{folder}/{case.name}.http)"


def reason(case: Case) -> str:
    _, _, also = case.section.partition(", ")
    return escaped(case.why + (f" ({also})" if also else ""))


def octets(lines: list[str]) -> str:
    """Return the stream of a case as its file shows it; the usual opening in short."""
    for opening, short in OPENINGS.items():
        if tuple(lines[: len(opening)]) == opening:
            return short + octets(lines[len(opening) :])
    shown: list[str] = []
    for line in lines:
        if line == "\\r\\n" and shown:
            shown[-1] += line
        else:
            shown.append(line)
    return "<br>".join(map(code, shown))


def code(text: str) -> str:
    """Return text as code in a cell of a table; long repeats in short."""
    text = REPEATED.sub(lambda run: f"<{len(run[0])} times {run[1]}>", text)
    text = "".join(each if each.isprintable() else each.encode("unicode_escape").decode() for each in text)
    fence, space = ("``", " ") if "`" in text or text.startswith(" ") else ("`", "")
    return f"{fence}{space}{text}{space}{fence}".replace("|", "\\|")


def escaped(text: str) -> str:
    """Return prose as Markdown that shows it as it is."""
    return re.sub(r"([*_<|\\])", r"\\\1", text)


def beside_h11() -> Iterator[str]:
    yield BESIDE_H11
    for title, folder, differences in (
        ("Accepted here, and refused by h11", "accepted", ONLY_OURS),
        ("Refused here, and accepted by h11", "refused", ONLY_THEIRS),
    ):
        cases = {case.name: case for case in load_all(folder)}
        yield f"**{title}**\n"
        for why, names in differences.items():
            yield f"- {why}: {', '.join(named(cases[name], folder) for name in names)}."
        yield ""


if __name__ == "__main__":
    sys.stdout.write(page())
