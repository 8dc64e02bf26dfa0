"""The Date field, made once a second.

RFC 9110 §6.6.1 and §5.6.7. Any thread.
"""

from __future__ import annotations

import time

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def imf_fixdate(seconds: float) -> str:
    """Return a time since the epoch as HTTP writes it. `time.strftime` would use the locale's names."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(seconds)
    return f"{_DAYS[weekday]}, {day:02} {_MONTHS[month - 1]} {year} {hour:02}:{minute:02}:{second:02} GMT"


class DateField:
    """The field line ``Date: …`` with its CRLF, as of the last `refresh`."""

    __slots__ = ("_second", "line")

    def __init__(self) -> None:
        self._second = 0
        self.line = ""
        self.refresh()

    def refresh(self) -> None:
        """Make the line anew if the second has changed."""
        second = int(time.time())
        if second != self._second:
            self._second = second
            self.line = f"Date: {imf_fixdate(second)}\r\n"
