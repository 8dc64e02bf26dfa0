"""The tables of docs/logging.md: each format with the line that it makes of the same request, and each atom."""

from __future__ import annotations

from ehttpd.fields import Fields
from ehttpd.messages import Client, Request, Response
from ehttpd.records import Record
from ehttpd.records.atoms import FAMILIES, OURS, THEIRS
from ehttpd.records.formats import NAMES, format_of

AGENT = "Mozilla/5.0 (X11; Linux)"
ATOMS = '%(h)s "%(m)s %(U)s" %(s)s %(queue_ms)s %(request_id)s'


def shown() -> Record:
    """Return the record of the request that the page shows."""
    fields = Fields([("Host", "shop.example"), ("User-Agent", AGENT), ("Referer", "https://shop.example/")])
    client = Client(("192.0.2.7", 51234), ("127.0.0.1", 8000))
    request = Request("GET", "/items/7?size=l", headers=fields, client=client)
    request.state["request_id"] = "5f1d8c0a93b7e264"
    record = Record(client, request, Response(b"", 200), 312, 0.0019004, 0.0001, "")
    record.ended, record.thread = 1_795_608_000.123, "ehttpd-3"
    return record


def formats() -> str:
    """Return what each format makes of it."""
    parts = []
    for name in (*NAMES, ATOMS):
        line = format_of(name)(shown())
        if name == "dev":  # the time zone is that of the machine
            line = f"12:00:00 {line.partition(' ')[2]}"
        parts.append(f"`{name}`\n\n```text\n{line}\n```\n")
    return "\n" + "\n".join(parts) + "\n"


def atoms() -> str:
    """Return the table of atoms."""
    rows = [f"| `%({name})s` | {meaning} |" for name, (meaning, _) in {**THEIRS, **OURS}.items()]
    families = [f"| `%({name})s` | {meaning} |" for name, meaning in FAMILIES.items()]
    return "\n".join(["", "| atom | |", "| --- | --- |", *rows, *families, "", ""])
