"""Every case, in the order in which it is told. Each module of this folder is about one part of the RFCs."""

from __future__ import annotations

from conformance.cases import answers, chunks, connections, environ, fields, framing, hostile, refusals, request_line

GROUPS = tuple(
    group
    for module in (request_line, fields, framing, chunks, connections, refusals, answers, environ, hostile)
    for group in module.GROUPS
)
