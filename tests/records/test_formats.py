"""Formats of the access log: what they say, and that nothing a client sends leaves its place in the line."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ehttpd.errors import SettingsError
from ehttpd.fields import Fields
from ehttpd.messages import Client, Request, Response
from ehttpd.records import Record
from ehttpd.records.formats import NAMES, format_of

WHEN = 1_795_000_000.1239
COMBINED = re.compile(
    r'(\S+) (\S+) (\S+) \[([^\]]+)\] "([^"]*)" (\d{3}) (\d+|-) "([^"]*)" "([^"]*)"'
)  # fmt: skip
LOGFMT_PAIR = re.compile(r'([^ ="]+)=("(?:[^"\\]|\\.)*"|[^ "=\\]*)(?: |$)')


def record_of(
    *fields: tuple[str, str], target: str = "/a/b?c=d", method: str = "GET", response: Response | None = None
) -> Record:
    client = Client(("192.0.2.1", 5), ("127.0.0.1", 80))
    request = Request(method, target, headers=Fields([("Host", "shop.example:8080"), *fields]), client=client)
    record = Record(client, request, response or Response(b"hello", 201), 5, 0.0019004, 0.0001)
    record.ended, record.thread = WHEN, "ehttpd-3"
    return record


def refused(first_line: str) -> Record:
    record = Record(Client(("192.0.2.1", 5)), None, Response(b"", 400), 0, 0.1, 0.0, "BadRequest", first_line)
    record.ended = WHEN
    return record


def parsed_logfmt(line: str) -> dict[str, str]:
    """Take a line of logfmt apart; nothing may be left."""
    pairs, at = {}, 0
    while at < len(line):
        pair = LOGFMT_PAIR.match(line, at)
        assert pair, line[at:]
        pairs[pair[1]] = json.loads(pair[2]) if pair[2].startswith('"') else pair[2]
        at = pair.end()
    return pairs


# What they say


def test_the_common_and_the_combined_format_are_those_that_every_reader_knows() -> None:
    record = record_of(("Referer", "https://x.example/"), ("User-Agent", "Curl (x)"), ("Authorization", "Basic YTpi"))
    common = '192.0.2.1 - a [18/Nov/2026:11:06:40 +0000] "GET /a/b?c=d HTTP/1.1" 201 5'
    assert format_of("common")(record) == common
    assert format_of("combined")(record) == f'{common} "https://x.example/" "Curl (x)"'


def test_json_has_the_names_of_opentelemetry() -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    line = format_of("json")(record_of(("User-Agent", 'a"b'), ("Referer", "r"), ("traceparent", parent)))
    told = json.loads(line)
    assert len(told.pop("request_id")) == 16
    assert told == {
        "timestamp": "2026-11-18T11:06:40.123Z", "http.request.method": "GET", "url.path": "/a/b", "url.query": "c=d",
        "url.scheme": "http", "network.protocol.version": "1.1", "http.response.status_code": 201,
        "http.response.body.size": 5, "client.address": "192.0.2.1", "server.address": "shop.example",
        "server.port": 8080, "user_agent.original": 'a"b', "referer": "r", "duration_ms": 1.9, "queue_ms": 0.1,
        "thread": "ehttpd-3", "trace_id": "0af7651916cd43dd8448eb211c80319c", "span_id": "b7ad6b7169203331",
    }  # fmt: skip


def test_logfmt_says_the_same_as_json() -> None:
    record = record_of(("User-Agent", "a b"), method="POST")
    told = json.loads(format_of("json")(record))
    written = parsed_logfmt(format_of("logfmt")(record))
    assert list(written) == list(told)
    assert {name: str(value) for name, value in told.items()} == {
        name: value.rstrip("0").rstrip(".") if name.endswith("_ms") else value for name, value in written.items()
    }


@pytest.mark.parametrize("name", ['"', 'a"b\\', "two words", "a=b", 'ends so"', ""])
def test_whatever_names_an_application_gives_they_can_be_read_back(name: str) -> None:
    record = record_of()
    assert record.request is not None
    record.request.state["request_id"] = name
    told, written = json.loads(format_of("json")(record)), parsed_logfmt(format_of("logfmt")(record))
    assert told["request_id"] == written["request_id"] == record.request_id


@pytest.mark.parametrize(
    ("seconds", "written"),
    [(0, "0.000"), (0.0012345, "1.234"), (0.0049999, "4.999"), (0.0051, "5.100"), (6, "6000.000")],
)  # fmt: skip
def test_durations_have_microseconds(seconds: float, written: str) -> None:
    record = record_of()
    record.seconds = record.queue_seconds = seconds
    assert f'"duration_ms":{written},"queue_ms":{written},' in format_of("json")(record)
    assert format_of("%(duration_ms)s %(queue_ms)s")(record) == f"{written} {written}"


def test_of_what_was_refused_the_beginning_is_told() -> None:
    told = json.loads(format_of("json")(refused("GET  /\xff")))
    assert told["http.request.method"] == "_OTHER"
    assert (told["error.type"], told["request_line"]) == ("BadRequest", "GET  /\xff")
    assert '"GET  /\\xff" 400 -' in format_of("common")(refused("GET  /\xff"))


def test_the_fields_of_a_request_are_told_in_each_format() -> None:
    record = record_of(("User-Agent", "x y"))
    assert '"user_agent.original":"x y"' in format_of("json")(record)
    assert 'user_agent.original="x y"' in format_of("logfmt")(record)
    assert '"user_agent.original":"x y"' in format_of("json")(record)


def test_developers_read_a_short_line() -> None:
    line = format_of("dev")(record_of(target="/items/7"))
    assert re.fullmatch(r"\d\d:\d\d:40 201 GET /items/7  1\.9ms  5B  t3 q0\.1ms", line)
    assert "\x1b[32m201\x1b[0m" in format_of("dev", coloured=True)(record_of())
    assert "\x1b[33m400\x1b[0m GET\\x20\\xff " in format_of("dev", coloured=True)(refused("GET \xff"))


@pytest.mark.parametrize(
    ("template", "line"),
    [
        ("%(h)s|%(l)s|%(u)s|%(s)s|%(b)s|%(B)s", "192.0.2.1|-|-|201|5|5"),
        ('"%(r)s" %(m)s %(U)s %(q)s %(H)s', '"GET /a/b?c=d HTTP/1.1" GET /a/b c=d HTTP/1.1'),
        ("%(T)s %(M)s %(D)s %(L)s", "0 1 1900 0.001900"),
        ("%(queue_ms)s %(duration_ms)s %(thread)s %(scheme)s", "0.100 1.900 ehttpd-3 http"),
        ("%(time)s %(received)s %(refusal)s 100%%", "2026-11-18T11:06:40.123Z 0 - 100%"),
        ("%({x-a}i)s %({X-A}i)s %({none}i)s", "1 1 -"),
        ("%({X-B}o)s %({none}o)s", "2 -"),
        ("%({REMOTE_USER}e)s %({none}e)s", "anna -"),
        ('"%(a)s" "%({x-a}i)s"', '"-" "1"'),
    ],
)
def test_atoms_are_those_of_gunicorn_and_ours(template: str, line: str) -> None:
    record = record_of(("X-A", "1"), response=Response(b"", 201, {"x-b": "2"}))
    assert record.request is not None
    record.request.state["environ"] = {"REMOTE_USER": "anna"}
    assert format_of(template)(record) == line


def test_a_variable_that_cannot_be_shown_costs_no_line() -> None:
    class Hidden:
        def __str__(self) -> str:
            raise LookupError

    record = record_of()
    assert record.request is not None
    record.request.state["environ"] = {"shop.user": Hidden()}
    assert format_of('%(m)s "%({shop.user}e)s"')(record) == 'GET "<Hidden str() failed>"'


def test_a_process_and_a_request_have_names() -> None:
    assert re.fullmatch(r"<\d+> [0-9a-f]{16}", format_of("%(p)s %(request_id)s")(record_of()))


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("jsn", "Did you mean 'json'"),
        ("%(x)s", r"unknown atom %\(x\)s"),
        ("%(thred)s", r"Did you mean %\(thread\)s"),
        ("%h %l", "Found '%h %l'"),
        ("100%%", "unknown format"),
        ("%(s)d", r"Found '%\(s\)d'"),
        ("%({a b}i)s", "unknown atom"),
        ("%(h)s\n", "one line"),
        ("100%", "Found '%'"),
    ],
)
def test_what_is_no_format_is_told(written: str, message: str) -> None:
    with pytest.raises(SettingsError, match=message):
        format_of(written)


# What clients may send

# Octets as the server reads them: every one but CR and LF in fields, visible ones in a target.
values = st.text(st.characters(max_codepoint=255), max_size=20)
targets = st.text(st.characters(max_codepoint=255), max_size=20).map("/".__add__)
MEAN = '" \\ \x00\x1b[31m \x7f\x85\xff\r\n={}%(h)s\' "" 127.0.0.1 - - [x] "GET'


def looks_whole(line: str) -> None:
    assert line.isascii()
    assert line.isprintable() or "\x1b" in line
    assert len(line.splitlines()) == 1


@given(target=targets, agent=values, referer=values, user=values, host=values)
def test_whatever_a_client_sends_a_record_is_one_line_and_reads_back(
    target: str, agent: str, referer: str, user: str, host: str
) -> None:
    fields = [("User-Agent", agent), ("Referer", referer), ("Host", host), ("X-A", user), ("Authorization", user)]
    record = record_of(target=target, method=user or "GET")
    assert record.request is not None
    record.request.headers = Fields(fields)
    check(record, agent, target)


@pytest.mark.parametrize("agent", [MEAN, '"', "\\", "\\x22", "a\nb", " ", ""])
def test_known_tricks_are_no_use(agent: str) -> None:
    check(record_of(("User-Agent", agent), ("Referer", agent), target=f"/{agent}"), agent, f"/{agent}")
    looks_whole(format_of("json")(refused(agent)))
    looks_whole(format_of("logfmt")(refused(agent)))
    looks_whole(format_of("common")(refused(agent)))


def check(record: Record, agent: str, target: str) -> None:
    lines = {name: format_of(name)(record) for name in NAMES}
    for line in lines.values():
        assert line.replace("\x7f", "").isascii()
        assert len(line.splitlines()) == 1
    told = json.loads(lines["json"])
    written = parsed_logfmt(lines["logfmt"])
    for each in (told, written):
        assert each["user_agent.original"] == agent
        assert each["url.path"] == target.partition("?")[0]
    found = COMBINED.fullmatch(lines["combined"])
    assert found, lines["combined"]
    assert unescaped(found[9]) == (agent or "-")
    assert unescaped(found[5]).endswith(f" {target} HTTP/1.1")


def unescaped(text: str) -> str:
    return re.sub(r"\\x([0-9a-f]{2})", lambda found: chr(int(found[1], 16)), text)


@given(value=values)
def test_an_atom_without_quotation_marks_has_no_space(value: str) -> None:
    line: Callable[[Record], str] = format_of("%({x-a}i)s %(s)s")
    first, status = line(record_of(("X-A", value))).split(" ")
    assert (unescaped(first), status) == (value or "-", "201")
