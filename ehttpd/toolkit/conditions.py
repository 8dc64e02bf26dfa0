"""Conditional requests: what a client has already, compared with what there is now.

RFC 9110 §8.8 and §13.
"""

from __future__ import annotations

import re
import time

from ehttpd.messages import Request
from ehttpd.toolkit.dates import parse_date

# RFC 9110 §8.8.3:  entity-tag = [ weak ] opaque-tag;  weak = %s"W/";  opaque-tag = DQUOTE *etagc DQUOTE
ENTITY_TAG = re.compile(r'(W/)?("[\x21\x23-\x7E\x80-\xFF]*")')


def entity_tags(field: str) -> list[tuple[bool, str]]:
    """Return the entity tags of a list, each with whether it is weak."""
    return [(bool(weak), opaque) for weak, opaque in ENTITY_TAG.findall(field)]


def matches(field: str, etag: str | None, *, weakly: bool) -> bool:
    """Tell whether ``etag`` is in a list of entity tags, or the list is ``*`` (RFC 9110 §8.8.3.2, §13.1.1, §13.1.2)."""
    if field.strip(" \t") == "*":
        return True
    ours = entity_tags(etag or "")
    if not ours:
        return False
    ((weak, opaque),) = ours
    return any(opaque == theirs and (weakly or not (weak or is_weak)) for is_weak, theirs in entity_tags(field))


def precondition(request: Request, etag: str | None, modified: float | None) -> int | None:
    """Return the status that ends a conditional request early, 304 or 412; None if it is to be answered as usual.

    ``etag`` and ``modified`` (seconds since the epoch) are what the representation has now. The order is that of
    RFC 9110 §13.2.2.
    """
    fields = request.headers
    reads = request.method in ("GET", "HEAD")
    seconds = None if modified is None else int(modified)
    if_match, if_none_match = fields.get("if-match"), fields.get("if-none-match")
    if if_match is not None:
        if not matches(if_match, etag, weakly=False):
            return 412
    elif _was_modified(fields.get("if-unmodified-since"), seconds) is True:
        return 412
    if if_none_match is not None:
        if matches(if_none_match, etag, weakly=True):
            return 304 if reads else 412
    elif reads and _was_modified(fields.get("if-modified-since"), seconds) is False:
        return 304
    return None


def _was_modified(since: str | None, modified: int | None) -> bool | None:
    """Tell whether it was modified since; None if there is no such field, or no such date."""
    date = parse_date(since) if since is not None else None
    return None if date is None or modified is None else modified > date


def ranges_apply(request: Request, etag: str | None, modified: float | None) -> bool:
    """Tell whether the Range field counts: If-Range, if there is one, names what there is now (RFC 9110 §13.1.5)."""
    field = request.headers.get("if-range")
    if field is None:
        return True
    if '"' in field:
        return field.strip(" \t") != "*" and matches(field, etag, weakly=False)
    date = parse_date(field)
    # RFC 9110 §8.8.2.2: a date tells two versions apart only once its second is over.
    return date is not None and modified is not None and date == int(modified) < int(time.time())
