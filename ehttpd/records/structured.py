"""Records for programs: JSON and logfmt, with the same names in the same order.

The names are OpenTelemetry's where it has one (semantic conventions for HTTP and for exceptions); those of ours have no
dot. Text goes through a real encoder. What the fields of a request give is kept with them: clients send the same
section again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ehttpd.messages import NO_BODY, NO_FIELDS, Client, Request
from ehttpd.records.moments import milliseconds, rfc3339
from ehttpd.records.quoting import json_string, logfmt_value
from ehttpd.records.record import Record

Encode: TypeAlias = Callable[[str], str]

# What every line has of its own.
ALWAYS = (
    "timestamp",
    "http.response.status_code",
    "http.response.body.size",
    "duration_ms",
    "queue_ms",
    "request_id",
    "thread",
)
# What comes after it, of the request: the first seven always ...
OF_REQUEST = (
    "http.request.method",
    "url.path",
    "url.scheme",
    "client.address",
    "server.address",
    "user_agent.original",
    "network.protocol.version",
    "url.query",
    "server.port",
    "referer",
    "trace_id",
    "span_id",
)
# ... and what else is known.
BESIDES = ("http.request.body.size", "error.type", "request_line")
# W3C Trace Context, §3.2: version, trace, parent, flags.
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
# So says OpenTelemetry of a method that was not understood; and we, of a client that left before there was an answer.
OTHER_METHOD = "_OTHER"
CLIENT_LEFT = "client_left"
NOTHING_KNOWN = ((), "")
NOTHING = Request(OTHER_METHOD, "", "HTTP/", NO_FIELDS)


def structured(
    encode: Encode, name: Callable[[str], str], comma: str, ends: tuple[str, str]
) -> Callable[[Record], str]:  # fmt: skip
    """Return what makes a line: pairs of a name and a value, with ``comma`` between them, between two ``ends``."""
    when, status, size, seconds, queued, request_id, thread = (comma + name(each) for each in ALWAYS)
    quote, end = '"' if encode is json_string else "", ends[1]  # a timestamp needs no encoder
    when, status = ends[0] + when[len(comma) :] + quote, quote + status
    begin = {each: comma + name(each) for each in (*OF_REQUEST, *BESIDES)}

    def line(record: Record) -> str:
        request, response = record.request or NOTHING, record.response
        headers, client = request.headers, record.client
        # Most requests of a connection have the fields of the one before, and many its first line. The slot is nobody
        # else's, and empty at first.
        whose = (request.method, request.target, client.remote, client.scheme, encode)
        known = getattr(headers, "noted", NOTHING_KNOWN)
        if known[0] != whose:
            known = headers.noted = (whose, _of_request(request, client, encode, begin))
        besides = ""
        if request.body is not NO_BODY or response is None or record.refusal:
            besides = _besides(record, encode, begin)
        return (
            f"{when}{rfc3339(record.ended)}{status}{record.status if response is None else int(response.status)}"
            f"{size}{record.body_octets}{seconds}{milliseconds(record.seconds)}"
            f"{queued}{milliseconds(record.queue_seconds)}{request_id}{encode(record.request_id)}"
            f"{thread}{encode(record.thread)}{known[1]}{besides}{end}"
        )

    return line


def _of_request(request: Request, client: Client, encode: Encode, begin: Mapping[str, str]) -> str:
    path, _, query = request.target.partition("?")
    values = request.headers.values
    host, port = _host_and_port(values.get("host", ""))
    always = (request.method, path, client.scheme, client.remote[0], host, values.get("user-agent", ""))
    values_always = zip(OF_REQUEST, (*always, request.version[5:]), strict=False)
    pairs = "".join(begin[name] + encode(value) for name, value in values_always)
    if query:
        pairs += begin["url.query"] + encode(query)
    if port:
        pairs += begin["server.port"] + port
    if referer := values.get("referer"):
        pairs += begin["referer"] + encode(referer)
    if trace := TRACE_PARENT.match(values.get("traceparent", "")):
        pairs += f"{begin['trace_id']}{encode(trace[1])}{begin['span_id']}{encode(trace[2])}"
    return pairs


def _host_and_port(host: str) -> tuple[str, str]:
    """Return both parts of a Host (RFC 9110 §7.2), the port as a number without leading zeros, or nothing."""
    name, colon, port = host.rpartition(":")
    if not colon or not port.isdecimal() or not port.isascii():
        return host.strip("[]"), ""
    return name.strip("[]"), str(int(port[:9]))


def _besides(record: Record, encode: Encode, begin: Mapping[str, str]) -> str:
    pairs = ""
    if record.received_octets:
        pairs += f"{begin['http.request.body.size']}{record.received_octets}"
    if record.refusal or record.response is None:
        pairs += begin["error.type"] + encode(record.refusal or CLIENT_LEFT)
    if record.request is None:
        pairs += begin["request_line"] + encode(record.first_line)
    return pairs


json_line = structured(json_string, lambda name: f'"{name}":', ",", ("{", "}"))
logfmt_line = structured(logfmt_value, lambda name: f"{name}=", " ", ("", ""))
