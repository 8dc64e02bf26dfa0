"""What ``ehttpd top`` shows: lines of text made from what ``/stats.json`` tells, second by second.

Knows widths and ANSI's colours (ECMA-48 §8.3.117); nothing of a terminal, of keys or of where figures come from.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from ehttpd.admin.history import Point, point
from ehttpd.admin.merging import count_of
from ehttpd.admin.threads import place, printable
from ehttpd.admin.wording import duration, mishaps, number_said, size
from ehttpd.typed import TYPE_CHECKING

if TYPE_CHECKING:
    from typing import Any

SGR = re.compile(r"\x1b\[[0-9;]*m")
COLOUR = re.compile(r"\x1b\[3[0-7]m")
BARS = " ▁▂▃▄▅▆▇█"
BOLD, DIM, RED, GREEN, YELLOW, REVERSED = "1", "2", "31", "32", "33", "7"
STATES = {"ready": GREEN, "draining": YELLOW, "booting": YELLOW, "ailing": RED}
GAP = "   "
SLOW = 1.0  # seconds: from then on a request is remembered
REMEMBERED = 100
COLUMNS = ("WORKER", "PID", "BUSY/ALIVE/MAX", "QUEUE", "REQ/S", "5XX/S", "RSS", "CPU%", "GC", "AGE", "STATE")
WIDTHS = (7, 7, 15, 6, 9, 7, 9, 5, 7, 8, 8)
# By what workers may be sorted, and which column that is.
SORTS = ("WORKER", "REQ/S", "BUSY/ALIVE/MAX", "RSS", "CPU%")


class Board:
    """Everything that was told, as far as it is still shown."""

    def __init__(self) -> None:
        self.sort = SORTS[0]
        self._told: Mapping[str, Any] = {}
        self._before: Mapping[str, Any] = {}
        self._points: deque[Point] = deque(maxlen=120)
        self._slow: dict[tuple[int, str, str], tuple[float, str]] = {}

    def add(self, told: Mapping[str, Any]) -> None:
        """Take what is told now."""
        self._before, self._told = self._told, told
        if self._before.get("total") and told["total"] and told["taken"] > self._before["taken"]:
            seconds = told["taken"] - self._before["taken"]
            self._points.append(point(told["taken"], seconds, self._before["total"], told["total"]))
        for flight in told.get("requests", ()):
            if flight["seconds"] >= SLOW:
                key = flight["pid"], flight["thread"], f"{flight['method']} {flight['target']}"
                self._slow.pop(key, None)
                self._slow[key] = flight["seconds"], flight["where"]
        while len(self._slow) > REMEMBERED:
            self._slow.pop(next(iter(self._slow)))

    def sort_next(self) -> None:
        """Sort workers by the next column."""
        self.sort = SORTS[(SORTS.index(self.sort) + 1) % len(SORTS)]

    def mishaps(self) -> dict[str, int]:
        """Return what went wrong since the start."""
        return mishaps(self._told)

    # Views: each returns lines of at most ``width`` columns

    def summary(self, width: int) -> list[str]:
        """Return the head and the workers."""
        return [*self.head(width), *self.workers(width)]

    def head(self, width: int) -> list[str]:
        """Return how the whole server is: a title and as many lines as the figures need."""
        told = self._told
        state = told["ailment"] or told["state"]
        title = [
            f"{coloured('ehttpd', BOLD)} — {coloured(printable(told['application'] or '?'), BOLD)}",
            coloured(state, STATES.get(told["state"], RED)),
            f"up {duration(told['uptime'])}",
            f"pid {told['pid']}",
            ", ".join(told["addresses"]),
        ]
        return [*flowed(title, width), *flowed(self._load(), width), *flowed(self._room(), width)]

    def _load(self) -> list[str]:
        """Return how much there is to do, and how long it takes."""
        requests = (self._told["total"] or {}).get("requests")
        if self._told["total"] and requests is None:
            return ["requests are counted with --admin or --statsd-host"]
        if not self._points:
            return [f"{count_of(requests):,} requests", f"{count_of(requests, '5xx'):,} of them 5xx", *self._latency()]
        now = self._points[-1]
        bars = sparkline(each.requests for each in self._points)
        requests = f"req/s {coloured(number_said(now.requests), BOLD)} {bars}"
        errors = f"err/s {number_said(now.errors)}"
        moved = [f"{name} {size(self._rate(f'octets_{name}'))}/s" for name in ("in", "out")]
        return [
            requests,
            coloured(errors, RED) if now.errors else errors,
            f"p50 {milliseconds(now.p50)} p99 {milliseconds(now.p99)}",
            " ".join(moved),
        ]

    def _latency(self) -> list[str]:
        latency = (self._told["total"] or {}).get("latency")
        return [" ".join(f"{name} {milliseconds(value)}" for name, value in latency.items())] if latency else []

    def _rate(self, name: str) -> float:
        now, before = self._told["total"]["requests"], self._before["total"]["requests"]
        if now is None or before is None:
            return 0.0
        seconds: float = self._told["taken"] - self._before["taken"]
        return max(0.0, float(now[name] - before[name]) / seconds)

    def _room(self) -> list[str]:
        """Return what is taken of what there is."""
        total = self._told["total"]
        if not total:
            return ["no worker has booted"]
        queue, threads, connections = total["queue"], total["threads"], total["connections"]
        waiting = f"queue {queue['length']}"
        if queue["length"]:
            waiting = coloured(f"{waiting} (oldest {milliseconds(queue['longest_wait'])})", YELLOW)
        busy = f"threads {threads['busy']}/{threads['max']} busy, {threads['alive']} alive"
        found = [
            waiting,
            coloured(busy, YELLOW) if threads["busy"] >= threads["max"] else busy,
            f"conns {sum(connections.values())} ({connections['idle']} idle)",
        ]
        return [*found, f"{connections['tunnel']} upgraded"] if connections["tunnel"] else found

    def workers(self, width: int) -> list[str]:
        """Return a line for each worker, and a heading."""
        earlier = {each["pid"]: each for each in self._before.get("worker_status", ())}
        rows = [_worker(each, earlier.get(each["pid"])) for each in self._told["worker_status"]]
        place = COLUMNS.index(self.sort)
        rows.sort(key=lambda row: row[place][0], reverse=self.sort != "WORKER")
        heading = "".join(name.ljust(space) for name, space in zip(COLUMNS, WIDTHS, strict=True))
        lines = [coloured(cut(heading, width).ljust(width), REVERSED)]
        for row in rows:
            line = "".join(said.ljust(space) for (_, said), space in zip(row, WIDTHS, strict=True))
            lines.append(coloured_end(cut(line, width), row[-1][1]))
        return lines

    def requests(self, width: int, title: str = "IN FLIGHT") -> list[str]:
        """Return a line for each request in flight, oldest first, and a heading."""
        rows = [
            (f"{each['thread']}/{each['pid']}", f"{each['seconds']:.2f}s", f"{each['method']} {each['target']}",
             each["client"], each["where"])
            for each in self._told.get("requests", ())
        ]  # fmt: skip
        return table((title, "AGE", "REQUEST", "CLIENT", "WHERE"), rows, (16, 8, 24, 13), width)

    def slow(self, width: int) -> list[str]:
        """Return a line for each request that was seen to take a second or more, the last first, and a heading."""
        rows = [
            (f"{thread}/{pid}", f"{seconds:.2f}s", asked, where)
            for (pid, thread, asked), (seconds, where) in reversed(self._slow.items())
        ]
        return table(("SEEN TO BE SLOW", "AT LEAST", "REQUEST", "WHERE"), rows, (21, 10, 32), width)


def threads(told: Iterable[Mapping[str, Any]], width: int) -> list[str]:
    """Return a line for each thread of ``/threads.json``, and a heading."""
    rows = [
        (f"{each['name']}/{worker['pid']}", each["does"], f"{each['seconds']:.2f}s" if each["request"] else "",
         f"{each['request']['method']} {each['request']['target']}" if each["request"] else "", place(each["stack"]))
        for worker in told
        for each in worker["threads"]
    ]  # fmt: skip
    return table(("THREAD", "DOES", "FOR", "REQUEST", "WHERE"), rows, (27, 8, 8, 20), width)


def _worker(now: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[tuple[Any, str]]:
    """Return the cells of a worker: by what each is sorted, and what is said."""
    threads, process, requests = now["threads"], now["process"], now["requests"]
    seconds = now["taken"] - before["taken"] if before else 0.0

    def rate(value: float, earlier: float, known: bool = True) -> tuple[float, str]:
        per_second = max(0.0, value - earlier) / seconds if seconds else 0.0
        return per_second, number_said(per_second) if seconds and known else "–"

    then = before or now
    cpu, _ = rate(100 * process["cpu_seconds"], 100 * then["process"]["cpu_seconds"])
    return [
        (now["worker"], now["worker"]),
        (now["pid"], str(now["pid"])),
        (threads["busy"], f"{threads['busy']}/{threads['alive']}/{threads['max']}"),
        (now["queue"]["length"], str(now["queue"]["length"])),
        rate(count_of(requests), count_of(then["requests"]), requests is not None),
        rate(count_of(requests, "5xx"), count_of(then["requests"], "5xx"), requests is not None),
        (process["rss"], size(process["rss"])),
        (cpu, f"{cpu:.0f}" if seconds else "–"),
        (process["gc_seconds"], f"{process['gc_seconds']:.1f}s"),
        (now["started"], duration(now["taken"] - now["started"])),
        (now["state"], now["state"]),
    ]


def table(heading: Sequence[str], rows: Iterable[Sequence[str]], widths: Sequence[int], width: int) -> list[str]:
    """Return a heading and rows; the last column takes what is left."""

    def line(cells: Sequence[str]) -> str:
        fixed = [cut(printable(cell), space - 1).ljust(space) for cell, space in zip(cells, widths, strict=False)]
        return cut("".join([*fixed, printable(cells[-1])]), width)

    return [coloured(line(heading).ljust(width), REVERSED), *map(line, rows)]


def flowed(parts: Iterable[str], width: int) -> list[str]:
    """Return parts side by side, on as many lines as they need."""
    lines: list[str] = []
    for part in parts:
        if not lines or len(plain(lines[-1])) + len(GAP) + len(plain(part)) > width:
            lines.append(cut(part, width) if len(plain(part)) > width else part)
        else:
            lines[-1] += GAP + part
    return lines


def sparkline(values: Iterable[float], most: int = 16) -> str:
    """Return the last values as bars, the highest of them as high as there are."""
    last = list(values)[-most:]
    top = max(last, default=0.0) or 1.0
    return "".join(BARS[min(8, max(1, round(8 * value / top)))] if value else BARS[1] for value in last)


def milliseconds(seconds: float) -> str:
    """Return a duration as short as it is read."""
    if seconds >= 1:
        return f"{seconds:.1f}s"
    return f"{seconds * 1000:.0f}ms" if seconds >= 0.01 else f"{seconds * 1000:.1f}ms"


def coloured(text: str, code: str) -> str:
    return f"\x1b[{code}m{text}\x1b[0m"


def coloured_end(line: str, state: str) -> str:
    """Return a line with the colour of a state on its last word, if that is the state."""
    at = line.rstrip().rfind(state)
    return f"{line[:at]}{coloured(line[at:], STATES.get(state, RED))}" if at >= 0 else line


def plain(line: str) -> str:
    """Return a line without its colours."""
    return SGR.sub("", line)


def without_colours(line: str) -> str:
    """Return a line for whoever wants no colours (https://no-color.org): bold, dim and reversed text are none."""
    return COLOUR.sub("", line)


def cut(text: str, width: int) -> str:
    """Return as much of a text as fits."""
    text = plain(text)
    return text if len(text) <= width else f"{text[: max(0, width - 1)]}…"
