"""The admin's own handler: which path shows what, and which takes a command.

Runs on a server of its own, so that neither a busy pool nor a stuck one keeps an operator from looking.
"""

from __future__ import annotations

import json
from collections.abc import Callable

from ehttpd.admin import exposition, page, probes, threads
from ehttpd.admin.guard import refusal_of_command, refusal_of_reading
from ehttpd.admin.history import History
from ehttpd.admin.source import COMMANDS, CommandRefused, Source
from ehttpd.admin.statistics import statistics
from ehttpd.messages import Request, Response
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

FRESH = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
LONGEST_ARGUMENT = 64  # octets
COMMANDS_AT = {f"/{name}": name for name in COMMANDS}


class Admin:
    """What the admin address answers. Any thread."""

    def __init__(self, source: Source, history: History, *, commands_from_anywhere: bool) -> None:
        self._source = source
        self._history = history
        self._commands_from_anywhere = commands_from_anywhere
        self._shown: dict[str, Callable[[Request], Response]] = {
            "/": self._page,
            "/status": self._page,
            "/metrics": self._metrics,
            "/stats.json": self._statistics,
            "/healthz": self._health,
            "/readyz": self._readiness,
            "/threads": self._threads,
            "/threads.json": self._threads,
            "/requests": self._requests,
        }

    def __call__(self, request: Request) -> Response:
        path = request.raw_path
        if path in COMMANDS_AT:
            return self._command(request, COMMANDS_AT[path])
        show = self._shown.get(path)
        if show is None:
            return Response.text(f"There is nothing here. There are: {', '.join(self._shown)}.\n", 404)
        if request.method not in ("GET", "HEAD"):
            return Response.text("This is to be read.\n", 405, {"Allow": "GET, HEAD"})
        return refusal_of_reading(request) or show(request)

    def _page(self, _: Request) -> Response:
        source = self._source
        told = statistics(source.overview(), source.snapshots())
        told["requests"] = threads.in_flight(source.threads())
        found = page.rendered(told, self._history.points(), self._history.earlier())
        return Response(found, 200, page.fields() | FRESH)

    def _metrics(self, request: Request) -> Response:
        kind = request.accepts(*exposition.MEDIA_TYPES) or exposition.PROMETHEUS
        openmetrics = kind is not exposition.PROMETHEUS
        text = exposition.written(self._source.overview(), self._source.snapshots(), openmetrics=openmetrics)
        return Response(text.encode(), 200, {"Content-Type": kind, "Vary": "Accept", **FRESH})

    def _statistics(self, _: Request) -> Response:
        told = statistics(self._source.overview(), self._source.snapshots())
        told["requests"] = threads.in_flight(self._source.threads())
        return _as_json(told)

    def _health(self, _: Request) -> Response:
        return _verdict("alive", probes.illness(self._source))

    def _readiness(self, _: Request) -> Response:
        limit = self._source.overview()["ready_max_queue"]
        return _verdict("ready", probes.unreadiness(self._source.snapshots(), limit))

    def _threads(self, request: Request) -> Response:
        found = self._source.threads()
        if request.raw_path.endswith(".json") or "application/json" in (request.headers.get("accept") or ""):
            return _as_json(found)
        return Response.text(threads.written(found), 200, {"Vary": "Accept", **FRESH})

    def _requests(self, _: Request) -> Response:
        return _as_json(threads.in_flight(self._source.threads()))

    def _command(self, request: Request, name: str) -> Response:
        """Have a command done. Its argument is the whole of the body, or what stands behind the question mark."""
        if request.method != "POST":
            return Response.text("Commands are given with POST.\n", 405, {"Allow": "POST"})
        refusal = refusal_of_command(request, from_anywhere=self._commands_from_anywhere)
        if refusal is not None:
            return refusal
        argument = request.raw_query or request.body.read(LONGEST_ARGUMENT).decode("ascii", "replace").strip()
        try:
            return Response.text(f"{self._source.command(name, argument)}\n", 200, FRESH)
        except CommandRefused as refused:
            return Response.text(f"{refused}\n{refused.cure}\n", 409, FRESH)


def _as_json(value: Any) -> Response:
    return Response(json.dumps(value).encode(), 200, {"Content-Type": "application/json", **FRESH})


def _verdict(well: str, wrong: str) -> Response:
    return Response.text(f"{wrong or well}\n", 503 if wrong else 200, FRESH)
