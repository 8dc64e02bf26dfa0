"""Moments as HTTP writes them, read. Writing them is the clock's.

RFC 9110 §5.6.7. `email.utils` would read much that is no date of HTTP.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_DAY_NAME = "(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)"
_MONTH = f"(?P<month>{'|'.join(_MONTHS)})"
_TIME = "(?P<hour>[0-9]{2}):(?P<minute>[0-9]{2}):(?P<second>[0-9]{2})"
# RFC 9110 §5.6.7:  HTTP-date = IMF-fixdate / obs-date
#   IMF-fixdate = day-name "," SP date1 SP time-of-day SP GMT
IMF_FIXDATE = re.compile(f"{_DAY_NAME}, (?P<day>[0-9]{{2}}) {_MONTH} (?P<year>[0-9]{{4}}) {_TIME} GMT")
#   obs-date = rfc850-date / asctime-date
_LONG_DAY_NAME = "(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day"
RFC850_DATE = re.compile(f"{_LONG_DAY_NAME}, (?P<day>[0-9]{{2}})-{_MONTH}-(?P<year>[0-9]{{2}}) {_TIME} GMT")
ASCTIME_DATE = re.compile(f"{_DAY_NAME} {_MONTH} (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})")


def parse_date(text: str) -> int | None:
    """Return an HTTP-date in any of its three forms as seconds since the epoch; None for anything else."""
    for form in (IMF_FIXDATE, RFC850_DATE, ASCTIME_DATE):
        found = form.fullmatch(text)
        if found:
            return _seconds(found)
    return None


def _seconds(found: re.Match[str]) -> int | None:
    year, month = int(found["year"]), _MONTHS.index(found["month"]) + 1
    if len(found["year"]) == 2:
        year = _full_year(year, datetime.now(UTC).year)
    day, hour, minute, second = (int(found[part]) for part in ("day", "hour", "minute", "second"))
    try:
        # A leap second is as good as the one before it.
        moment = datetime(year, month, day, hour, minute, 59 if second == 60 else second, tzinfo=UTC)
    except ValueError:
        return None
    return int(moment.timestamp())


def _full_year(two_digits: int, this_year: int) -> int:
    # RFC 9110 §5.6.7: what seems to be more than 50 years ahead is the last year with the same two digits.
    year = this_year // 100 * 100 + two_digits
    return year - 100 if year > this_year + 50 else year
