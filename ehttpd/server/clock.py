"""The fields that stand in every response, made once a second for the sake of Date.

RFC 9110 §6.6.1 and §5.6.7. Any thread.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ehttpd.http11.writer import Standing

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def imf_fixdate(seconds: float) -> str:
    """Return a time since the epoch as HTTP writes it. `time.strftime` would use the locale's names."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT"


class StandingFields:
    """The fields of every response, as of the last `refresh`: Date, Server and ``others``, where they are wanted."""

    __slots__ = ("_dated", "_others", "_second", "_server", "now")

    def __init__(self, server: str = "", *, dated: bool = True, others: Iterable[str] = ()) -> None:
        self._second = 0
        self._dated = dated
        self._server = f"Server: {server}\r\n".encode() if server else b""
        lines = (line.partition(":") for line in others)
        self._others = "".join(f"{name}: {value.strip()}\r\n" for name, _, value in lines).encode()
        self.refresh()

    def refresh(self) -> float:
        """Make them anew if the second has changed. Return the time since the epoch."""
        now = time.time()
        second = int(now)
        if second != self._second:
            self._second = second
            date = f"Date: {imf_fixdate(second)}\r\n".encode() if self._dated else b""
            self.now = Standing(date, self._server, self._others)
        return now
