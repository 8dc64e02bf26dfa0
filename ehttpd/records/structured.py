"""Lines for programs: JSON and logfmt, with the same names in the same order.

The names are OpenTelemetry's where it has one (semantic conventions for HTTP and for exceptions); those of ours have no
dot. Text goes through a real encoder. What the head of a request gives is kept with its fields: clients send the same
head again and again. What several exchanges have in common is written once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from ehttpd.fields import Fields
from ehttpd.messages import Client
from ehttpd.messages.naming import new_name
from ehttpd.records.moments import MOST_WRITTEN, in_milliseconds, milliseconds, rfc3339
from ehttpd.records.note import USUAL, Besides, Line, Noted
from ehttpd.records.quoting import json_string, logfmt_value
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import TypeAlias

Encode: TypeAlias = Callable[[str], str]

# What every line has of its own.
ALWAYS = (
    "timestamp",
    "http.response.status_code",
    "http.response.body.size",
    "thread",
    "duration_ms",
    "queue_ms",
    "request_id",
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


def structured(
    encode: Encode, name: Callable[[str], str], comma: str, ends: tuple[str, str], quote: str
) -> Callable[[Sequence[Noted]], str]:  # fmt: skip
    """Return what makes lines, each with its end: pairs of a name and a value, with ``comma`` between them, between
    two ``ends``.

    A timestamp needs no encoder, nor does a name of ours: they only have a ``quote`` on both sides.
    """
    begin = {each: comma + name(each) for each in (*ALWAYS, *OF_REQUEST, *BESIDES)}
    of_when, of_status, of_size, of_thread, of_duration, of_queue, of_name = (begin[each] for each in ALWAYS)
    of_when = ends[0] + of_when[len(comma) :] + quote
    of_name += quote
    end = ends[1] + "\n"
    kept = partial(_kept, encode=encode, begin=begin, quote=quote, end=end)

    def lines(notes: Sequence[Noted]) -> str:
        pieces: list[str] = []
        durations = in_milliseconds
        since = until = 0.0
        last_status = last_octets = 0
        last_thread = common = ""
        for line, fields, client, identity, status, octets, seconds, queued, ended, thread, besides in notes:
            if (
                octets != last_octets
                or status is not last_status
                or thread is not last_thread
                or not since <= ended < until
            ):
                millisecond = int(ended * 1e3)
                since, until = millisecond / 1e3, (millisecond + 1) / 1e3
                last_status, last_octets, last_thread = status, octets, thread
                common = (
                    f"{of_when}{rfc3339(ended)}{quote}{of_status}{status}{of_size}{octets}"
                    f"{of_thread}{encode(thread)}{of_duration}"
                )
            try:
                whose, remote, way, known = fields.noted
            except AttributeError:
                whose = remote = way = None
            if whose is not line or remote is not client.remote or way is not encode:
                known = kept(line, fields, client)
            if besides is not USUAL:
                identity = encode(identity or new_name()).removeprefix(quote).removesuffix(quote)
                known = known.removesuffix(end) + _besides(besides, encode, begin) + end
            taken, waited = int(seconds * 1e6), int(queued * 1e6)
            pieces += (
                common, durations[taken] if taken < MOST_WRITTEN else milliseconds(seconds),
                of_queue, durations[waited] if waited < MOST_WRITTEN else milliseconds(queued),
                of_name, identity or new_name(), known,
            )  # fmt: skip
        return "".join(pieces)

    return lines


def _kept(
    line: Line | None, fields: Fields, client: Client, *, encode: Encode, begin: Mapping[str, str], quote: str, end: str
) -> str:  # fmt: skip
    """Return what follows the name of a request: what its head gives. Keep it with the fields."""
    if line is None:
        return quote + _of_request(OTHER_METHOD, "", "", fields, client, encode, begin) + end
    known = quote + _of_request(line.method, line.target, line.version[5:], fields, client, encode, begin) + end
    # The slot is nobody else's, and empty at first.
    fields.noted = (line, client.remote, encode, known)
    return known


def _of_request(
    method: str, target: str, version: str, fields: Fields, client: Client, encode: Encode, begin: Mapping[str, str]
) -> str:  # fmt: skip
    path, _, query = target.partition("?")
    values = fields.values
    host, port = _host_and_port(values.get("host", ""))
    always = (method, path, client.scheme, client.remote[0], host, values.get("user-agent", ""), version)
    pairs = "".join([begin[name] + encode(value) for name, value in zip(OF_REQUEST, always, strict=False)])
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


def _besides(besides: Besides, encode: Encode, begin: Mapping[str, str]) -> str:
    pairs = ""
    if besides.received:
        pairs += f"{begin['http.request.body.size']}{besides.received}"
    if besides.refusal or besides.left:
        pairs += begin["error.type"] + encode(besides.refusal or CLIENT_LEFT)
    if besides.first_line:
        pairs += begin["request_line"] + encode(besides.first_line)
    return pairs


json_lines = structured(json_string, lambda name: f'"{name}":', ",", ("{", "}"), '"')
logfmt_lines = structured(logfmt_value, lambda name: f"{name}=", " ", ("", ""), "")
