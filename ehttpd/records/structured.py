"""Records for programs: JSON and logfmt, with the same names in the same order.

The names are OpenTelemetry's where it has one (semantic conventions for HTTP and for exceptions); those of ours have no
dot. Text goes through a real encoder. What the fields of a request give is kept with them: clients send the same
section again and again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import TypeAlias

from ehttpd.messages import NO_BODY, NO_FIELDS, Request
from ehttpd.records.moments import rfc3339
from ehttpd.records.quoting import json_string, logfmt_value
from ehttpd.records.record import Record

Encode: TypeAlias = Callable[[str], str]

# What every line has, and how it is written: %s what is encoded already, or needs not to be.
ALWAYS = {
    "timestamp": "%s",
    "http.request.method": "%s",
    "url.path": "%s",
    "http.response.status_code": "%d",
    "http.response.body.size": "%d",
    "duration_ms": "%.3f",
    "queue_ms": "%.3f",
    "request_id": "%s",
    "thread": "%s",
    "client.address": "%s",
    "url.scheme": "%s",
    "network.protocol.version": "%s",
}
# What comes after it: from the fields of the request, the first two always ...
FROM_FIELDS = ("server.address", "user_agent.original", "server.port", "referer", "trace_id", "span_id")
# ... and what else is known.
BESIDES = ("url.query", "http.request.body.size", "error.type", "request_line")
# W3C Trace Context, §3.2: version, trace, parent, flags.
TRACE_PARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
# So says OpenTelemetry of a method that was not understood; and we, of a client that left before there was an answer.
OTHER_METHOD = "_OTHER"
CLIENT_LEFT = "client_left"
NOTHING = Request(OTHER_METHOD, "", "HTTP/", NO_FIELDS)


def structured(
    encode: Encode, name: Callable[[str], str], comma: str, ends: tuple[str, str]
) -> Callable[[Record], str]:  # fmt: skip
    """Return what makes a line: pairs of a name and a value, with ``comma`` between them, between two ``ends``."""
    always = {**ALWAYS, "timestamp": encode("%s")}  # which needs no encoder each time
    pattern = ends[0] + comma.join(name(each) + written for each, written in always.items()) + "%s%s" + ends[1]
    begin = {each: comma + name(each) for each in (*FROM_FIELDS, *BESIDES)}

    def line(record: Record) -> str:
        request = record.request or NOTHING
        path, _, query = request.target.partition("?")
        headers = request.headers
        known = getattr(headers, "noted", None)  # a slot that nobody else uses: it is not set before
        if known is None or known[0] is not encode:
            known = headers.noted = (encode, _from_fields(headers.values, encode, begin))
        besides = f"{begin['url.query']}{encode(query)}" if query else ""
        if request.body is not NO_BODY or record.refusal or record.response is None:
            besides += _besides(record, encode, begin)
        return pattern % (
            rfc3339(record.ended),
            encode(request.method),
            encode(path),
            record.status,
            record.body_octets,
            record.seconds * 1e3,
            record.queue_seconds * 1e3,
            encode(record.request_id),
            encode(record.thread),
            encode(record.remote),
            encode(record.client.scheme),
            encode(request.version[5:]),
            known[1],
            besides,
        )

    return line


def _from_fields(values: Mapping[str, str], encode: Encode, begin: Mapping[str, str]) -> str:
    host, port = _host_and_port(values.get("host", ""))
    pairs = begin["server.address"] + encode(host)
    pairs += begin["user_agent.original"] + encode(values.get("user-agent", ""))
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
